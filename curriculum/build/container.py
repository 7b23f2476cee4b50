"""Runs parts of the build in the workspace image: no network, user 1000, sources read-only."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from curriculum.build.course import COURSE, HOME
from curriculum.build.errors import CurriculumError

SIDE_BY_SIDE = 2
INSIDE = Path("/proof/curriculum")
ENVIRONMENT = {
    "PYTHONPATH": "/proof",
    "HOME": "/tmp/home",  # noqa: S108  the container's own, gone with it
    "COHORT_SCENARIOS": "/out/scenarios",
    # Two notebooks side by side on two cores: a thread each.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Box:
    """A running container: the checkout's curriculum at `INSIDE`, ``out`` of ours at ``/out``."""

    def __init__(self, name: str, out: Path) -> None:
        self.name, self.out = name, out

    def python(self, *line: str) -> None:
        """Run Python in it; CurriculumError with what it said if it fails."""
        done = subprocess.run(
            ["docker", "exec", self.name, "python", *line], capture_output=True, text=True
        )
        if done.returncode:
            raise CurriculumError(f"{' '.join(line)}: {done.stdout[-2000:]}{done.stderr[-4000:]}")

    def module(self, name: str, *args: str) -> None:
        """Run a module of the build in it."""
        self.python("-m", f"curriculum.build.{name}", *args)


@contextmanager
def box(image: str) -> Iterator[Box]:
    """A container for the block, with the scenarios' data made and ready to draw."""
    with tempfile.TemporaryDirectory(prefix="curriculum-") as folder:
        out = Path(folder) / "out"
        out.mkdir()
        out.chmod(0o777)  # the container's user is not ours
        one = Box(start(image, out), out)
        try:
            # Matplotlib's list of fonts is made once a home, and says so on stderr if it is slow.
            one.python("-c", "import matplotlib.pyplot")
            one.module("scenarios", "/out/scenarios")
            yield one
        finally:
            subprocess.run(["docker", "exec", one.name, "sh", "-c", "rm -rf /out/*"])
            subprocess.run(["docker", "rm", "--force", one.name], capture_output=True)


def start(image: str, out: Path) -> str:
    """Start the container; its name."""
    flags = [part for k, v in ENVIRONMENT.items() for part in ("--env", f"{k}={v}")]
    # It ends by itself, should whoever started it be killed.
    line = ["docker", "run", "--detach", "--rm", "--init", "--network", "none",
            "--user", "1000:1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
            "--cpus", str(SIDE_BY_SIDE), "--memory", "6g", "--label", "cohort.kind=test",
            "--volume", f"{HOME}:{INSIDE}:ro", "--volume", f"{out}:/out", *flags,
            image, "sleep", "3600"]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        raise CurriculumError(f"The workspace image does not start: {done.stderr}")
    return done.stdout.strip()


def prove(one: Box, names: list[str], course: Path = INSIDE / COURSE.name) -> dict[str, dict]:
    """Prove lessons, two side by side; {name: {"problems": …, "facts": …}}.

    What was run is left in ``one.out / name``.
    """

    def lesson(name: str) -> dict:
        one.module("prove", str(course), name, f"/out/{name}")
        return json.loads((one.out / name / "proof.json").read_text(encoding="utf-8"))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return dict(zip(names, pool.map(lesson, names), strict=True))
