"""Who handed a folder in, of which commit: a fact of the hand-in, and of the runs made of it."""

from __future__ import annotations

import json

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session

from cohort.database import ensure_schema, open_database
from experiments import schedules
from experiments.states import State
from experiments.tables import HandIn, Run, Schedule
from tests.experiments.services import hand_in, notebook, request_for, service_in

pytest_plugins = ["tests.postgres"]


@pytest.fixture
def service(tmp_path):
    with service_in(tmp_path) as service:
        yield service


def commit(service, run_id: str) -> tuple[str, str]:
    """Who handed in what a run came of, and at which commit."""
    with Session(service.context.database) as session:
        found = session.get_one(HandIn, session.get_one(Run, run_id).hand_in)
        return found.author, found.git["commit"]


def test_the_same_content_of_two_people_keeps_what_each_of_them_said(service):
    with service.to("ada") as ada, service.to("ken") as ken:
        for client, hash_ in ((ada, "1a"), (ken, "2b")):
            hand_in(client, git=json.dumps({"commit": hash_}))
        snapshot = hand_in(ada, git=json.dumps({"commit": "1a"})).json()["hash"]
        fields = {"notebook": "work.ipynb", "snapshot": snapshot, "memory": "256M"}
        runs = [
            client.post("/runs", json={"owner": "team-apollo", "run": fields, "again": True})
            .json()["run"]["id"]
            for client in (ada, ken)
        ]  # fmt: skip
        assert [commit(service, run) for run in runs] == [("ada", "1a"), ("ken", "2b")]
        hand_in(ada, git=json.dumps({"commit": "3c"}))
        assert commit(service, runs[0]) == ("ada", "1a"), "a later hand-in alters no earlier run"
        service.move(runs[0], State.STARTING, State.RUNNING, State.FAILED)
        again = ken.post(f"/runs/{runs[0]}/retry").json()["run"]["id"]
        assert commit(service, again) == ("ada", "1a"), "it is made of what the first was made of"


def test_record_and_report_say_who_handed_in_and_which_secrets_there_were(service):
    with service.to("ada") as ada, service.to("ken") as ken, service.to("otto") as otto:
        files = {"work.ipynb": notebook('key: "secret"\nother: "secret" = ""')}
        said = json.dumps({"commit": "1a", "branch": "main", "dirty": False})
        snapshot = hand_in(ken, files=files, git=said).json()["hash"]
        fields = {"notebook": "work.ipynb", "snapshot": snapshot, "secrets": {"key": "hunter2-x"}}
        run = ada.post("/runs", json={"owner": "team-apollo", "run": fields}).json()["run"]
        assert run["secret_names"] == ["key"]
        assert otto.get(f"/runs/{run['id']}").json()["secret_names"] == []
        done = {"notebook.ipynb": notebook(), "events.jsonl": b""}
        service.finish(run["id"], done, report=True)
        assert service.run(run["id"]).secrets is None
        found = ada.get(f"/runs/{run['id']}").json()
        record = ada.get(f"/runs/{run['id']}/provenance").json()
    assert (found["secret_names"], record["secrets"]) == (["key"], ["key"])
    assert record["snapshot"]["handed_in_by"] == "ken"
    assert (record["git"]["commit"], record["run"]["author"]) == ("1a", "ada")
    kept = service.context.folders.kept(run["id"])
    assert found["bytes_kept"] == sum(p.stat().st_size for p in kept.rglob("*") if p.is_file())
    assert found["bytes_kept"] > (kept / "report.html").stat().st_size


def test_a_run_without_a_hand_in_of_its_author_comes_of_the_teams_latest(service):
    with service.to("ada") as ada, service.to("ken") as ken:
        for client, hash_ in ((ken, "1a"), (ken, "2b")):
            hand_in(client, git=json.dumps({"commit": hash_}))
        snapshot = hand_in(ken, git=json.dumps({"commit": "1a"})).json()["hash"]
        body = {"notebook": "work.ipynb", "snapshot": snapshot}
        run = ada.post("/runs", json={"owner": "team-apollo", "run": body}).json()["run"]
    assert commit(service, run["id"]) == ("ken", "1a")


def test_a_schedules_and_a_sweeps_runs_come_of_the_hand_in_they_were_made_of(service):
    offer = service.context.offer
    with service.to("ada") as ada:
        hand_in(ada, git=json.dumps({"commit": "1a"}))
        run = request_for(ada)["run"]
        hand_in(ada, git=json.dumps({"commit": "1a"}))  # as `request_for` said nothing of it
        sweep = {"run": run, "spec": {"kind": "grid", "axes": {"lr": [1, 2]}}}
        made = ada.post("/sweeps", json={"owner": "team-apollo", "sweep": sweep}).json()["sweep"]
        asked = {"owner": "team-apollo", "schedule": {"run": run, "cron": "* * * * *"}}
        schedule = ada.post("/schedules", json=asked).json()["schedule"]["id"]
        hand_in(ada, git=json.dumps({"commit": "2b"}))
        ada.post(f"/sweeps/{made['id']}/cancel")
        again = ada.post(f"/sweeps/{made['id']}/missing").json()["runs"]
    with Session(service.context.database) as session, session.begin():
        row = session.get_one(Schedule, schedule)
        row.next_at = offer.now().replace(second=0, microsecond=0)
    fired = schedules.due(service.context.database, offer)
    assert len(fired) == 1
    found = [commit(service, run_id) for run_id in [*fired, *(run["id"] for run in again)]]
    assert found == [("ada", "1a")] * 3


def test_what_snapshots_said_before_goes_to_the_hand_ins_and_to_the_runs(database_url):
    database = open_database(database_url)
    config = Config()
    config.set_main_option("script_location", "cohort:migrations")
    hash_, owner, time = "a" * 64, "team-apollo", "2026-11-23 06:02:00+00:00"
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        insert(connection, "run_snapshots", hash=hash_, owner=owner, author="ada",
               git='{"commit": "1a"}', created_at=time)  # fmt: skip
        insert(connection, "run_snapshots", hash=hash_, owner="team-borealis", author="ben")
        insert(connection, "runs", id="run-1", owner=owner, snapshot=hash_)
        insert(connection, "runs", id="run-2", owner=owner, snapshot="b" * 64)
    ensure_schema(database)
    with Session(database) as session:
        first, second = (session.get_one(Run, name) for name in ("run-1", "run-2"))
        found = session.get_one(HandIn, first.hand_in)
        assert (found.author, found.git, found.at.hour) == ("ada", {"commit": "1a"}, 6)
        assert (first.secret_names, second.hand_in) == (None, None)
        assert sorted(session.scalars(select(HandIn.author))) == ["ada", "ben"]
    database.dispose()


def insert(connection, table: str, **values: object) -> None:
    """A row of a table as it is by now, with nothing in the columns that are not named."""
    nothing = {"INTEGER": 0, "BIGINT": 0, "BOOLEAN": False, "JSON": "{}"}
    for column in inspect(connection).get_columns(table):
        kind = str(column["type"]).partition("(")[0]
        if not column["nullable"] and kind in (*nothing, "DOUBLE", "DOUBLE PRECISION", "FLOAT"):
            values.setdefault(column["name"], nothing.get(kind, 0.0))
        elif not column["nullable"] and kind in ("TIMESTAMP", "DATETIME"):
            values.setdefault(column["name"], "2026-11-23 06:02:00+00:00")
        elif not column["nullable"]:
            values.setdefault(column["name"], "")
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)
