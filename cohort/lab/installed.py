"""The copy of cohort.toml that the services read, with the files that it names.

Invariant: the services see checked settings, and files in the data folder alone: a half-edited
file, or one that lies where no container can see it, never reaches a running lab.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.idp import render_idp_config
from cohort.settings import Settings
from cohort.settings_file import load_settings


def install_settings(source: Path, settings: Settings) -> None:
    """Copy the checked file, and the files it names; a copy that is right is left alone.

    Raises `CohortError` naming the setting whose file cannot be read; nothing was changed then.
    """
    text = source.read_text(encoding="utf-8")
    wanted: dict[Path, bytes] = {}
    for section, key, target in _files(settings):
        path = getattr(getattr(settings, section), key)
        if path:
            wanted[target] = _read(f"{section}.{key}", path)
            text = _pointed(text, key, target)
    wanted[_copy(settings.data)] = text.encode()
    for target, content in wanted.items():
        _write(target, content)


def settings_hash(settings: Settings, secrets: Mapping[str, str]) -> str:
    """16 hex digits that change with anything that the services read when they start.

    Each service is labelled with it, so that compose itself sees which ones run with something
    else than what is installed. With the secrets in it, it gives nobody a way to try guesses.
    """
    digest = hashlib.sha256(json.dumps(dict(sorted(secrets.items()))).encode())
    paths = [_copy(settings.data)]
    paths += [target for section, key, target in _files(settings)
              if getattr(getattr(settings, section), key)]  # fmt: skip
    for content in (*(path.read_bytes() for path in paths),
                    render_idp_config(settings, secrets).encode()):  # fmt: skip
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def settings_in_force(data: Path) -> Settings | None:
    """The settings that the services of a lab read; None if there are none we can read."""
    try:
        return load_settings(_copy(data))
    except CohortError:
        return None


def _copy(data: Path) -> Path:
    return data / "hub" / "cohort.toml"


def _files(settings: Settings) -> list[tuple[str, str, Path]]:
    """Section, key and place in the data folder of each setting that names a file."""
    hub = settings.data / "hub"
    picture = settings.lab.picture
    return [
        ("lab", "picture", hub / f"picture{picture.suffix if picture else ''}"),
        ("tls", "certificate", hub / "tls.crt"),
        ("tls", "key", hub / "tls.key"),
        ("login", "client_secret_file", settings.data / "secrets" / "login_client"),
        ("mail", "password_file", settings.data / "secrets" / "mail_password"),
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


def _write(path: Path, content: bytes) -> None:
    """Write a file, mode 0600, if it differs."""
    if path.exists() and path.read_bytes() == content:
        return
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(beside, path)
