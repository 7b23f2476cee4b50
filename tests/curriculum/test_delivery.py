"""The courses and scenarios in a lab's folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cohort.settings import Course, Settings
from curriculum.build.course import COURSE
from curriculum.build.delivery import copy_changed, deliver, give_sources
from curriculum.build.errors import CurriculumError
from curriculum.build.publish import PUBLISHED, Repository
from tests.workspace.servers import image


def settings(data: Path) -> Settings:
    """A lab with our course and one that is built elsewhere."""
    profiles = [{"name": kind, "title": kind, "kind": kind} for kind in ("desk", "team", "course")]
    courses = [
        Course(id="ai", title="AI", folder=COURSE.name),
        Course(id="ethics", title="Ethics"),
    ]
    return Settings(lab={"data": data}, profiles=profiles, courses=courses)


def test_a_lab_gets_the_course_and_the_scenarios(box, tmp_path):
    lab = settings(tmp_path)
    with pytest.raises(CurriculumError, match="make up"):
        deliver(lab, box, image())
    (tmp_path / "curriculum").mkdir()
    said = deliver(lab, box, image())
    assert said[0] == "ai: v1 is the newest version, workspaces follow v1"
    assert "has not been opened" in said[1]
    assert "scenarios: 0 " not in said[-1] and len(said) == 3
    repository = Repository(tmp_path / "curriculum" / f"{COURSE.name}.git")
    files = repository.git("ls-tree", "-r", "--name-only", PUBLISHED).splitlines()
    assert {"02-data.ipynb", "Start here.ipynb", ".gitattributes"} <= set(files)
    assert not [name for name in files if name.startswith(("source", "proofs"))]
    assert (tmp_path / "scenarios" / "retail" / "README.md").is_file()

    if os.environ.get("COHORT_CAMPAIGN"):  # half a minute
        again = deliver(lab, box, image())
        assert again == [*said[:2], "scenarios: 0 files are new or changed"]


def test_a_courses_server_gets_assignments_that_it_lacks_and_keeps_its_own(tmp_path):
    lab = settings(tmp_path)
    home = tmp_path / "courses" / "ai"
    own, away = home / "source" / "02-data", tmp_path / "away"
    for folder in (own, away):
        folder.mkdir(parents=True)
    (own / "02-data.ipynb").write_text("the instructor's")
    for path in (home, home / "source", own, own / "02-data.ipynb"):
        os.chown(path, 1000, 1000)
    said = give_sources(lab, lab.courses[0], image())
    count = len(list((COURSE / "source").iterdir())) - 1
    assert said == f"ai: {count} new assignments in its server's folder source"
    assert (own / "02-data.ipynb").read_text() == "the instructor's"
    copied = home / "source" / "03-gradients" / "03-gradients.ipynb"
    assert "BEGIN HIDDEN TESTS" in copied.read_text() and copied.stat().st_uid == 1000
    assert give_sources(lab, lab.courses[0], image()).startswith("ai: 0 new")

    shutil.rmtree(home / "source")
    (home / "source").symlink_to(away)
    with pytest.raises(CurriculumError, match="were not copied"):
        give_sources(lab, lab.courses[0], image())
    assert list(away.iterdir()) == []


def test_files_change_whole_and_others_stay(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source / "a", target / "a"):
        folder.mkdir(parents=True)
    (source / "a" / "data.csv").write_text("new")
    (target / "a" / "data.csv").write_text("old")
    (target / "a" / "own.csv").write_text("the lab's own")
    with open(target / "a" / "data.csv") as reader:
        assert copy_changed(source, target) == 1
        assert reader.read() == "old", "who reads goes on reading what they opened"
    assert (target / "a" / "data.csv").read_text() == "new"
    assert copy_changed(source, target) == 0
    assert sorted(path.name for path in (target / "a").iterdir()) == ["data.csv", "own.csv"]
