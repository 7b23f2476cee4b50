"""Provenance records, hashes of input data, and RO-Crates made of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import socket
import warnings
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from experiments.report import inputs
from experiments.report.crate import Contents, write_crate
from experiments.report.inputs import hash_inputs
from experiments.tables import RunChange
from tests.experiments.report_samples import HOSTILE, START, manifest, record, result, run

SECRET = "hunter2-hunter2"
SOURCES = {"study/work.ipynb": b"{}", "study/helper.py": b"import this\n", "a b/empty": b""}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_record_says_everything_and_stands_by_itself():
    changes = [
        RunChange(run_id="run-k3m9x2pqh7wa", at=START, who="lab", what="waiting", detail=None),
        RunChange(run_id="run-k3m9x2pqh7wa", at=START, who="lab", what="lost", detail="Gone."),
    ]
    data = [{"path": "/srv/scenarios/a.csv", "bytes": 3, "sha256": "e" * 64}]
    git = {"commit": "c0ffee", "branch": "main", "dirty": True, "patch": "diff --git"}
    row = run(attempt=2, secrets="sealed", sweep_id="sweep-a")
    found = record(row, secrets=["api_key"], inputs=data, changes=changes, git=git,
                   handed_in_by="ken", left_out=["outputs/x (a link)"])  # fmt: skip
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["version"] == 1
    assert found["run"]["id"] == row.id and found["run"]["attempt"] == 2
    assert found["run"]["author"] == "ada" and found["run"]["sweep"] == "sweep-a"
    assert found["parameters"] == {"lr": 0.01, "layers": [8, 4]} and found["seed"] == 7
    assert found["secrets"] == ["api_key"] and "sealed" not in json.dumps(found)
    assert found["snapshot"] == {
        "hash": "ab" * 32, "files": 2, "bytes": 20, "handed_in_by": "ken",
    }  # fmt: skip
    assert found["notebook"] == {"path": "study/work.ipynb", "sha256": "c" * 64}
    assert found["git"] == {**git, "patch_sha256": sha256(b"diff --git")}
    assert found["image"]["digest"] == "sha256:" + "d8" * 32
    assert found["environment"] == {"python": "3.11.2", "packages": {"numpy": "2.4.1"}}
    assert found["machine"] == {"cpu": "A CPU", "cores": 2.5, "gpu": ["A GPU"],
                                "driver": "580.65", "devices": ["sim.cohort/gpu=0"]}  # fmt: skip
    assert found["inputs"] == data and found["metrics"] == {"accuracy": 0.93125, "model": "mlp"}
    assert found["times"]["seconds"] == 192 and found["times"]["asked"].startswith(
        "2026-11-23T18:00"
    )
    assert [change["what"] for change in found["history"]] == ["waiting", "lost"]
    assert found["left_out"] == ["outputs/key.txt (holds a secret)", "outputs/x (a link)"]


def test_a_record_of_a_run_that_never_began():
    row = run(state="failed", reason="image missing", started_at=None, devices=None)
    found = record(row, result=None)
    assert found["times"]["seconds"] is None and found["seed"] is None
    assert found["metrics"] == {} and found["environment"]["packages"] == {}
    assert found["outcome"]["reason"] == "image missing" and found["git"] is None


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    folder = tmp_path / "scenarios"
    (folder / "digits" / "more").mkdir(parents=True)
    (folder / "digits" / "train.csv").write_bytes(b"1,2,3\n")
    (folder / "digits" / "more" / "test.csv").write_bytes(b"4\n")
    (tmp_path / "secret").write_bytes(b"of the host")
    return folder


def test_data_that_parameters_point_at_are_hashed(scenarios):
    parameters = {
        "file": "/srv/scenarios/digits/train.csv",
        "files": ["/srv/scenarios/digits/train.csv", {"deep": "/srv/scenarios/digits/more"}],
        "number": 5,
        "words": "see /srv/scenarios/digits/train.csv",
        "none": "/srv/scenarios/digits/none.csv",
    }
    assert hash_inputs(parameters, scenarios) == [
        {"path": "/srv/scenarios/digits/more/test.csv", "bytes": 2, "sha256": sha256(b"4\n")},
        {"path": "/srv/scenarios/digits/train.csv", "bytes": 6, "sha256": sha256(b"1,2,3\n")},
    ]
    assert len(hash_inputs({"all": "/srv/scenarios"}, scenarios)) == 2


@pytest.mark.parametrize(
    "value",
    ["/srv/scenarios/../secret", "/srv/scenarios/out", "/srv/scenarios/digits/out/secret",
     "/srv/scenarios-2/x", "/etc/passwd", "/srv/scenarios/a\0b", "/srv/scenarios/" + "x" * 5000,
     "/srv/scenarios/loop", "/srv/scenarios/pipe"],
)  # fmt: skip
def test_nothing_outside_the_scenarios_is_read(scenarios, value):
    (scenarios / "out").symlink_to("../secret")
    (scenarios / "digits" / "out").symlink_to("../..")
    (scenarios / "loop").symlink_to("loop")
    os.mkfifo(scenarios / "pipe")
    assert hash_inputs({"file": value}, scenarios) == []


def test_what_is_too_much_is_named_and_not_hashed(scenarios, monkeypatch):
    found = hash_inputs({"all": "/srv/scenarios"}, scenarios, max_bytes=5)
    assert [(f["bytes"], f["sha256"]) for f in found] == [(2, sha256(b"4\n")), (6, None)]
    monkeypatch.setattr(inputs, "MAX_FILES", 1)
    assert len(hash_inputs({"a": "/srv/scenarios", "b": "/srv/scenarios"}, scenarios)) == 1


def test_the_same_data_are_read_once_until_they_change(scenarios):
    parameters = {"file": "/srv/scenarios/digits/train.csv"}
    before = inputs._sha256.cache_info().misses
    for _ in range(3):
        hash_inputs(parameters, scenarios)
    assert inputs._sha256.cache_info().misses == before + 1
    (scenarios / "digits" / "train.csv").write_bytes(b"9,9,9\n")
    assert hash_inputs(parameters, scenarios)[0]["sha256"] == sha256(b"9,9,9\n")


@pytest.fixture
def kept(tmp_path: Path) -> Contents:
    """A run's files and its snapshot's, some with names that addresses must quote."""
    files = {"notebook.ipynb": b"{}", "report.html": b"<p>", "provenance.json": b"{}",
             "events.jsonl": b"", "log.txt": b"log", "outputs/a plot #1.svg": b"<svg/>",
             "outputs/deep/empty file": b""}  # fmt: skip
    for name, data in files.items():
        path = tmp_path / "kept" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return Contents(tmp_path / "kept", list(files), list(SOURCES),
                    lambda path: io.BytesIO(SOURCES[path]))  # fmt: skip


@pytest.fixture
def crate(tmp_path, kept, monkeypatch) -> tuple[Path, dict[str, dict]]:
    """The crate of a failed run with a secret, and its entities by id; made with no network."""

    def refuse(*arguments: object) -> None:
        raise AssertionError("a crate asks nobody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    row = run(state="failed", reason="user error", message="In [2] raised ValueError: no")
    git = {"commit": "c0ffee", "branch": "main", "dirty": False, "patch": None}
    data = [{"path": "/srv/scenarios/a b.csv", "bytes": 3, "sha256": "e" * 64}]
    said = record(row, secrets=["api_key"], inputs=data, git=git, result=result(outcome="failed"),
                  manifest=manifest(sorted(SOURCES)))  # fmt: skip
    target = tmp_path / "crate.zip"
    write_crate(target, said, kept)
    with zipfile.ZipFile(target) as archive:
        metadata = json.loads(archive.read("ro-crate-metadata.json"))
    assert metadata["@context"] == [
        "https://w3id.org/ro/crate/1.3/context",
        "https://w3id.org/ro/terms/workflow-run/context",
    ]
    entities = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert len(entities) == len(metadata["@graph"])
    return target, entities


def ids(value: object) -> set[str]:
    return {item["@id"] for item in (value if isinstance(value, list) else [value])}


def test_a_crate_follows_the_profiles(crate):
    _, entities = crate
    root, descriptor = entities["./"], entities["ro-crate-metadata.json"]
    assert ids(descriptor["conformsTo"]) == {"https://w3id.org/ro/crate/1.3"}
    assert ids(root["conformsTo"]) == {
        "https://w3id.org/ro/wfrun/process/0.6",
        "https://w3id.org/ro/wfrun/workflow/0.6",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.1",
    }
    for profile in ids(root["conformsTo"]):
        assert "CreativeWork" in entities[profile]["@type"] and entities[profile]["version"]
    assert {"name", "description", "datePublished", "license", "author"} <= set(root)
    main = entities[root["mainEntity"]["@id"]]
    assert main["@id"] == "snapshot/study/work.ipynb" and main["version"] == "c0ffee"
    assert set(main["@type"]) == {"File", "SoftwareSourceCode", "ComputationalWorkflow"}
    assert entities[main["programmingLanguage"]["@id"]]["@type"] == "ComputerLanguage"
    assert entities["pkg:pypi/numpy@2.4.1"]["softwareVersion"] == "2.4.1"


def test_one_action_links_notebook_inputs_results_and_person(crate):
    _, entities = crate
    action = entities[entities["./"]["mentions"]["@id"]]
    assert action["@type"] == "CreateAction" and action["@id"] == "#run-k3m9x2pqh7wa"
    assert ids(action["instrument"]) == {"snapshot/study/work.ipynb"}
    assert ids(action["object"]) == {"#value-lr", "#value-layers", "#data-/srv/scenarios/a%20b.csv"}
    assert ids(action["result"]) == {
        "notebook.ipynb", "outputs/a%20plot%20%231.svg", "outputs/deep/empty%20file",
        "#metric-accuracy", "#metric-model",
    }  # fmt: skip
    assert action["startTime"] == (START + timedelta(seconds=3)).isoformat(timespec="milliseconds")
    assert action["endTime"] > action["startTime"]
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "In [2] raised ValueError: no"
    assert entities[action["agent"]["@id"]]["@type"] == "Person"
    image = entities[action["containerImage"]["@id"]]
    assert image["@type"] == "ContainerImage" and image["sha256"] == "d8" * 32
    assert (image["name"], image["tag"]) == ("cohort/workspace", "6f7a")
    value = entities["#value-layers"]
    slot = entities[value["exampleOfWork"]["@id"]]
    assert value["value"] == "[8, 4]" and slot["additionalType"] == "PropertyValue"
    assert entities["#parameter-lr"]["additionalType"] == "Float"
    assert ids(entities["snapshot/study/work.ipynb"]["input"]) == {
        "#parameter-lr", "#parameter-layers", "#parameter-api_key",
    }  # fmt: skip
    assert ids(entities["log.txt"]["about"]) == {action["@id"]}
    assert "about" not in entities["notebook.ipynb"]


def test_every_reference_leads_somewhere_and_every_file_is_there(crate, kept):
    target, entities = crate
    outside = ("https://", "http://")
    for entity in entities.values():
        for value in entity.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and not item["@id"].startswith(outside):
                    assert item["@id"] in entities, item
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
        assert archive.read("outputs/deep/empty file") == b""
        assert archive.read("snapshot/study/helper.py") == SOURCES["study/helper.py"]
    wanted = {*kept.files, *(f"snapshot/{path}" for path in SOURCES), "ro-crate-metadata.json"}
    assert names == wanted
    assert len(ids(entities["./"]["hasPart"])) == len(wanted) - 1


def test_the_library_reads_it_back(crate, tmp_path):
    target, _ = crate
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = ROCrate(tmp_path / "out")
    assert read.mainEntity.id == "snapshot/study/work.ipynb"
    assert read.get("#run-k3m9x2pqh7wa")["agent"]["name"] == "ada"


def test_a_crate_holds_no_secret_and_survives_any_name(tmp_path, kept):
    row = run(title=HOSTILE, author=HOSTILE, owner="team-ü", secrets=SECRET,
              parameters={"p": {HOSTILE: None}})  # fmt: skip
    odd = result(metrics={HOSTILE: 1, "a/../b": 2, "http://x": 3, "#": 4},
                 environment={"packages": {HOSTILE: "1", "a@b/c": "2"}})  # fmt: skip
    target = tmp_path / "crate.zip"
    write_crate(target, record(row, result=odd), kept)
    with zipfile.ZipFile(target) as archive:
        text = archive.read("ro-crate-metadata.json").decode()
    assert SECRET not in text
    graph = json.loads(text)["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    names = {entity.get("name") for entity in graph if entity["@type"] == "PropertyValue"}
    assert names == {"p", HOSTILE, "a/../b", "http://x", "#"}


def test_a_large_file_is_not_held_in_memory(tmp_path, kept):
    with open(kept.kept / "outputs" / "large", "wb") as file:
        file.truncate(256 << 20)
    target = tmp_path / "crate.zip"
    write_crate(target, record(), kept)  # what it takes once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    write_crate(target, record(), Contents(kept.kept, [*kept.files, "outputs/large"], (), open))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # in KiB
    with zipfile.ZipFile(target) as archive:
        assert archive.getinfo("outputs/large").file_size == 256 << 20


def test_a_crate_that_cannot_be_written_leaves_the_old_one(tmp_path, kept):
    target = tmp_path / "crate.zip"
    target.write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        write_crate(target, record(), Contents(kept.kept, ["none"], (), open))
    assert target.read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == {"crate.zip", "kept"}
