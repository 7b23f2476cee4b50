"""Brings the courses and the scenarios into a lab's data folder.

Invariant: people's workspaces and runs read both while this writes. A course changes by one
step of a git branch, a scenario file by file, each whole.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cohort.settings import Course, Settings
from curriculum.build.container import INSIDE, Box
from curriculum.build.course import HOME
from curriculum.build.errors import CurriculumError
from curriculum.build.publish import Repository


def deliver(settings: Settings, box: Box, image: str) -> list[str]:
    """Publish every course of the lab that is built here, and the scenarios; lines on each.

    CurriculumError if the lab was never brought up, or keeps to a version that there is not.
    """
    if not (settings.data / "curriculum").is_dir():
        raise CurriculumError(f"There is no lab in {settings.data}: bring it up first, make up.")
    ours = [one for one in settings.courses if (HOME / folder_of(one) / "source").is_dir()]
    said = [publish(settings, course, box) for course in ours]
    said += [give_sources(settings, course, image) for course in ours]
    changed = copy_changed(box.out / "scenarios", settings.data / "scenarios")
    return [*said, f"scenarios: {changed} files are new or changed"]


def give_sources(settings: Settings, course: Course, image: str) -> str:
    """Copy assignments that the course's server lacks into its folder; a line on what was done.

    What is there is its instructors' and stays. In a container, as the folder's user: nothing
    that they put there, a link say, leads anywhere else.
    """
    home = settings.data / "courses" / course.id
    if not home.is_dir():
        return f"{course.id}: its server has not been opened, so there is no folder for its sources"
    script = (
        "cd /source; n=0; for name in *; do [ -e /course/source/$name ] && continue; "
        "mkdir -p /course/source; cp -R $name /course/source/; n=$((n+1)); done; echo $n"
    )
    done = subprocess.run(
        ["docker", "run", "--rm", "--network", "none", "--user", "1000:1000", "--cap-drop", "ALL",
         "--security-opt", "no-new-privileges", "--label", "cohort.kind=curriculum",
         "--volume", f"{HOME / folder_of(course) / 'source'}:/source:ro",
         "--volume", f"{home}:/course", "--entrypoint", "sh", image, "-ec", script],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise CurriculumError(f"The sources of {course.id} were not copied: {done.stderr.strip()}")
    return f"{course.id}: {done.stdout.strip()} new assignments in its server's folder source"


def folder_of(course: Course) -> str:
    """A course's folder in the curriculum: named, or as the course itself."""
    return course.folder or course.id


def publish(settings: Settings, course: Course, box: Box) -> str:
    """Publish one course, and let the cohort have the version it keeps to, else the newest."""
    name = folder_of(course)
    repository = Repository(settings.data / "curriculum" / f"{name}.git")
    box.module("assemble", str(INSIDE / name), f"/out/publish/{name}")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(box.out / "publish" / name, folder, dirs_exist_ok=True)
        newest = repository.add(Path(folder))
    version = course.version or newest
    repository.follow(version)
    return f"{course.id}: {newest} is the newest version, workspaces follow {version}"


def copy_changed(source: Path, target: Path) -> int:
    """Copy files that differ, each by a rename; returns how many. What else is there stays."""
    changed = 0
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        there = target / path.relative_to(source)
        if there.is_file() and filecmp.cmp(path, there, shallow=False):
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=there.parent, delete=False) as copy:
            copy.write(path.read_bytes())
        Path(copy.name).chmod(0o644)
        os.replace(copy.name, there)
        changed += 1
    return changed
