"""Archives from users: what is taken, what is refused, and that a refusal leaves nothing."""

from __future__ import annotations

import gzip
import io
import os
import random
import resource
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.archives import (
    ArchiveError,
    ArchiveTooLargeError,
    Caps,
    check_name,
    read_archive,
    unpack,
)

CAPS = Caps(compressed_bytes=200_000, unpacked_bytes=300_000, files=20, file_bytes=200_000, depth=8)


def tar(*members: tuple[str | tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=format) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members:
            archive.writestr(info, data)
    return out.getvalue()


def zip_mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


BOTH = pytest.mark.parametrize("make", [tar, zipped])


def taken(data: bytes, caps: Caps = CAPS) -> dict[str, bytes]:
    found = {}
    for entry in read_archive(io.BytesIO(data), caps):
        whole = b""
        while part := entry.stream.read():
            whole += part
        found[entry.name] = whole
    return found


def refused(tmp_path: Path, data: bytes, caps: Caps = CAPS) -> str:
    """The sentence of a refusal, after which there is nothing."""
    with pytest.raises(ArchiveError) as caught:
        unpack(io.BytesIO(data), tmp_path / "into", caps)
    assert list(tmp_path.iterdir()) == []
    return str(caught.value)


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time and cannot be rewound, as a socket does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 7) if size >= 0 else 7)


@BOTH
def test_files_are_stored_as_they_are(tmp_path, make):
    files = {
        "nb.ipynb": b"{}",
        "data/é/𝄞.csv": b"1,2\n" * 30_000,
        "data/empty": b"",
        "Data/x": b"x",
    }
    names = unpack(Trickle(make(*files.items())), tmp_path / "into", CAPS)
    assert names == tuple(files)
    found = {str(p.relative_to(tmp_path / "into")): p for p in (tmp_path / "into").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == files
    assert [p.name for p in tmp_path.iterdir()] == ["into"]


def test_modes_are_reduced_to_two(tmp_path):
    info = tarfile.TarInfo("run.sh")
    info.mode = 0o6777
    other = tarfile.TarInfo("data")
    other.mode = 0o666
    unpack(io.BytesIO(tar((info, b"x"), (other, b"y"))), tmp_path / "t", CAPS)
    entries = (zip_mode("run.sh", stat.S_IFREG | 0o4755), b"x"), (zip_mode("data", 0o600), b"y")
    unpack(io.BytesIO(zipped(*entries)), tmp_path / "z", CAPS)
    for kind in "tz":
        assert (tmp_path / kind / "run.sh").stat().st_mode & 0o7777 == 0o755
        assert (tmp_path / kind / "data").stat().st_mode & 0o7777 == 0o644


def test_what_gnu_tar_and_zip_write_of_a_folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "a" / ("n" * 200)).mkdir(parents=True)
    (folder / "a" / ("n" * 200) / "file").write_bytes(b"deep")
    (folder / "b").write_bytes(b"b")
    done = subprocess.run(["tar", "-C", folder, "-cz", "."], capture_output=True, check=True)
    assert taken(done.stdout) == {f"a/{'n' * 200}/file": b"deep", "b": b"b"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("/etc/passwd", "absolute"),
        ("a//b", "empty part"),
        ("a/./b", "empty part"),
        ("a\\..\\b", "'\\\\'"),
        ("a\nb", "'\\n'"),
        ("a\x1b[2Jb", "'\\x1b'"),
        ("a\u202egnp.exe", "'\\u202e'"),
        ("n" * 256, "255"),
        ("/".join(["n" * 250] * 5), "1,024"),
        ("/".join("abcdefghi"), "8 levels"),
        ("..", "'..'"),
    ],
)
@BOTH
def test_names_that_are_refused(tmp_path, make, name, why):
    sentence = refused(tmp_path, make(("good", b"1"), (name, b"2")))
    assert why in sentence and "entry" in sentence and sentence.isprintable()


def test_names_with_nul_and_names_that_are_no_utf8(tmp_path):
    raw = zipped(("aXb", b"1")).replace(b"aXb", b"a\0b")
    assert "'\\x00'" in refused(tmp_path, raw)
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as file:
        file.addfile(tarfile.TarInfo("caf\xe9"))
    assert "'\\udce9'" in refused(tmp_path, out.getvalue())


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "a symbolic link"),
        (special("link", tarfile.LNKTYPE, "good"), "a hard link"),
        (special("dev", tarfile.CHRTYPE), "a device"),
        (special("dev", tarfile.BLKTYPE), "a device"),
        (special("pipe", tarfile.FIFOTYPE), "a named pipe"),
        (special("odd", tarfile.CONTTYPE), "of a kind that is not taken"),
    ],
)
def test_kinds_of_tar_entries_that_are_refused(tmp_path, entry, kind):
    sentence = refused(tmp_path, tar(("good", b"1"), (entry, b"")))
    assert kind in sentence and repr(entry.name) in sentence


def test_a_sparse_file_is_refused(tmp_path):
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(1 << 30)
    for format in ("gnu", "posix"):
        command = ["tar", "-C", tmp_path, "-czS", f"--format={format}", "hole"]
        data = subprocess.run(command, capture_output=True, check=True).stdout
        with pytest.raises(ArchiveError, match="'hole' is of a kind"):
            taken(data)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(stat.S_IFLNK | 0o777, "a symbolic link"), (stat.S_IFIFO | 0o644, "no regular file")],
)
def test_kinds_of_zip_entries_that_are_refused(tmp_path, mode, kind):
    sentence = refused(tmp_path, zipped(("good", b"1"), (zip_mode("bad", mode), b"/etc/passwd")))
    assert f"'bad' is {kind}" in sentence


def test_encrypted_and_oddly_compressed_zips(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"1" * 100)
    assert "'a' is compressed in another way" in refused(tmp_path, out.getvalue())
    data = bytearray(zipped(("a", b"1")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "'a' is encrypted" in refused(tmp_path, bytes(data))


@BOTH
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_there_twice_or_clash(tmp_path, make):
    assert "two entries 'a/b'" in refused(tmp_path, make(("a/b", b"1"), ("a/b", b"2")))
    assert "two entries './a'" not in refused(tmp_path, make(("a", b"1"), ("./a", b"2")))
    assert "'a' is a file and a folder" in refused(tmp_path, make(("a", b"1"), ("a/b", b"2")))
    assert "two entries 'a'" in refused(tmp_path, make(("a/b", b"1"), ("a", b"2")))
    assert taken(make(("a", b"1"), ("A", b"2"))) == {"a": b"1", "A": b"2"}


@BOTH
def test_caps(tmp_path, make):
    noise = random.Random(1).randbytes(199_000)
    assert set(taken(make(("a", noise)))) == {"a"}
    with pytest.raises(ArchiveTooLargeError, match=r"larger than 0\.2 MB"):
        taken(make(("a", noise), ("b", noise)))
    assert "'a' is larger than 0.2 MB" in refused(tmp_path, make(("a", b"0" * 200_001)))
    zeros = [(str(i), b"0" * 150_000) for i in range(3)]
    assert "unpacks to more than 0.3 MB" in refused(tmp_path, make(*zeros))
    assert "more than 20 entries" in refused(tmp_path, make(*[(str(i), b"") for i in range(21)]))


def test_folders_count_as_entries(tmp_path):
    folders = [special(f"d{i}", tarfile.DIRTYPE) for i in range(21)]
    assert "more than 20 entries" in refused(tmp_path, tar(*[(info, b"") for info in folders]))


@BOTH
def test_what_nobody_reads_counts_too(make):
    zeros = make(*[(str(i), b"0" * 150_000) for i in range(3)])
    with pytest.raises(ArchiveTooLargeError):
        list(read_archive(io.BytesIO(zeros), CAPS))


BOMBS: dict[str, Callable[[], bytes]] = {
    # Each of these claims, or holds, much more than it is large.
    "one file of a gigabyte": lambda: gzip.compress(header("a", 1 << 30) + bytes(200 << 20), 1),
    "a long name of a gigabyte": lambda: gzip.compress(
        header("a", 1 << 30, tarfile.GNUTYPE_LONGNAME) + b"n" * (200 << 20), 1
    ),
    "pax headers of a gigabyte": lambda: gzip.compress(
        header("a", 1 << 30, tarfile.XHDTYPE) + b"9" * (200 << 20), 1
    ),
    "a million headers": lambda: gzip.compress(header("g", 0, tarfile.XGLTYPE) * 400_000, 1),
    "padding": lambda: gzip.compress(bytes(200 << 20), 1),
}


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_fill_neither_memory_nor_disk(tmp_path, bomb):
    """In a process of its own that may have 100 MB more than it has at the start."""
    (tmp_path / "bomb").write_bytes(BOMBS[bomb]())
    script = f"""
import resource, sys
from pathlib import Path
from cohort.archives import *
caps = Caps(50_000_000, 50_000_000, 1000, 50_000_000)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000,) * 2)
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000_000,) * 2)
try:
    unpack(open({str(tmp_path / "bomb")!r}, "rb"), Path({str(tmp_path / "into")!r}), caps)
except ArchiveError as error:
    sys.exit("refused: " + str(error))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.startswith("refused: "), done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["bomb"]


def test_a_zip_whose_table_of_contents_is_out_of_proportion(tmp_path):
    data = bytearray(zipped(("a", b"1")))
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = (1 << 30).to_bytes(4, "little")
    data[end + 16 : end + 20] = bytes(4)
    assert "damaged" in refused(tmp_path, bytes(data))  # longer than the file itself
    many = zipped(*[(f"{i:0200}", b"") for i in range(9_000)])
    caps = Caps(10_000_000, 1_000, 20, 1_000)
    assert "table of contents" in refused(tmp_path, many, caps)


@pytest.mark.parametrize(
    "data", [b"", b"P", b"%PDF-1.4", b'{"cells": []}', b"BZh9", b"ustar" * 100]
)
def test_what_is_no_archive(tmp_path, data):
    assert ".tar.gz and .zip" in refused(tmp_path, data)


@BOTH
def test_an_archive_that_was_cut_off_anywhere(tmp_path, make):
    whole = make(("a", random.Random(2).randbytes(2_000)), ("b", b"2" * 2_000))
    assert len(taken(whole)) == 2
    for length in range(0, len(whole) - 1, 37):
        assert refused(tmp_path, whole[:length])


@BOTH
def test_an_archive_with_a_flipped_bit_is_refused_or_the_same(tmp_path, make):
    """Checksums do not cover names and modes of a tar; contents they cover always."""
    files = {"a": random.Random(3).randbytes(2_000), "b": b"2" * 2_000}
    whole = make(*files.items())
    refusals = 0
    for at in range(0, len(whole), 53):
        data = bytearray(whole)
        data[at] ^= 0x10
        try:
            assert sorted(taken(bytes(data)).values()) == sorted(files.values())
        except ArchiveError:
            refusals += 1
    assert refusals


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path):
    plain = bytearray(gzip.decompress(tar(("a", b"1"), ("b", b"2"))))
    plain[1024 + 148] ^= 1  # the checksum of the second header
    assert "header cannot be read" in refused(tmp_path, gzip.compress(bytes(plain)))


def test_an_error_while_storing_leaves_nothing_and_is_not_called_damage(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack(io.BytesIO(tar(("a", b"1" * 150_000))), tmp_path / "into", CAPS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_never_touched(tmp_path):
    (tmp_path / "into").mkdir()
    with pytest.raises(FileExistsError):
        unpack(io.BytesIO(tar(("a", b"1"))), tmp_path / "into", CAPS)
    assert list((tmp_path / "into").iterdir()) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"(\.{0,3}/?[a-b\\\x00]{0,2}/?){0,6}", fullmatch=True))
def test_a_name_that_passes_stays_inside_and_can_be_made(tmp_path_factory, name):
    try:
        check_name(name, 8)
    except ArchiveError as error:
        assert str(error).isprintable()
        return
    root = tmp_path_factory.getbasetemp() / "names"
    path = root / name
    assert path.resolve().is_relative_to(root.resolve()) and path.resolve() != root.resolve()
    assert os.path.relpath(path, root) == name
    name.encode()
