"""The course in a workspace: new versions come, and what a person did stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cohort.workspace.curriculum import missing
from curriculum.build.publish import Repository
from tests.curriculum.test_publish import course
from tests.workspace.servers import image


class Desk:
    """A home and the lab's repository, as a workspace sees them."""

    def __init__(self, folder: Path) -> None:
        self.home, self.shared, self.source = folder / "home", folder / "lab", folder / "course"
        self.home.mkdir()
        self.home.chmod(0o777)
        self.repository = Repository(self.shared / "ai-foundations.git")
        self.course = self.home / "ai-foundations"

    def publish(self, **files: str) -> None:
        """A new version of the course, followed at once."""
        self.repository.follow(self.repository.add(course(self.source, **files)))

    def bring(self) -> str:
        """What a workspace does after its start; what it logged."""
        done = subprocess.run(
            ["docker", "run", "--rm", "--network", "none", "--user", "1000", "--cap-drop", "ALL",
             "-v", f"{self.home}:/home/jovyan", "-v", f"{self.shared}:/srv/curriculum:ro",
             image(), "sh", "-c", "python -m cohort.workspace.curriculum; echo status $?"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout + done.stderr

    def read(self, name: str) -> str:
        """A file of the course as the person has it."""
        return (self.course / f"{name}.ipynb").read_text()


@pytest.fixture
def desk(tmp_path) -> Desk:
    """A desk that has the first version: ``a``, ``b`` and ``c``."""
    desk = Desk(tmp_path)
    desk.publish(a="1\n", b="1\n", c="1\n")
    said = desk.bring()
    assert "status 0" in said, said
    return desk


def write(desk: Desk, script: str) -> None:
    """Do something in the course as the person, who is user 1000."""
    subprocess.run(["setpriv", "--reuid", "1000", "--clear-groups", "sh", "-ec", script],
                   cwd=desk.course, check=True)  # fmt: skip


def test_a_new_version_comes_and_edits_stay(desk):
    assert [desk.read(name) for name in "abc"] == ["1\n"] * 3
    write(desk, "echo mine > a.ipynb; rm b.ipynb; echo notes > notes.ipynb")
    desk.publish(a="2\n", b="2\n", c="2\n", d="2\n")
    said = desk.bring()
    assert "status 0" in said, said
    assert {name: desk.read(name) for name in ("a", "b", "c", "d", "notes")} == {
        "a": "mine\n", "b": "2\n", "c": "2\n", "d": "2\n", "notes": "notes\n",
    }  # fmt: skip
    # The edit was kept as it is, and is no obstacle for what comes later.
    desk.publish(a="3\n", c="3\n")
    assert "status 0" in desk.bring()
    assert (desk.read("a"), desk.read("c")) == ("mine\n", "3\n")


def test_a_file_of_theirs_where_a_new_one_comes_is_kept_beside_it(desk):
    write(desk, "echo mine > d.ipynb")
    desk.publish(d="2\n")
    assert "status 0" in desk.bring()
    assert desk.read("d") == "2\n"
    kept = [path.read_text() for path in desk.course.glob("d__*.ipynb")]
    assert kept == ["mine\n"]


def test_a_cohort_goes_back_to_an_older_version(desk):
    desk.publish(a="2\n")
    desk.bring()
    desk.repository.follow("v1")
    assert "status 0" in desk.bring()
    assert desk.read("a") == "1\n"


def test_a_folder_of_that_name_that_is_not_the_course_is_left_alone(tmp_path):
    desk = Desk(tmp_path)
    desk.publish(a="1\n")
    desk.course.mkdir()
    (desk.course / "a.ipynb").write_text("mine\n")
    assert "left as it is" in desk.bring()
    assert desk.read("a") == "mine\n"


def test_a_course_is_missing_until_it_came(desk):
    assert not missing(desk.home, desk.shared)
    assert missing(desk.shared, desk.shared)


def test_nothing_is_published_and_nothing_happens(tmp_path):
    desk = Desk(tmp_path)
    (desk.shared / "ai-foundations.git" / "HEAD").unlink()
    assert desk.bring() == "status 0\n"
    assert list(desk.home.iterdir()) == []
