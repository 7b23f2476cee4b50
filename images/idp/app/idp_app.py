"""Makes the Canaille application from the lab's settings file, ready to serve or to sync.

Invariant: whichever process comes first makes the signing key and the tables; others wait.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canaille import create_app
from canaille.backends.sql.backend import SQLBackend
from flask import Flask
from joserfc.jwk import RSAKey
from sqlalchemy import event
from sqlalchemy.engine import Engine

THEME = Path(__file__).parent.parent / "themes" / "lab"


def folder() -> Path:
    """Where all state of the provider lies."""
    return Path(os.environ["COHORT_DATA"]) / "idp"


def load_app() -> Flask:
    """Return the application with its database migrated and its key in place."""
    os.umask(0o077)
    os.environ["CANAILLE_CONFIG"] = str(folder() / "canaille.toml")
    if not (folder() / "canaille.toml").exists():
        raise SystemExit("There is no canaille.toml in the data folder: run `make up`.")
    with only_one_process():
        app = create_app(
            {
                # Left unset, Canaille would use whatever mail server listens on this host.
                "CANAILLE": {"SMTP": None, "THEME": str(THEME)},
                "CANAILLE_OIDC": {"ACTIVE_JWKS": [signing_key()]},
            }
        )
    # An error's text goes to the log, a statement's parameters (tokens, hashes) must not.
    SQLBackend.engine.hide_parameters = True
    return app


@contextmanager
def only_one_process() -> Iterator[None]:
    """Hold the folder's lock: a first start may meet a first sync."""
    with (folder() / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def signing_key() -> dict[str, str]:
    """Return the key that signs ID tokens, made once; call it under the lock."""
    path = folder() / "signing-key.json"
    if not path.exists():
        key = RSAKey.generate_key(2048, auto_kid=True).as_dict(private=True)
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(key), encoding="ascii")
        os.replace(beside, path)
    return json.loads(path.read_text(encoding="ascii"))


@event.listens_for(Engine, "connect")
def set_up_connection(connection, _record) -> None:
    """A sync writes while the server reads: WAL lets both, and writers wait for one another."""
    cursor = connection.cursor()
    for pragma in ("busy_timeout=15000", "journal_mode=WAL", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
