"""Archives on their way to the service and back: no links, no surprises, whole or not at all."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from cohort.archives import ArchiveError
from grading.errors import GradingError
from grading.nbgrader.packing import Packer, add_missing, put_in_place, unpacked
from tests.grading.services import archive

IGNORE = ("feedback", "__pycache__", "*.pyc")


def names(folder, packer: Packer | None = None, top: str = "") -> list[str]:
    """What is packed of a folder."""
    with (packer or Packer(IGNORE, 10_000, 100_000)).packed({top: folder}) as file:
        return tarfile.open(fileobj=file).getnames()


def test_only_plain_files_of_the_folder_are_packed(tmp_path):
    folder, outside = tmp_path / "ps1", tmp_path / "outside"
    for path in (folder / "data", folder / "feedback", folder / "__pycache__", outside):
        path.mkdir(parents=True)
        (path / "a.txt").write_text("a")
    (folder / "work.ipynb").write_text("{}")
    (folder / "to-file").symlink_to(outside / "a.txt")
    (folder / "to-folder").symlink_to(outside)
    os.mkfifo(folder / "pipe")
    packer = Packer(IGNORE, 10_000, 100_000)
    assert names(folder, packer) == ["work.ipynb", "data/a.txt"]
    assert sorted(packer.left_out) == ["pipe", "to-file", "to-folder"]
    assert names(folder, top="release") == ["release/work.ipynb", "release/data/a.txt"]


def test_what_is_too_large_is_left_out_or_refused(tmp_path):
    (tmp_path / "small").write_bytes(b"x" * 900)
    (tmp_path / "large").write_bytes(b"x" * 1100)
    packer = Packer((), 1000, 100_000)
    assert names(tmp_path, packer) == ["small"]
    assert packer.left_out == ["large"]
    with pytest.raises(GradingError, match=r"holds more than 0\.0005 MB"):
        names(tmp_path, Packer((), 1000, 500))


def link(name: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    """An archive of a link to a file outside."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [archive({"../out": b""}), archive({"/out": b""}), link("a"), link("b", tarfile.LNKTYPE),
     link("dev", tarfile.CHRTYPE), b"no archive"],
)  # fmt: skip
def test_what_comes_in_is_checked_and_leaves_nothing(tmp_path, content):
    place = tmp_path / "course" / "ps1"
    with pytest.raises(ArchiveError), unpacked(io.BytesIO(content), place):
        pytest.fail("it was unpacked")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list(place.parent.iterdir()) == []


def test_a_folder_is_put_in_place_whole_and_never_through_a_link(tmp_path):
    place, elsewhere = tmp_path / "ps1", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for content in (b"1", b"2"):
        with unpacked(io.BytesIO(archive({"a/b": content})), place) as folder:
            put_in_place(folder, place)
        assert (place / "a/b").read_bytes() == content
    link_ = tmp_path / "link"
    link_.symlink_to(elsewhere)
    with (
        unpacked(io.BytesIO(archive({"a": b""})), link_) as folder,
        pytest.raises(GradingError, match="is a link"),
    ):
        put_in_place(folder, link_)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "link", "ps1"]
    assert list(elsewhere.iterdir()) == []


def test_missing_files_come_back_and_no_others(tmp_path):
    place, outside = tmp_path / "ps1", tmp_path / "outside"
    place.mkdir()
    outside.mkdir()
    (place / "mine").write_bytes(b"mine")
    (place / "data").symlink_to(outside)
    files = {"mine": b"theirs", "lost": b"found", "data/x": b"out"}
    with unpacked(io.BytesIO(archive(files)), place) as folder:
        assert add_missing(folder, place) == ["lost"]
    assert (place / "mine").read_bytes() == b"mine"
    assert list(outside.iterdir()) == []
