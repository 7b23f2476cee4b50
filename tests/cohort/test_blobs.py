"""The store of contents: whole or not there, safe on disk before it is acknowledged."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cohort.blobs import BlobMissingError, BlobStore
from tests.labs import eventually

CONTENT = random.Random(1).randbytes(3_000_000)
HASH = hashlib.sha256(CONTENT).hexdigest()


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_what_was_put_is_there_once_and_cannot_be_written(tmp_path):
    store = BlobStore(tmp_path / "store")
    assert store.put(io.BytesIO(CONTENT)) == (HASH, len(CONTENT))
    assert store.put(io.BytesIO(CONTENT)) == (HASH, len(CONTENT))
    empty = hashlib.sha256(b"").hexdigest()
    assert store.put(io.BytesIO(b"")) == (empty, 0)
    assert files(tmp_path) == {
        f"store/{HASH[:2]}/{HASH}": CONTENT, f"store/{empty[:2]}/{empty}": b"",
    }  # fmt: skip
    assert store.path(HASH).stat().st_mode & 0o777 == 0o444
    again = BlobStore(tmp_path / "store")
    assert again.exists(HASH)
    with again.open(HASH) as file:
        assert file.read() == CONTENT


@pytest.mark.parametrize("name", ["", "0" * 63, "0" * 65, "A" * 64, "../" + "0" * 61, "0" * 64])
def test_what_is_not_there(tmp_path, name):
    store = BlobStore(tmp_path / "store")
    with pytest.raises(BlobMissingError):
        store.open(name)


def test_file_then_name_then_folders_are_on_disk_before_put_returns(tmp_path, monkeypatch):
    store, done = BlobStore(tmp_path / "store"), []
    fsync, replace = os.fsync, os.replace

    def seen_fsync(descriptor: int) -> None:
        done.append(("sync", os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def seen_replace(source: Path, target: Path) -> None:
        done.append(("move", str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)
    store.put(io.BytesIO(CONTENT))
    folder = str(tmp_path / "store")
    (first, temporary), moved, *rest = done
    assert first == "sync" and temporary.startswith(f"{folder}/incoming/")
    assert moved == ("move", f"{folder}/{HASH[:2]}/{HASH}")
    assert sorted(rest) == [("sync", folder), ("sync", f"{folder}/{HASH[:2]}")]
    done.clear()
    # Known already, but perhaps by a put of another process that has not come to the folders yet.
    store.put(io.BytesIO(CONTENT))
    assert sorted(done) == sorted(rest)


def test_a_batch_is_taken_whole_or_not_at_all(tmp_path):
    store = BlobStore(tmp_path / "store")
    with pytest.raises(RuntimeError), store.batch() as batch:
        batch.put(io.BytesIO(CONTENT))
        raise RuntimeError
    assert files(tmp_path) == {}
    with store.batch() as batch:
        for content in (b"1", b"2", b"1"):
            batch.put(io.BytesIO(content))
        assert not store.exists(hashlib.sha256(b"1").hexdigest())
    assert sorted(files(tmp_path).values()) == [b"1", b"2"]


def test_a_stream_that_breaks_leaves_nothing(tmp_path):
    class BreakingStream(io.BytesIO):
        def read(self, size: int = -1) -> bytes:
            if self.tell() > 1_000_000:
                raise ConnectionResetError
            return super().read(size)

    store = BlobStore(tmp_path / "store")
    with pytest.raises(ConnectionResetError):
        store.put(BreakingStream(CONTENT))
    assert files(tmp_path) == {}


def test_many_put_the_same_at_once(tmp_path):
    def put(number: int) -> tuple:
        store = BlobStore(tmp_path / "store")
        with store.batch() as batch:
            batch.put(io.BytesIO(b"%d" % (number % 3)))
            return batch.put(io.BytesIO(CONTENT))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, range(40))) == {(HASH, len(CONTENT))}
    assert sorted(files(tmp_path).values()) == sorted([b"0", b"1", b"2", CONTENT])


def test_a_put_that_is_killed_leaves_a_temporary_file_that_a_sweep_removes(tmp_path):
    script = f"""
import sys
from pathlib import Path
from cohort.blobs import BlobStore
BlobStore(Path({str(tmp_path / "store")!r})).put(sys.stdin.buffer)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    process.stdin.write(CONTENT)
    process.stdin.flush()
    assert eventually(lambda: any(len(data) > 1_000_000 for data in files(tmp_path).values()))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdin.close()

    store = BlobStore(tmp_path / "store")
    assert [name.rpartition("/")[0] for name in files(tmp_path)] == ["store/incoming"]
    assert not store.exists(HASH)
    assert store.sweep_temporary() == 0  # it may yet be at work
    (temporary,) = store.incoming.iterdir()
    os.utime(temporary, (0, 0))
    store.put(io.BytesIO(b"kept"))
    assert store.sweep_temporary() == 1
    assert list(files(tmp_path).values()) == [b"kept"]


def test_a_file_that_the_disk_lost_half_of_is_written_anew(tmp_path):
    store = BlobStore(tmp_path / "store")
    store.put(io.BytesIO(CONTENT))
    path = store.path(HASH)
    path.chmod(0o644)
    path.write_bytes(CONTENT[:1000])
    store.put(io.BytesIO(CONTENT))
    assert path.read_bytes() == CONTENT
