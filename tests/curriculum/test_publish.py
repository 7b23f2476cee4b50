"""Versions in the lab's repository: named once, never changed, always forward."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curriculum.build.errors import CurriculumError
from curriculum.build.publish import PUBLISHED, Repository


@pytest.fixture
def repository(tmp_path) -> Repository:
    """An empty one."""
    return Repository(tmp_path / "ai-foundations.git")


def course(folder: Path, **files: str) -> Path:
    """A folder with these files (``a`` is ``a.ipynb``)."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.ipynb").write_text(text)
    return folder


def text(repository: Repository, version: str, name: str = "a.ipynb") -> str:
    """A file of a version."""
    return repository.git("show", f"{version}:{name}")


def test_a_change_is_a_version_and_no_change_is_none(repository, tmp_path):
    folder = course(tmp_path / "one", a="1")
    assert [repository.add(folder), repository.add(folder)] == ["v1", "v1"]
    assert repository.add(course(folder, a="2")) == "v2"
    assert repository.versions() == ["v1", "v2"]
    assert (text(repository, "v1"), text(repository, "v2")) == ("1", "2")


def test_a_file_taken_out_is_gone_from_the_next_version(repository, tmp_path):
    folder = course(tmp_path / "one", a="1", b="1")
    repository.add(folder)
    (folder / "b.ipynb").unlink()
    assert repository.add(folder) == "v2"
    assert repository.git("ls-tree", "--name-only", "v2").split() == [".gitattributes", "a.ipynb"]


def test_tenth_versions_come_after_the_ninth(repository, tmp_path):
    for number in range(1, 12):
        assert repository.add(course(tmp_path / "one", a=str(number))) == f"v{number}"


def test_workspaces_follow_a_version_forward_also_to_an_older_one(repository, tmp_path):
    repository.add(course(tmp_path / "one", a="1"))
    repository.add(course(tmp_path / "one", a="2"))
    commits = []
    for version, wanted in (("v1", "1"), ("v2", "2"), ("v1", "1"), ("v1", "1")):
        repository.follow(version)
        assert text(repository, PUBLISHED) == wanted
        commits.append(repository.commit(PUBLISHED))
    assert commits[2] == commits[3], "the same again is no step"
    history = repository.git("rev-list", PUBLISHED).split()
    assert history == [commits[2], commits[1], commits[0]]


def test_a_version_that_there_is_not_is_refused_and_nothing_changes(repository, tmp_path):
    with pytest.raises(CurriculumError, match="there is none yet"):
        repository.follow("v1")
    repository.add(course(tmp_path / "one", a="1"))
    repository.follow("v1")
    for wrong in ("v2", "main", "", "--help"):
        with pytest.raises(CurriculumError, match="there is v1"):
            repository.follow(wrong)
    assert text(repository, PUBLISHED) == "1"


def test_everybody_may_read_it_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        repository = Repository(tmp_path / "course.git")
        repository.add(course(tmp_path / "one", a="1"))
        repository.follow("v1")
    finally:
        os.umask(before)
    closed = [
        path for path in [repository.path, *repository.path.rglob("*")]
        if path.stat().st_mode & 0o004 == 0 or (path.is_dir() and not path.stat().st_mode & 0o001)
    ]  # fmt: skip
    assert closed == []
