"""A real PostgreSQL for the tests: Debian's package, a folder and a port of its own.

``postgres_url`` names the server, once a session; ``postgres_database`` a new database of it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

ROOT = os.geteuid() == 0


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A URL of a superuser of a PostgreSQL server that lives as long as the session."""
    binaries = find_binaries() or install()
    # Not in pytest's folder: only root may enter that, and the server refuses to be root.
    folder = Path(tempfile.mkdtemp(prefix="cohort-postgres-"))
    try:
        password = secrets.token_urlsafe(16)
        (folder / "password").write_text(password)
        if ROOT:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        initialise(binaries, folder)
        port = start(binaries, folder)
        try:
            yield f"postgresql://cohort:{password}@127.0.0.1:{port}/postgres"
        finally:
            run(binaries / "pg_ctl", "-D", folder / "data", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """A URL of an empty database that no other test uses."""
    name = f"test_{secrets.token_hex(6)}"
    server = create_engine(
        make_url(postgres_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    try:
        yield postgres_url.rpartition("/")[0] + f"/{name}"
    finally:
        with server.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        server.dispose()


def find_binaries() -> Path | None:
    """Return the newest installed server's folder of programs, or None."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda p: float(p.parent.name), default=None)


def install() -> Path:
    """Install Debian's package; fails the test with what is missing if that cannot be done."""
    if not ROOT or shutil.which("apt-get") is None:
        pytest.fail("PostgreSQL is missing: install your distribution's package postgresql.")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    output = ""
    for step in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
        done = subprocess.run(
            ["apt-get", "-q", *step], env=env, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        output = done.stdout
    found = find_binaries()
    if found is None:
        pytest.fail(f"PostgreSQL is missing and apt-get cannot install it:\n{output[-2000:]}")
    return found


def initialise(binaries: Path, folder: Path) -> None:
    """Make a cluster with one superuser, whose password is in ``folder/password``."""
    run(
        binaries / "initdb", "-D", folder / "data", "-U", "cohort", "-A", "scram-sha-256",
        "--pwfile", folder / "password", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync",
    )  # fmt: skip


def start(binaries: Path, folder: Path) -> int:
    """Start the server on a free loopback port and return the port once it answers."""
    for attempt in (1, 2, 3):
        port = free_port()
        # No sync: what a crash of the machine loses is of no use to a test.
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
        log = folder / "data" / "server.log"
        done = run(
            binaries / "pg_ctl", "-D", folder / "data", "-w", "-l", log,
            "-o", options + " -c fsync=off", "start", check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return port
        if attempt == 3:  # before that, somebody may have taken the port in between
            pytest.fail(f"PostgreSQL does not start:\n{log.read_text()[-2000:]}")
    raise AssertionError("unreachable")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL's as an account that is not root."""
    account = {}
    if ROOT:
        entry = pwd.getpwnam("postgres")
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    # Output goes to a file: a pipe would stay open as long as the server that inherits it.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(part) for part in command], cwd="/", stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, check=False, **account,
        )  # fmt: skip
        output.seek(0)
        if check and done.returncode:
            pytest.fail(f"{command[0]} failed:\n{output.read()[-2000:]}")
    return done
