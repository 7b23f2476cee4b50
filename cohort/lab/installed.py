"""The copy of cohort.toml that the services read, with the files that it names.

Invariant: the services see checked settings, and files in the data folder alone: a half-edited
file, or one that lies where no container can see it, never reaches a running lab.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from cohort.errors import CohortError
from cohort.settings import Settings


def install_settings(source: Path, settings: Settings) -> bool:
    """Copy the checked file, and the files it names; True if that changed what is in force.

    Raises `CohortError` naming the setting whose file cannot be read; nothing was changed then.
    """
    text = source.read_text(encoding="utf-8")
    wanted: dict[Path, bytes] = {}
    for section, key, target in _files(settings):
        path = getattr(getattr(settings, section), key)
        if path:
            wanted[target] = _read(f"{section}.{key}", path)
            text = _pointed(text, key, target)
    wanted[settings.data / "hub" / "cohort.toml"] = text.encode()
    return any([_write(target, content) for target, content in wanted.items()])


def _files(settings: Settings) -> list[tuple[str, str, Path]]:
    """Section, key and place in the data folder of each setting that names a file."""
    hub = settings.data / "hub"
    picture = settings.lab.picture
    return [
        ("lab", "picture", hub / f"picture{picture.suffix if picture else ''}"),
        ("tls", "certificate", hub / "tls.crt"),
        ("tls", "key", hub / "tls.key"),
        ("login", "client_secret_file", settings.data / "secrets" / "login_client"),
    ]


def _read(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise CohortError(f"Cannot read {name} {path}: {e.strerror}.") from e


def _pointed(text: str, key: str, path: Path) -> str:
    """The settings' text with a key that names another path."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.partition("=")[0].strip() == key:
            lines[number] = f"{key} = {json.dumps(str(path), ensure_ascii=False)}\n"
    return "".join(lines)


def _write(path: Path, content: bytes) -> bool:
    """Write a file, mode 0600, if it differs; True if it did."""
    if path.exists() and path.read_bytes() == content:
        return False
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(beside, path)
    return True
