"""Snapshots: the same files are the same hash, nothing is lost, a run's copy is its own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import resource
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from cohort.archives import Caps
from experiments.errors import ExperimentError
from experiments.snapshots import CAPS, SnapshotStore, validate_notebook

FILES = {
    "nb.ipynb": json.dumps(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])),
    "data/é.csv": "1,2\n" * 1000,
    "data/same.csv": "1,2\n" * 1000,
    "run.sh": "#!/bin/sh\n",
}


def archive(files: dict[str, str | bytes], mtime: int = 0) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), mtime
            info.mode = 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


def on_disk(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def store(tmp_path) -> SnapshotStore:
    (tmp_path / "runs").mkdir()
    return SnapshotStore(tmp_path / "runs")


def refusal(call, *arguments) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        call(*arguments)
    return caught.value


def test_the_manifest_is_what_the_hash_says(store, tmp_path):
    manifest = store.add_archive(archive(FILES))
    content = (tmp_path / "runs" / "snapshots" / f"{manifest.hash}.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == manifest.hash
    listed = json.loads(content)["files"]
    assert [file["path"] for file in listed] == sorted(FILES)
    assert {file["path"]: file["mode"] for file in listed}["run.sh"] == 0o755
    for file in listed:
        data = FILES[file["path"]].encode()
        assert (file["sha256"], file["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert manifest.bytes == sum(len(text.encode()) for text in FILES.values())
    assert store.manifest(manifest.hash) == manifest
    assert SnapshotStore(tmp_path / "runs").read(manifest.hash, "run.sh") == b"#!/bin/sh\n"


def test_the_same_files_are_one_snapshot_whatever_their_order_and_times(store, tmp_path):
    first = store.add_archive(archive(FILES))
    before = on_disk(tmp_path)
    assert store.add_archive(archive(dict(reversed(FILES.items())), mtime=99)) == first
    assert on_disk(tmp_path) == before and len(before) == 4  # two files have one content
    other = store.add_archive(archive(FILES | {"run.sh": "#!/bin/bash\n"}))
    assert other.hash != first.hash and store.manifest(first.hash) == first


def test_a_hundred_at_once(store, tmp_path):
    def submit(number: int) -> str:
        return store.add_archive(archive(FILES | {"n": str(number % 10)})).hash

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(submit, range(100)))) == 10
    assert len(on_disk(tmp_path)) == 3 + 10 + 10


@pytest.mark.parametrize(
    ("files", "code", "status"),
    [
        ({"a": "1", "../x": "2"}, "snapshot_refused", 422),
        ({"a": "1", "b": "2" * 2001}, "snapshot_too_large", 413),
        ({}, "snapshot_empty", 422),
    ],
)
def test_what_is_refused_leaves_nothing(store, tmp_path, files, code, status):
    caps = Caps(10_000, 10_000, 10, 2_000)
    error = refusal(store.add_archive, archive(files), caps)
    assert (error.code, error.status) == (code, status)
    assert on_disk(tmp_path) == []


def test_a_full_disk_leaves_nothing_and_is_no_refusal(store, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            store.add_archive(archive({"a": "1", "b": random.Random(1).randbytes(200_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert on_disk(tmp_path) == []


@pytest.mark.skipif(not os.environ.get("COHORT_CAMPAIGN"), reason="no COHORT_CAMPAIGN: 200 MB")
def test_the_caps_as_they_are(store):
    noise = random.Random(1).randbytes(CAPS.file_bytes)
    assert store.add_archive(archive({"a": noise})).bytes == CAPS.file_bytes
    assert refusal(store.add_archive, archive({"a": noise + b"1"})).status == 413
    assert refusal(store.add_archive, archive(dict.fromkeys("abc", noise))).status == 413


def test_a_copy_is_whole_and_the_runs_own(store, tmp_path):
    manifest = store.add_archive(archive(FILES))
    work = tmp_path / "live" / "work"
    work.mkdir(parents=True)  # an empty one may be there
    assert store.materialise(manifest.hash, work, 1234) == manifest
    assert {str(p.relative_to(work)): p.read_text() for p in on_disk(work)} == FILES
    for path in (work, *work.rglob("*")):
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (1234, 1234)
        assert path.is_dir() or status.st_nlink == 1
    assert (work / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (work / "nb.ipynb").stat().st_mode & 0o777 == 0o644
    (work / "run.sh").write_text("changed")
    assert store.read(manifest.hash, "run.sh") == b"#!/bin/sh\n"
    assert [p.name for p in work.parent.iterdir()] == ["work"]


def test_a_copy_is_never_made_over_something(store, tmp_path):
    manifest = store.add_archive(archive(FILES))
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine").write_text("mine")
    with pytest.raises(FileExistsError):
        store.materialise(manifest.hash, tmp_path / "work")
    assert on_disk(tmp_path / "work") == [tmp_path / "work" / "mine"]


def test_a_copy_of_what_the_disk_has_lost_is_not_made(store, tmp_path):
    manifest = store.add_archive(archive(FILES))
    store.blobs.path(manifest.file("run.sh").sha256).unlink()
    error = refusal(store.materialise, manifest.hash, tmp_path / "work")
    assert error.code == "snapshot_damaged" and "'run.sh'" in str(error)
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]


def test_a_manifest_that_was_changed_is_noticed(store, tmp_path):
    manifest = store.add_archive(archive(FILES))
    path = tmp_path / "runs" / "snapshots" / f"{manifest.hash}.json"
    path.write_bytes(path.read_bytes().replace(b"run.sh", b"rux.sh"))
    assert refusal(store.manifest, manifest.hash).code == "snapshot_damaged"


@pytest.mark.parametrize("name", ["", "0" * 64, "../" * 22, "A" * 64])
def test_snapshots_and_files_that_are_not_there(store, name):
    error = refusal(store.manifest, name)
    assert (error.code, error.status) == ("snapshot_missing", 404)
    manifest = store.add_archive(archive(FILES))
    error = refusal(store.read, manifest.hash, "../" + name)
    assert (error.code, error.status) == ("file_missing", 404)


def test_a_notebook_out_of_a_snapshot(store):
    manifest = store.add_archive(archive(FILES))
    assert store.notebook(manifest.hash, "nb.ipynb")["cells"][0]["source"] == "1"
    assert refusal(store.notebook, manifest.hash, "run.sh").code == "notebook_invalid"


def notebook(cells: list, **more: object) -> dict:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **more}


CODE = {"cell_type": "code", "source": "", "metadata": {}, "outputs": [], "execution_count": None}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"), (b"{", "not JSON"), (b"\xff\xfe", "not JSON"), (b"%PDF", "not JSON"),
        (b"[" * 100_000, "not JSON"), (b"9" * 5000, "not JSON"),
        ([], "JSON of another kind"), ({"cells": []}, "another kind"), ("nb", "another kind"),
        (notebook([], nbformat=3), "not version 4"), (notebook([], nbformat="4"), "version 4"),
        (notebook([], nbformat_minor=None), "version 4"),
        (notebook({}), "no list of cells"), (notebook([], metadata=[]), "no metadata"),
        (notebook([CODE, 1]), "cell 2"), (notebook([CODE | {"cell_type": "x"}]), "cell 1"),
        (notebook([CODE | {"source": 1}]), "cell 1"),
        (notebook([CODE | {"source": [1]}]), "cell 1"),
        (notebook([CODE | {"metadata": None}]), "cell 1"),
        (notebook([CODE | {"metadata": {"tags": "parameters"}}]), "cell 1"),
        (notebook([CODE | {"outputs": [1]}]), "cell 1"),
        (notebook([CODE | {"outputs": {}}]), "cell 1"),
    ],
    ids=range(22),
)  # fmt: skip
def test_what_is_no_notebook(content, words):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    error = refusal(validate_notebook, data)
    assert (error.code, error.status) == ("notebook_invalid", 422) and words in str(error)


def test_notebooks_that_are_too_large():
    many = json.dumps(notebook([CODE] * 10_000)).encode()
    error = refusal(validate_notebook, many)
    assert error.status == 413 and "has 10,000 cells, at most 2,000" in str(error)
    error = refusal(validate_notebook, b" " * 20_000_001)
    assert (error.code, error.status) == ("notebook_too_large", 413) and "20 MB" in str(error)


def test_what_is_a_notebook_is_one_to_nbformat_as_well():
    lines = CODE | {"source": ["a = 1\n", "b"], "metadata": {"tags": ["parameters"]}, "id": "a"}
    markdown = {"cell_type": "markdown", "source": "# é", "metadata": {}, "id": "b"}
    data = json.dumps(notebook([lines, markdown])).encode()
    assert len(validate_notebook(data)["cells"]) == 2
    nbformat.validate(nbformat.reads(data.decode(), as_version=4))
