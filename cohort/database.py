"""The lab's database: SQLite in the data folder, or PostgreSQL by URL, behind one `Engine`.

Invariant: on both, a transaction that writes sees no state that another writer is changing.
SQLite gives that by `BEGIN IMMEDIATE` (one writer at a time); on PostgreSQL the code asks for
it with `lock_table` or ``FOR UPDATE``. Times are aware and in UTC on both.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Engine,
    MetaData,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from cohort.errors import CohortError

BUSY_SECONDS = 30
SCHEMA_LOCK = 0x636F686F7274  # "cohort": any constant that no other user of the server has


class DatabaseError(CohortError):
    """The database is unreachable, unusable or full; the sentence says what to do."""


class Base(DeclarativeBase):
    """Base of every table's class; constraints are named so that migrations can alter them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator):
    """An aware time in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect) -> datetime | None:
        """Refuse naive times: what zone they are in is anyone's guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected a time with a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_database(url: str) -> Engine:
    """Return an engine for ``sqlite:///<file>`` or ``postgresql://…``; connects on first use.

    From then on every failure that an operator can mend is raised as `DatabaseError`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.drivername == "sqlite" and parsed.database:
        engine = _open_sqlite(parsed)
    elif parsed is not None and parsed.drivername in ("postgresql", "postgresql+psycopg"):
        # Pre-ping: the server may have been restarted since the pool last used a connection.
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    else:
        raise DatabaseError(
            'The setting "database" is not a URL this lab can use: expected '
            '"sqlite:////path/to/file" or "postgresql://user:password@host/name".'
        )
    event.listen(engine, "handle_error", _explain)
    return engine


def ensure_schema(engine: Engine) -> None:
    """Bring the schema to what this version of the code expects; all of it or none.

    Services that start together wait for the first. Raises `DatabaseError` if the database
    was upgraded by a newer version, or cannot be used.
    """
    config = Config()
    config.set_main_option("script_location", "cohort:migrations")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))
        _refuse_newer(connection, config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def lock_table(session: Session, name: str) -> None:
    """Keep other writers out of a table until the transaction ends; readers go on.

    On SQLite the transaction itself already does.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f'LOCK TABLE "{name}" IN EXCLUSIVE MODE'))


def _open_sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    folder = Path(url.database).resolve().parent

    # The driver's own transaction handling begins too late for BEGIN IMMEDIATE, so it is
    # switched off and the engine says BEGIN: https://docs.sqlalchemy.org/dialects/sqlite.html
    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        # SQLite does not wait for another process that changes the journal mode as well
        # (the busy time-out is not used there), hence a lock of our own.
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            os.close(handle)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _refuse_newer(connection: Connection, config: Config) -> None:
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if not found <= known:
        raise DatabaseError(
            f"The database was upgraded by a newer version of Cohort (its schema is "
            f"{', '.join(sorted(found - known))}): install that version again, or restore the "
            f"backup made before the upgrade."
        )


def _explain(context: ExceptionContext) -> None:
    """Raise a sentence in place of a driver's error that an operator can mend."""
    if context.is_pre_ping:
        return  # the pool reconnects by itself
    error = context.original_exception
    if isinstance(error, sqlite3.Error):
        why = _SQLITE.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
        if why:
            path = context.dialect.create_connect_args(context.engine.url)[0][0]
            raise DatabaseError(f"The database {path} {why}.") from error
        return
    lost = context.connection is None or context.is_disconnect
    why = _POSTGRES.get(getattr(error, "sqlstate", None) or "")
    if why or lost:
        url = context.engine.url.set(drivername="postgresql")
        why = why or (
            f'cannot be reached ({_reason(error)}): check that it runs and that "database" in '
            f"cohort.toml is right"
        )
        raise DatabaseError(f"The database {url.render_as_string()} {why}.") from error


def _reason(error: BaseException) -> str:
    """Return the first line of the driver's message; what follows is advice of its own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")


_SQLITE = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its folder exists and that this "
    "account may write there",
    sqlite3.SQLITE_READONLY: "cannot be written: check the rights of the file and its folder",
    sqlite3.SQLITE_PERM: "cannot be written: check the rights of the file and its folder",
    sqlite3.SQLITE_FULL: "cannot grow because the disk is full: free some space there; nothing "
    "that was saved before is lost",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check the disk and the system's log",
    sqlite3.SQLITE_BUSY: f"was kept busy by another process for {BUSY_SECONDS} seconds: try "
    "again, and see with `make status` what runs",
    sqlite3.SQLITE_NOTADB: "is not a database: move the file away, or restore it from a backup",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
}

_POSTGRES = {
    "53100": "has no disk space left: free some there; nothing that was saved before is lost",
    "53300": "has no connection left: raise its max_connections",
    "42501": "does not allow this account to do that: make it the owner of the database",
}
