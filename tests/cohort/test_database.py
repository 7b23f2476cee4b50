"""The database: one schema on SQLite and PostgreSQL, safe starts, sentences for failures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, Table, event, insert, inspect, select, text

import cohort.gpus
import experiments.tables  # noqa: F401 - its tables are in the schema too
import grading.autograder.tables
import grading.tables  # noqa: F401
from cohort.database import Base, DatabaseError, UtcDateTime, ensure_schema, open_database

pytest_plugins = ["tests.postgres"]

START = """
import sys
from cohort.database import ensure_schema, open_database
from cohort.errors import CohortError
engine = open_database(sys.argv[1])
try:
    ensure_schema(engine)
except CohortError as error:
    print(error)
engine.dispose()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lab.db'}"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def engine(url):
    engine = open_database(url)
    yield engine
    engine.dispose()


def failure(url: str) -> str:
    """Return the sentence that opening this database ends with."""
    engine = open_database(url)
    with pytest.raises(DatabaseError) as caught:
        ensure_schema(engine)
    engine.dispose()
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


def test_the_migrations_make_what_the_code_expects(engine):
    ensure_schema(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_second_start_changes_nothing(engine):
    ensure_schema(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(cohort.gpus.GpuClaim).values(
                device="a/gpu=0", holder_kind="team", holder_name="t", holder_label="",
                claimed_at=datetime.now(UTC),
            )
        )  # fmt: skip
    ensure_schema(engine)
    with engine.connect() as connection:
        assert connection.execute(select(cohort.gpus.GpuClaim.device)).scalars().all() == [
            "a/gpu=0"
        ]


def test_services_that_start_together_find_one_schema(url):
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", START, url],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    outputs = [p.communicate(timeout=60)[0] for p in processes]
    assert outputs == [""] * 6
    assert [p.returncode for p in processes] == [0] * 6


def test_threads_of_one_service_too(engine):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ensure_schema, [engine] * 8))  # raises what a thread raised
    assert inspect(engine).has_table("gpu_claims")


def test_a_migration_that_fails_leaves_nothing_behind(engine):
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE gpu_claims (in_the_way INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        ensure_schema(engine)
    assert inspect(engine).get_table_names() == ["gpu_claims"]


def test_a_database_from_a_newer_version_is_left_alone(engine, url):
    ensure_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer version of Cohort (its schema is 9999)" in failure(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == (
            "9999"
        )


def test_migrations_form_one_line():
    config = Config()
    config.set_main_option("script_location", "cohort:migrations")
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == 1
    for revision in script.walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_")


def test_times_come_back_in_utc(engine):
    table = Table("times", Base.metadata, Column("id", Integer, primary_key=True),
                  Column("at", UtcDateTime))  # fmt: skip
    noon = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=8)))
    try:
        table.create(engine)
        with engine.begin() as connection:
            connection.execute(insert(table).values(at=noon))
            found = connection.execute(select(table.c.at)).scalar_one()
            with pytest.raises(Exception, match="a time with a zone"):
                connection.execute(insert(table).values(at=noon.replace(tzinfo=None)))
    finally:
        Base.metadata.remove(table)
    assert (found, found.tzinfo) == (noon, UTC)


def test_a_transaction_on_sqlite_keeps_other_writers_waiting(tmp_path):
    url = f"sqlite:///{tmp_path / 'lab.db'}"
    first, second = open_database(url), open_database(url)
    event.listen(second, "connect", lambda c, _: c.execute("PRAGMA busy_timeout=50"))
    with first.begin(), pytest.raises(DatabaseError, match="busy"), second.begin():
        pass
    with second.begin() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    first.dispose()
    second.dispose()


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/n", "sqlite://", ""])
def test_other_urls_are_refused(url):
    with pytest.raises(DatabaseError, match='The setting "database" is not a URL'):
        open_database(url)


def test_no_folder(tmp_path):
    path = tmp_path / "absent" / "lab.db"
    assert failure(f"sqlite:///{path}").startswith(f"The database {path} cannot be opened: check")


def test_not_a_database(tmp_path):
    path = tmp_path / "lab.db"
    path.write_text("notes of the last meeting " * 100)
    assert "is not a database" in failure(f"sqlite:///{path}")


def test_a_file_that_may_not_be_written():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "lab.db")
        engine = open_database(f"sqlite:///{path}")
        ensure_schema(engine)
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))
        engine.dispose()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        # Rights do not bind root, so the service of this test is somebody else.
        account = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(
            [sys.executable, "-c", START, f"sqlite:///{path}"],
            capture_output=True, text=True, check=False, **account,
        )  # fmt: skip
        Path(folder).chmod(0o755)
    assert done.stderr == ""
    assert done.stdout.startswith(f"The database {path} cannot be")
    assert "check" in done.stdout


def test_a_full_disk(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'lab.db'}")
    # SQLite's own limit raises the same error as a disk without room.
    event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA max_page_count=2"))
    with pytest.raises(DatabaseError, match="the disk is full: free some space"):
        ensure_schema(engine)
    engine.dispose()


def test_no_server():
    sentence = failure("postgresql://lab:hunter2@127.0.0.1:1/lab")
    assert sentence.startswith(
        "The database postgresql://lab:***@127.0.0.1:1/lab cannot be reached"
    )
    assert "hunter2" not in sentence


def test_a_wrong_password(postgres_database):
    user = postgres_database.replace("cohort:", "cohort:wrong")
    assert "password authentication failed" in failure(user)


def test_a_restarted_server_is_reached_again(postgres_database):
    engine, other = open_database(postgres_database), open_database(postgres_database)
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with other.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
    other.dispose()
