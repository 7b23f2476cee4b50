"""Publishes what learners get as versions in a git repository of the data folder.

Invariant: a version, once published, never changes: it is a commit with the tag ``v<n>``. The
branch `published` is what workspaces follow; it only ever moves forward, so that a workspace
can always merge it, also when a cohort goes back to an older version.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from curriculum.build.errors import CurriculumError

LATEST, PUBLISHED = "refs/heads/main", "refs/heads/published"
AUTHOR = {
    "GIT_AUTHOR_NAME": "Cohort", "GIT_AUTHOR_EMAIL": "curriculum@localhost",
    "GIT_COMMITTER_NAME": "Cohort", "GIT_COMMITTER_EMAIL": "curriculum@localhost",
    # Of this program alone: an operator's own settings change nothing in what learners get.
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip
# Two versions of a notebook are never woven together: half of each is no notebook.
ATTRIBUTES = "*.ipynb -merge\n"


class Repository:
    """A course's bare repository; made if it is not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "HEAD").is_file():
            path.mkdir(parents=True, exist_ok=True)
            # Readable for everybody's workspaces, whatever the operator's umask.
            self.git("init", "--bare", "--quiet", "--initial-branch=main", "--shared=0644")
            self.git("symbolic-ref", "HEAD", PUBLISHED)

    def git(self, *line: str, **environment: str) -> str:
        """Run git in it; what it printed. CurriculumError with what it said if it fails."""
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), *line],
            env={**os.environ, **AUTHOR, **environment}, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise CurriculumError(f"git {line[0]} in {self.path}: {done.stderr.strip()}")
        return done.stdout.strip()

    def commit(self, name: str) -> str | None:
        """The commit that a branch or tag stands for, or None."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        except CurriculumError:
            return None

    def versions(self) -> list[str]:
        """All that were published, oldest first."""
        return sorted(self.git("tag", "--list", "v*").split(), key=lambda tag: int(tag[1:]))

    def add(self, folder: Path) -> str:
        """Keep a folder as a version and return its name; the newest one if nothing changed."""
        (folder / ".gitattributes").write_text(ATTRIBUTES, encoding="utf-8")
        index = str(self.path / "publishing.index")
        Path(index).unlink(missing_ok=True)
        self.git("--work-tree", str(folder), "add", "--all", "--force", ".", GIT_INDEX_FILE=index)
        tree = self.git("write-tree", GIT_INDEX_FILE=index)
        Path(index).unlink()
        before = self.commit(LATEST)
        if before and self.git("rev-parse", f"{before}^{{tree}}") == tree:
            return self.versions()[-1]
        name = f"v{len(self.versions()) + 1}"
        made = self._commit(tree, before, name)
        # Both or neither: no version without its name.
        steps = f"create refs/tags/{name} {made}\nupdate {LATEST} {made} {before or '0' * 40}\n"
        self._update(steps)
        return name

    def follow(self, version: str) -> None:
        """Let workspaces have this version from now on; CurriculumError names those there are."""
        if version not in self.versions():
            known = ", ".join(self.versions()) or "none yet"
            raise CurriculumError(
                f"There is no version {version} of the course (there is {known})."
            )
        wanted = self.commit(f"refs/tags/{version}")
        tree, before = self.git("rev-parse", f"{wanted}^{{tree}}"), self.commit(PUBLISHED)
        if before and self.git("rev-parse", f"{before}^{{tree}}") == tree:
            return
        made = self._commit(tree, before, version)
        self._update(f"update {PUBLISHED} {made} {before or '0' * 40}\n")

    def _commit(self, tree: str, parent: str | None, message: str) -> str:
        line = ["commit-tree", tree, "-m", message]
        return self.git(*line, *(["-p", parent] if parent else []))

    def _update(self, steps: str) -> None:
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), "update-ref", "--stdin"],
            input=steps, env={**os.environ, **AUTHOR}, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise CurriculumError(f"{self.path} was changed by somebody else: publish again.")
