"""What the metadata of a run's RO-Crate says.

Invariant: it follows Workflow Run Crate 0.6, which includes Process Run Crate 0.6 and Workflow
RO-Crate 1.1: the submitted notebook is the main entity and the instrument of one
``CreateAction``, whose object are the parameters and data and whose result are the executed
notebook, the artefacts and the metrics. No value of a secret is in it.

Profile: https://w3id.org/ro/wfrun/workflow/0.6
"""

from __future__ import annotations

import json
import mimetypes
from urllib.parse import quote

from rocrate.model import ComputerLanguage, ContextEntity, Entity
from rocrate.rocrate import ROCrate

from experiments.report.words import duration

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.6": ("Process Run Crate", "0.6"),
    "https://w3id.org/ro/wfrun/workflow/0.6": ("Workflow Run Crate", "0.6"),
}
TERMS = "https://w3id.org/ro/terms/workflow-run"
JUPYTER = "https://w3id.org/workflowhub/workflow-ro-crate#jupyter"
STATUS = "http://schema.org/"
# What the files that come with every run are, in words.
OURS = {
    "notebook.ipynb": "The notebook as it was executed, with its outputs",
    "report.html": "Report with code",
    "report-nocode.html": "Report without code",
    "events.jsonl": "What happened when: cells started, outputs, cells ended",
    "log.txt": "Log of the run's container",
    "provenance.json": "The run's provenance record",
}
TYPES = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}


def describe(record: dict, files: list[str], sources: list[str]) -> ROCrate:
    """A crate with entities for everything in a provenance record, and for its files."""
    crate = ROCrate()
    crate.metadata.extra_contexts.append(f"{TERMS}/context")
    _add_root(crate, record)
    agent = _add_people(crate, record)
    workflow = _add_workflow(crate, record, sources)
    results = {path: _add_file(crate, path) for path in files}
    made = {p: f for p, f in results.items() if p == "notebook.ipynb" or p.startswith("outputs/")}
    action = crate.add_action(
        workflow,
        identifier=f"#{record['run']['id']}",
        object=_add_parameters(crate, record, workflow) + _add_data(crate, record),
        result=[*made.values(), *_add_metrics(crate, record)],
        properties=_action(record),
    )
    action["agent"] = agent
    action["containerImage"] = _add_image(crate, record)
    for path, file in results.items():
        if path not in made:
            file["about"] = action
    crate.root_dataset["mentions"] = action
    return crate


def _add(crate: ROCrate, identifier: str, **properties: object) -> Entity:
    kind = properties.pop("kind")
    return crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))


def _add_root(crate: ROCrate, record: dict) -> None:
    run, path, state = record["run"], record["notebook"]["path"], record["outcome"]["state"]
    crate.name = run["title"]
    crate.description = f"Run {run['id']} of the notebook {path}: {state}."
    crate.datePublished = record["times"]["ended"] or record["times"]["asked"]
    crate.license = _add(
        crate, "#rights", kind="CreativeWork", name="No licence stated",
        description=f"Ask {run['owner']} before you use it.",
    )  # fmt: skip
    for uri, (name, version) in PROFILES.items():
        kind = ["CreativeWork", "Profile"]
        profile = _add(crate, uri, kind=kind, name=name, version=version)
        crate.root_dataset.append_to("conformsTo", profile)


def _add_people(crate: ROCrate, record: dict) -> Entity:
    author, owner = record["run"]["author"], record["run"]["owner"]
    person = _add(crate, f"#person-{quote(author, safe='')}", kind="Person", name=author)
    if owner != author:
        team = _add(crate, f"#owner-{quote(owner, safe='')}", kind="Organization", name=owner)
        person["affiliation"] = team
    crate.root_dataset["author"] = person
    return person


def _add_workflow(crate: ROCrate, record: dict, sources: list[str]) -> Entity:
    notebook, git = record["notebook"]["path"], record["git"] or {}
    language = crate.add(
        ComputerLanguage(crate, JUPYTER, {"name": "Jupyter notebook", "alternateName": "ipynb"})
    )
    workflow = crate.add_workflow(
        dest_path=f"snapshot/{notebook}",
        main=True,
        lang=language,
        properties={"name": notebook, "encodingFormat": "application/x-ipynb+json"},
    )
    if git.get("commit"):
        workflow["version"] = git["commit"]
    for path in sources:
        if path != notebook:
            _add_file(crate, f"snapshot/{path}")
    packages = record["environment"]["packages"].items()
    if packages:
        workflow["softwareRequirements"] = [_add_package(crate, *package) for package in packages]
    return workflow


def _add_package(crate: ROCrate, name: str, version: str) -> Entity:
    # A package URL (purl), which names no registry's address.
    identifier = f"pkg:pypi/{quote(name, safe='')}@{quote(version, safe='')}"
    return _add(crate, identifier, kind="SoftwareApplication", name=name, softwareVersion=version)


def _add_parameters(crate: ROCrate, record: dict, workflow: Entity) -> list[Entity]:
    """The values given, each with the slot of the notebook that it fills."""
    given = []
    for name, value in record["parameters"].items():
        kind = TYPES.get(type(value), "PropertyValue")
        slot = crate.add_formal_parameter(name, kind, f"#parameter-{name}")
        workflow.append_to("input", slot)
        given.append(_add_value(crate, f"#value-{name}", name, value))
        given[-1]["exampleOfWork"] = slot
    for name in record["secrets"]:
        text = "A secret; its value is not recorded"
        slot = crate.add_formal_parameter(name, "Text", f"#parameter-{name}", description=text)
        workflow.append_to("input", slot)
    return given


def _add_data(crate: ROCrate, record: dict) -> list[Entity]:
    given = []
    for data in record["inputs"]:
        path, size = data["path"], str(data["bytes"])
        entity = _add(crate, f"#data-{quote(path)}", kind="CreativeWork", name=path)
        entity["contentSize"] = size
        if data["sha256"]:
            entity["sha256"] = data["sha256"]
        given.append(entity)
    return given


def _add_metrics(crate: ROCrate, record: dict) -> list[Entity]:
    metrics = record["metrics"].items()
    return [_add_value(crate, f"#metric-{quote(n, safe='')}", n, value) for n, value in metrics]


def _add_value(crate: ROCrate, identifier: str, name: str, value: object) -> Entity:
    text = value if isinstance(value, str | int | float | bool) else json.dumps(value)
    return _add(crate, identifier, kind="PropertyValue", name=name, value=text)


def _add_image(crate: ROCrate, record: dict) -> Entity:
    name, _, tag = record["image"]["name"].rpartition(":")
    return _add(
        crate, "#image", kind="ContainerImage", name=name or tag, tag=tag if name else "",
        additionalType={"@id": f"{TERMS}#DockerImage"},
        sha256=record["image"]["digest"].removeprefix("sha256:"),
    )  # fmt: skip


def _add_file(crate: ROCrate, path: str) -> Entity:
    properties = {"name": OURS.get(path, path)}
    kind, _ = mimetypes.guess_type(path)
    if kind:
        properties["encodingFormat"] = kind
    return crate.add_file(dest_path=path, properties=properties)


def _action(record: dict) -> dict:
    run, outcome, times, machine = (record[k] for k in ("run", "outcome", "times", "machine"))
    succeeded = outcome["state"] == "succeeded"
    where = ", ".join([machine["cpu"] or "an unknown CPU", *machine["gpu"]])
    lasted = "" if times["seconds"] is None else f", {duration(times['seconds'])}"
    properties = {
        "@type": "CreateAction",
        "name": run["title"],
        "description": f"Attempt {run['attempt']} on {where}{lasted}.",
        "actionStatus": f"{STATUS}{'Completed' if succeeded else 'Failed'}ActionStatus",
    }
    if not succeeded:
        properties["error"] = outcome["message"] or outcome["reason"] or outcome["state"]
    for key, name in (("started", "startTime"), ("ended", "endTime")):
        if times[key]:
            properties[name] = times[key]
    return properties
