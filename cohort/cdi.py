"""Which GPUs the container engine can hand out: reads the CDI specs that the engine reads.

Invariant: of the devices returned, no two are the same hardware under two names.
The rules are those of the Container Device Interface, https://github.com/cncf-tags/container-device-interface
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from cohort.errors import CohortError
from cohort.settings import Gpus

log = logging.getLogger(__name__)

SIMULATED = "sim.cohort/gpu"
ALL = "all"

KIND = re.compile(r"[a-zA-Z](?:[\w.-]*[a-zA-Z0-9])?/[a-zA-Z](?:[\w.-]*[a-zA-Z0-9])?", re.ASCII)
DEVICE = re.compile(r"[a-zA-Z0-9](?:[\w.:-]*[a-zA-Z0-9])?", re.ASCII)
FIELDS = {"cdiVersion", "kind", "annotations", "devices", "containerEdits"}


class UnknownDeviceError(CohortError):
    """``[gpus]`` lists what the engine cannot hand out; the sentence names what it can."""


@dataclass(frozen=True)
class Device:
    """One device of a spec; ``nodes`` are its device nodes as (path inside, path outside)."""

    kind: str
    name: str
    nodes: frozenset[tuple[str, str]]

    @property
    def qualified(self) -> str:
        return f"{self.kind}={self.name}"

    def overlaps(self, other: Device) -> bool:
        """True if one is (part of) the other: a GPU and its UUID, its slice, or ``all``.

        Two slices of a GPU share its node and each have nodes of their own: no overlap.
        """
        if not self.nodes or not other.nodes:
            return False
        return self.nodes <= other.nodes or other.nodes <= self.nodes


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``gpu=10`` after ``gpu=9``."""
    parts = re.findall(r"(\d+)|(\D+)", text)
    return [(0, int(number), "") if number else (1, 0, word) for number, word in parts]


def discover(spec_dirs: Iterable[Path], *, simulated: bool = False) -> tuple[str, ...]:
    """Return the qualified names of the GPUs in these folders' specs, in natural order.

    A GPU is a device whose class has ``gpu`` or ``mig`` in its name. Where a GPU is listed
    under several names (its index and its UUID) the shortest counts. Folders that are not
    there are empty; files that the engine would reject are skipped with a warning.
    """
    chosen: dict[object, Device] = {}
    devices = [d for d in read_specs(spec_dirs).values() if _is_gpu(d, simulated)]
    for device in sorted(devices, key=lambda d: (len(d.name), natural_key(d.qualified))):
        chosen.setdefault(device.nodes or device.qualified, device)
    return tuple(sorted((d.qualified for d in chosen.values()), key=natural_key))


def resolve_devices(gpus: Gpus, spec_dirs: Iterable[Path]) -> tuple[str, ...]:
    """Return the devices that the lab hands out, as ``[gpus]`` says.

    A list may name any device that the engine knows. Raises `UnknownDeviceError` if it does
    not know one, or if two of them are the same hardware.
    """
    if gpus.devices == "none":
        return ()
    if gpus.devices == "auto":
        return discover(spec_dirs)
    known = read_specs(spec_dirs)
    for name in gpus.devices:
        if name not in known:
            names = ", ".join(sorted(known, key=natural_key)) or "no device at all"
            raise UnknownDeviceError(
                f"cohort.toml: gpus.devices: the container engine does not know {name}; "
                f"it knows {names}."
            )
    listed = [known[name] for name in gpus.devices]
    for i, first in enumerate(listed):
        for second in listed[i + 1 :]:
            if first.overlaps(second):
                raise UnknownDeviceError(
                    f"cohort.toml: gpus.devices: {first.qualified} and {second.qualified} are "
                    f"the same GPU or part of it; list one of them."
                )
    return tuple(gpus.devices)


def read_specs(spec_dirs: Iterable[Path]) -> dict[str, Device]:
    """Return every device the engine knows from these folders, by qualified name.

    A later folder's device stands in for an earlier one's. Two files of one folder that
    define the same device make it unusable: the engine hands out neither.
    """
    found: dict[str, tuple[int, Device]] = {}
    conflicts: set[str] = set()
    for priority, folder in enumerate(spec_dirs):
        for path in _spec_files(Path(folder)):
            try:
                devices = parse_spec(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as e:
                log.warning("Skipping CDI spec %s: %s", path, e)
                continue
            for device in devices:
                if device.qualified in found and found[device.qualified][0] == priority:
                    conflicts.add(device.qualified)
                found[device.qualified] = (priority, device)
    for name in conflicts:
        log.warning("Skipping CDI device %s: two files of one folder define it", name)
    return {name: device for name, (_, device) in found.items() if name not in conflicts}


def parse_spec(text: str) -> list[Device]:
    """Return the devices of a spec, JSON or YAML; raises ValueError with what is wrong."""
    try:
        spec = yaml.safe_load(text)  # JSON is YAML, and the engine reads both the same way
    except yaml.YAMLError as e:
        raise ValueError(f"it is neither JSON nor YAML: {' '.join(str(e).split())}") from e
    if not isinstance(spec, dict) or not isinstance(spec.get("cdiVersion"), str):
        raise ValueError("it has no cdiVersion")
    if unknown := set(spec) - FIELDS:
        raise ValueError(f"it has fields that CDI does not: {', '.join(sorted(map(str, unknown)))}")
    kind = spec.get("kind")
    if not isinstance(kind, str) or not KIND.fullmatch(kind):
        raise ValueError(f"its kind {kind!r} is not <vendor>/<class>")
    entries = spec.get("devices")
    if not isinstance(entries, list) or not entries:
        raise ValueError("it has no devices")
    devices = [_parse_device(kind, entry) for entry in entries]
    if len({d.name for d in devices}) != len(devices):
        raise ValueError("it has two devices of one name")
    return devices


def write_simulated(path: Path, count: int) -> None:
    """Write a spec of simulated GPUs, so that a machine without one runs the true path.

    Device *i* gives a container ``COHORT_SIM_GPU_<i>=1`` and the character device
    ``/dev/simgpu<i>``, which swallows what is written to it.
    """
    if count < 1:
        raise ValueError("a CDI spec needs at least one device")
    devices = [
        {
            "name": str(i),
            "containerEdits": {
                "env": [f"COHORT_SIM_GPU_{i}=1"],
                "deviceNodes": [
                    {"path": f"/dev/simgpu{i}", "hostPath": "/dev/null", "permissions": "rw"}
                ],
            },
        }
        for i in range(count)
    ]
    spec = {"cdiVersion": "0.5.0", "kind": SIMULATED, "devices": devices}
    path.parent.mkdir(parents=True, exist_ok=True)
    # The engine watches the folder: it must never see half a file, nor the temporary name.
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def _spec_files(folder: Path) -> list[Path]:
    try:
        files = [p for p in folder.iterdir() if p.suffix in (".json", ".yaml") and p.is_file()]
    except FileNotFoundError:
        return []
    except OSError as e:
        log.warning("Skipping CDI folder %s: %s", folder, e.strerror)
        return []
    return sorted(files)


def _parse_device(kind: str, entry: object) -> Device:
    # An unquoted index in a YAML file is a number to YAML and a wrong type to the engine.
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not DEVICE.fullmatch(name):
        raise ValueError(f"{name!r} is not a device's name")
    edits = entry.get("containerEdits")
    if not isinstance(edits, dict) or not edits:
        raise ValueError(f"its device {name} changes nothing in a container")
    nodes = edits.get("deviceNodes") or []
    if not all(isinstance(n, dict) and isinstance(n.get("path"), str) for n in nodes):
        raise ValueError(f"its device {name} has a device node without a path")
    return Device(kind, name, frozenset((n["path"], n.get("hostPath") or n["path"]) for n in nodes))


def _is_gpu(device: Device, simulated: bool) -> bool:
    if device.name == ALL or (device.kind == SIMULATED and not simulated):
        return False
    cls = device.kind.partition("/")[2].lower()
    return "gpu" in cls or "mig" in cls
