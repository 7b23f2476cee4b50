"""The lab's secrets: one file each in ``<data>/secrets``, mode 0600, made on first start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

NAMES = (
    "hub_cookie_secret",
    "proxy_token",
    "auth_state_key",
    "idp_secret_key",
    "idp_client_secret",
    "roster_token",
    "experiments_token",
    "experiments_key",  # seals sessions and runs' secrets
    "grading_token",
    "grading_key",  # seals sessions
)


def ensure_secrets(data: Path) -> dict[str, str]:
    """Make the secrets that do not exist yet, and return all of them by name."""
    folder = data / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in NAMES:
        path = folder / name
        if not path.exists():
            _write(path, secrets.token_hex(32))
    return read_secrets(data)


def read_secrets(data: Path) -> dict[str, str]:
    """Return the lab's secrets by name; raises `FileNotFoundError` before the first start."""
    return {n: (data / "secrets" / n).read_text(encoding="ascii").strip() for n in NAMES}


def _write(path: Path, value: str) -> None:
    # Written beside and renamed: a start that is cut off leaves no empty secret behind.
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(value + "\n")
    os.replace(beside, path)
