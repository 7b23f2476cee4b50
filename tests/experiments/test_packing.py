"""Packing a folder: what goes in, what stays out, and always the same bytes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from cohort.archives import Caps
from experiments.errors import ExperimentError
from experiments.packing import Packed, git_facts, pack
from experiments.snapshots import SnapshotStore

CAPS = Caps(compressed_bytes=100_000, unpacked_bytes=50_000, files=20, file_bytes=40_000)


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "project"
    write(folder, "nb.ipynb", "{}")
    return folder


def write(folder: Path, name: str, content: str = "x") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(packed: Packed) -> list[str]:
    with packed.file, tarfile.open(fileobj=packed.file) as tar:
        return tar.getnames()


def content(folder: Path) -> bytes:
    with pack(folder, "nb.ipynb").file as file:
        return file.read()


def refusal(folder: Path, notebook: str = "nb.ipynb", caps: Caps = CAPS) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        pack(folder, notebook, caps)
    assert str(caught.value).isprintable()
    return caught.value


def test_the_same_files_make_the_same_bytes(folder, tmp_path):
    for name in ("b/2", "b/1", "a.py", "b.py", "é/ü"):
        write(folder, name)
    (folder / "a.py").chmod(0o700)
    first = content(folder)
    other = tmp_path / "elsewhere"
    shutil.copytree(folder, other, copy_function=shutil.copy)
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
        os.chown(path, 1000, 1000)
    (other / "a.py").chmod(0o755)
    assert content(other) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as tar:
        members = tar.getmembers()
    assert [m.name for m in members] == ["a.py", "b.py", "b/1", "b/2", "nb.ipynb", "é/ü"]
    assert [m.mode for m in members] == [0o755] + [0o644] * 5
    assert {(m.uid, m.mtime, m.uname) for m in members} == {(0, 0, "")}


def test_what_is_packed_the_store_takes(folder, tmp_path):
    write(folder, "data/" + "n" * 200 + "/é.csv", "1,2")
    (tmp_path / "runs").mkdir()
    packed = pack(folder, "nb.ipynb")
    with packed.file:
        manifest = SnapshotStore(tmp_path / "runs").add_archive(packed.file)
    assert (len(manifest.files), manifest.bytes) == (packed.files, packed.bytes) == (2, 5)


def test_what_stays_out_by_itself(folder):
    for name in (".git/config", ".env", ".ssh/key", "sub/.ipynb_checkpoints/nb.ipynb", ".venv/x",
                 "sub/__pycache__/m.pyc", "node_modules/m/i.js", "outputs/old.png",
                 "sub/outputs/kept.png", "sub/m.py", ".cohortignore"):  # fmt: skip
        write(folder, name)
    (folder / "empty").mkdir()
    packed = pack(folder, "nb.ipynb")
    assert packed.notes == []
    assert names(packed) == ["nb.ipynb", "sub/m.py", "sub/outputs/kept.png"]
    write(folder, "sub/nb.ipynb")
    assert "outputs/old.png" in names(pack(folder, "sub/nb.ipynb"))
    assert "sub/outputs/kept.png" not in names(pack(folder, "sub/nb.ipynb"))
    write(folder, "a [1]*/nb.ipynb")
    write(folder, "a [1]*/outputs/old.png")
    assert "a [1]*/outputs/old.png" not in names(pack(folder, "a [1]*/nb.ipynb"))


def test_a_cohortignore_is_read_as_git_reads_a_gitignore(folder):
    lines = "# comment\n*.csv\n!keep.csv\n/top\nlogs/\na/**/z\n!.hidden/\nbig/*\n!big/small\n"
    write(folder, ".cohortignore", lines + "nb.ipynb\n")
    for name in ("x.csv", "d/y.csv", "d/keep.csv", "top", "d/top", "logs/1", "d/logs/1", "a/b/c/z",
                 "a/b/c/y", ".hidden/in", "big/large", "big/small", "log"):  # fmt: skip
        write(folder, name)
    ours = set(names(pack(folder, "nb.ipynb")))
    shutil.copy(folder / ".cohortignore", folder / ".gitignore")
    git(folder, "init", "-q")
    listed = git(folder, "ls-files", "--others", "--exclude-standard")
    theirs = {name for name in listed.splitlines() if not name.startswith((".cohort", ".git"))}
    assert ours == theirs | {"nb.ipynb"}  # the notebook is never left out
    assert "d/keep.csv" in ours and "big/small" in ours and ".hidden/in" in ours


def test_links_are_followed_inside_the_folder_only(folder, tmp_path):
    outside = write(tmp_path, "outside/secret")
    write(folder, "data/real.csv", "1")
    (folder / "in.csv").symlink_to("data/real.csv")
    (folder / "again").symlink_to(folder / "data")
    (folder / "out").symlink_to(outside)
    (folder / "outdir").symlink_to(outside.parent)
    (folder / "prefix").symlink_to(write(tmp_path, "project-2/file"))
    (folder / "dangling").symlink_to("nowhere")
    (folder / "self").symlink_to("self")
    (folder / "data" / "up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    packed = pack(folder, "nb.ipynb")
    found = names(packed)
    assert found == ["again/real.csv", "data/real.csv", "in.csv", "nb.ipynb"]
    assert sorted(note.split(" was left out: ")[0] for note in packed.notes) == [
        "'again/up'", "'dangling'", "'data/up'", "'out'", "'outdir'", "'pipe'", "'prefix'",
        "'self'",
    ]  # fmt: skip


def test_names_that_no_snapshot_takes_are_left_out_and_told(folder):
    write(folder, "line\nbreak")
    write(folder, "back\\slash")
    (folder / os.fsdecode(b"latin-\xe9")).write_text("x")
    packed = pack(folder, "nb.ipynb")
    assert len(packed.notes) == 3 and all(note.isprintable() for note in packed.notes)
    assert names(packed) == ["nb.ipynb"]


def test_a_folder_that_is_too_large_names_what_is_large_in_it(folder):
    for i in range(7):
        write(folder, f"data{i}/x", "x" * 1_000 * i)
    write(folder, "model.pt", "x" * 30_000)
    write(folder, "data6/y", "y" * 2_000)
    error = refusal(folder)
    assert (error.code, error.status) == ("folder_too_large", 413)
    assert "0.053 MB in 10 files, at most 0.05 MB in 20" in str(error)
    assert (
        "model.pt (0.03 MB), data6/ (0.008 MB in 2 files), data5/ (0.005 MB), data4/ (0.004 MB), "
        "data3/ (0.003 MB)." in str(error)
    )
    write(folder, ".cohortignore", "model.pt\n")
    assert len(names(pack(folder, "nb.ipynb", CAPS))) == 9


def test_too_many_files_and_one_that_is_too_large(folder):
    for i in range(21):
        write(folder, f"many/{i}", "")
    assert "22 files" in str(refusal(folder)) and "many/ (0 MB in 21 files)" in str(refusal(folder))
    shutil.rmtree(folder / "many")
    write(folder, "large", "x" * 40_001)
    assert f"{folder / 'large'} has 0.04 MB" in str(refusal(folder))


@pytest.mark.parametrize(
    "name", ["no.ipynb", "../nb.ipynb", "/etc/passwd", "", "sub", "./nb.ipynb"]
)
def test_a_notebook_that_is_not_in_the_folder(folder, name):
    write(folder.parent, "nb.ipynb")
    (folder / "sub").mkdir()
    assert refusal(folder, name).code == "notebook_missing"


def test_a_notebook_that_is_a_link_out_of_the_folder(folder):
    (folder / "link.ipynb").symlink_to(write(folder.parent, "other.ipynb"))
    assert refusal(folder, "link.ipynb").code == "notebook_missing"


def test_a_home_is_not_gone_through_to_its_end(folder, monkeypatch):
    monkeypatch.setattr("experiments.packing.MOST_SEEN", 10)
    for i in range(11):
        write(folder, f"deep/{i}/x")
    assert "more than 10 entries" in str(refusal(folder))


def test_a_file_that_cannot_be_read_is_named(folder):
    write(folder, "private").chmod(0)
    script = (
        "import sys; from pathlib import Path; from experiments.packing import *\n"
        "try: pack(Path(sys.argv[1]), 'nb.ipynb')\n"
        "except Exception as error: print(type(error).__name__, error.code, error)"
    )
    # Root reads everything, unless it is without the right to.
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", sys.executable]
    done = subprocess.run([*command, "-c", script, folder], capture_output=True, text=True)
    assert done.stdout.startswith("ExperimentError file_unreadable"), done.stderr
    assert f"{folder}/private" in done.stdout and "Permission denied" in done.stdout


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "repository"
    write(folder, "code.py", "a = 1\n")
    write(folder, "sub/nb.ipynb", "{}\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_what_git_knows(repository):
    commit = git(repository, "rev-parse", "HEAD")
    clean = {"commit": commit, "branch": "main", "dirty": False, "patch": None}
    assert git_facts(repository) == git_facts(repository / "sub") == clean
    write(repository, "code.py", "a = 2\n")
    changed = git_facts(repository)
    assert (changed["commit"], changed["dirty"]) == (commit, True)
    assert "-a = 1\n+a = 2\n" in changed["patch"]
    assert git_facts(repository / "sub") == clean  # of this folder, not of its neighbours
    git(repository, "checkout", "-q", "--", ".")
    write(repository, "patch", changed["patch"])
    git(repository, "apply", "patch")
    assert (repository / "code.py").read_text() == "a = 2\n"


def test_new_files_large_patches_and_detached_heads(repository):
    write(repository, "new.py")
    git(repository, "checkout", "-q", "--detach")
    facts = git_facts(repository)
    assert (facts["branch"], facts["dirty"], facts["patch"]) == (None, True, None)
    write(repository, "code.py", "".join(f"line {i}\n" for i in range(120_000)))
    facts = git_facts(repository)
    assert (facts["dirty"], facts["patch"]) == (True, None)


def test_where_git_has_no_say(tmp_path, repository, monkeypatch):
    (tmp_path / "plain").mkdir()
    assert git_facts(tmp_path / "plain") is None
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q", "-b", "main")
    write(empty, "new.py")
    assert git_facts(empty) == {"commit": None, "branch": "main", "dirty": True, "patch": None}
    # A variable of the shell that names another repository is not believed.
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    assert git_facts(tmp_path / "plain") is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert git_facts(repository) is None


def test_programs_that_a_repository_names_are_not_run(repository, tmp_path):
    trap = write(tmp_path, "trap", f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "diff.x.textconv", "diff.x.command"):
        git(repository, "config", key, str(trap))
    write(repository, ".gitattributes", "*.py diff=x\n")
    write(repository, "code.py", "a = 3\n")
    assert "+a = 3" in git_facts(repository)["patch"]
    assert not (tmp_path / "sprung").exists()
