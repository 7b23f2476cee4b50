"""Search: the right runs in the right order, no run of others, and no slower for many runs."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, insert, text
from sqlalchemy.orm import Session

from experiments.errors import ExperimentError
from experiments.queue import Origin
from experiments.search import Page, Query, choices, find, published, tags_of
from experiments.states import State
from experiments.tables import Run, RunTerm, new_id
from experiments.terms import terms_of
from tests.experiments.queueing import APOLLO, BOREALIS, CORAL, HASH, START, Desk

PAGE, SOME = 20, 200
FEW, MANY = 1_000, 10_000 if os.environ.get("COHORT_CAMPAIGN") else 4_000
TEAM = frozenset({"team-apollo"})
EVERYBODY = None


def look(desk: Desk, limit: int = 50, after: str | None = None, **query) -> Page:
    with Session(desk.database, expire_on_commit=False) as session, session.begin():
        return find(session, Query(**{"owners": EVERYBODY} | query), limit, after)


def ids(desk: Desk, **query) -> list[str]:
    return [run.id for run in look(desk, **query).runs]


@pytest.fixture
def some(desk) -> dict[str, str]:
    """A run under each of a few names, a minute apart."""
    made = {}
    for name, origin, fields in (
        ("resnet", APOLLO, {"title": "ResNet-50 baseline", "tags": ["baseline", "vision"]}),
        ("unet", BOREALIS, {"title": "UNet", "notebook": "med/scan.ipynb", "tags": ["vision"]}),
        ("bert", APOLLO, {"title": "BERT résumé", "notebook": "nlp/bert_large.ipynb"}),
        ("zh", CORAL, {"title": "訓練模型 v2", "tags": ["50% off"]}),
        ("desk", Origin("dora", "dora"), {"title": "resolution of scans"}),
    ):
        if origin.owner == "dora":
            desk.hand_in(origin)
        made[name] = desk.submit(origin, **fields)
        desk.clock.later(minutes=1)
    return made


def test_newest_first_and_only_whose_one_sees(desk, some):
    assert ids(desk) == list(reversed(some.values()))
    assert ids(desk, owners=TEAM) == [some["bert"], some["resnet"]]
    assert ids(desk, owners=TEAM | {"dora"}) == [some["desk"], some["bert"], some["resnet"]]
    assert ids(desk, owners=frozenset()) == ids(desk, owners=frozenset({"team-apoll"})) == []


FOUND = [
    ({"tag": "vision"}, ["unet", "resnet"]),
    ({"tag": "visio"}, []),
    ({"tag": "vision", "owners": TEAM}, ["resnet"]),
    ({"tag": "50% off"}, ["zh"]),
    ({"author": "ada"}, ["bert", "resnet"]),
    ({"notebook": "med/scan.ipynb"}, ["unet"]),
    ({"notebook": "scan.ipynb"}, []),
    ({"author": "ada", "tag": "vision"}, ["resnet"]),
    ({"states": (State.WAITING,)}, ["desk", "zh", "bert", "unet", "resnet"]),
    ({"states": (State.RUNNING, State.FAILED)}, []),
    ({"states": (State.WAITING,), "owners": TEAM, "tag": "baseline"}, ["resnet"]),
    ({"text": "resnet"}, ["resnet"]),
    ({"text": "RES"}, ["desk", "resnet"]),
    ({"text": "res scan"}, ["desk"]),
    ({"text": "scan"}, ["desk", "unet"]),
    ({"text": "scan", "owners": TEAM}, []),
    ({"text": "apollo large"}, ["bert"]),
    ({"text": "baseline 50"}, ["resnet"]),
    ({"text": "résum"}, ["bert"]),
    ({"text": "R\u00c9SUME\u0301"}, ["bert"]),  # decomposed, in capitals
    ({"text": "模型"}, ["zh"]),
    ({"text": "型"}, ["zh"]),
    ({"text": "v2"}, ["zh"]),
    ({"text": "s"}, []),
    ({"text": "%"}, ["desk", "zh", "bert", "unet", "resnet"]),
    ({"text": "nothing of the kind"}, []),
]


def test_what_is_found(desk, some):
    for query, found in FOUND:
        assert (query, ids(desk, **query)) == (query, [some[name] for name in found])


def test_what_no_database_takes_is_refused(desk):
    for field in ("text", "tag", "author", "notebook", "sweep", "schedule"):
        for value in ("a\0b", "\ud800", "a\nb"):
            with pytest.raises(ExperimentError) as caught:
                look(desk, **{field: value})
            assert caught.value.details["field"] == field


def test_what_is_only_strange_finds_nothing_or_all(desk, some):
    for value in ("'; DROP TABLE runs; --", "_", "\\", "a" * 5000, "\U0010ffff"):
        for field in ("tag", "author"):
            assert ids(desk, **{field: value}) == []
        assert set(ids(desk, text=value)) <= set(some.values())
    assert len(ids(desk)) == 5


def walk(desk: Desk, limit: int, **query) -> list[str]:
    """All pages, one after another."""
    found, after = [], None
    while True:
        page = look(desk, limit, after, **query)
        found += [run.id for run in page.runs]
        if page.next is None:
            return found
        assert len(page.runs) == limit
        after = page.next


def test_pages_lose_and_repeat_nothing(desk):
    """Forty runs of one moment, by two owners, and new ones that come while one reads."""
    made = [desk.submit((APOLLO, BOREALIS)[i % 2], tags=["t"], title="same") for i in range(40)]
    for query in ({}, {"tag": "t"}, {"text": "sam"}, {"states": (State.WAITING,)}):
        for owners in (EVERYBODY, frozenset({"team-apollo", "team-borealis"})):
            found = walk(desk, 7, owners=owners, **query)
            assert sorted(found) == sorted(made) and found == sorted(made, reverse=True)
    first = look(desk, 10)
    desk.clock.later(minutes=1)
    desk.submit()
    second = look(desk, 10, first.next)
    assert [r.id for r in first.runs + second.runs] == sorted(made, reverse=True)[:20]


def test_what_is_no_page(desk):
    for cursor in ("", "1", "x~y", "20261399T000000000000~run-aaaaaaaaaaaa", "\0", "a" * 10_000):
        with pytest.raises(ExperimentError, match="no page of this list"):
            look(desk, after=cursor)


def test_more_endings_than_are_looked_up(desk):
    for number in range(60):
        desk.submit(title=f"model{number:02} shared")
    assert len(ids(desk, text="model", limit=60)) == 50
    assert len(ids(desk, text="shared", limit=60)) == 60


def test_tags_and_choices(desk, some):
    with Session(desk.database) as session, session.begin():
        tags = tags_of(session, [some["resnet"], some["bert"]])
        assert tags == {some["resnet"]: ["baseline", "vision"], some["bert"]: []}
        assert choices(session, None, "tag", "") == ["50% off", "baseline", "vision"]
        assert choices(session, TEAM, "tag", "b") == ["baseline"]
        assert choices(session, TEAM, "notebook", "") == ["nlp/bert_large.ipynb", "work.ipynb"]
        assert choices(session, TEAM | {"dora"}, "author", "") == ["ada", "dora"]


def test_what_is_published(desk, some):
    order = [some["unet"], some["desk"], some["resnet"]]
    for number, run_id in enumerate(order):
        desk.alter(run_id, published_at=START + timedelta(days=number))
    with Session(desk.database) as session, session.begin():
        first = published(session, 2)
        rest = published(session, 2, first.next)
        assert [run.id for run in first.runs + rest.runs] == order[::-1]
        assert rest.next is None


def fill(database: Engine, count: int, rare: int = 0) -> None:
    """Runs of ten teams over a year, most of them ended, with large provenance."""
    owners = [f"team-{i}" for i in range(10)]
    runs, terms = [], []
    for i in range(count):
        owner = owners[i * 7 % 10]
        run = Run(id=new_id("run"), owner=owner, author=f"person-{i % 40}", title=f"train {i % 9}",
                  notebook=f"folder/nb{i % 25}.ipynb", created_at=START + timedelta(minutes=5 * i),
                  sweep_id=None, schedule_id=None)  # fmt: skip
        state = "succeeded" if i % 10 else "failed"
        more = dict(
            id=run.id, owner=owner, author=run.author, title=run.title, notebook=run.notebook,
            created_at=run.created_at, state=state, snapshot=HASH, request_hash="", network=False,
            fingerprint="", parameters={"lr": i}, kernel="python3", image="i", image_digest="d",
            cpus=1, memory_bytes=1, gpus=0, time_limit_s=60, cell_limit_s=0, attempt=1,
            max_attempts=3, cells_done=1, bytes_kept=5, metrics={"loss": 1 / (i + 1)},
            provenance={"packages": {f"p{n}": "1.0" for n in range(50)}},
            started_at=run.created_at, ended_at=run.created_at + timedelta(minutes=4),
        )  # fmt: skip
        runs.append(more)
        tags = ("common", "rare") if i < rare else ("common",)
        for found_by in terms_of(run, tags):
            terms.append({"run_id": run.id, "term": found_by, "owner": owner,
                          "created_at": run.created_at})  # fmt: skip
    with database.begin() as connection:
        for start in range(0, count, 1000):
            connection.execute(insert(Run), runs[start : start + 1000])
        for start in range(0, len(terms), 5000):
            connection.execute(insert(RunTerm), terms[start : start + 5000])
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))


QUERIES = {
    "everything": {},
    "one team": {"owners": frozenset({"team-3"})},
    "four teams": {"owners": frozenset({"team-1", "team-2", "team-3", "team-4"})},
    "tag": {"tag": "common"},
    "rare tag": {"tag": "rare"},
    "team and tag": {"owners": frozenset({"team-3"}), "tag": "common"},
    "notebook": {"notebook": "folder/nb3.ipynb"},
    "team and author": {"owners": frozenset({"team-3"}), "author": "person-9"},
    "failed": {"states": (State.FAILED,)},
    "waiting of a team": {"owners": frozenset({"team-3"}), "states": (State.WAITING,)},
    "words": {"text": "train folder"},
    "a word's beginning": {"text": "tra", "owners": frozenset({"team-3"})},
    "rare and common": {"tag": "rare", "text": "train", "states": (State.SUCCEEDED,)},
    "nothing": {"text": "unheard"},
}


def test_a_page_costs_the_same_however_many_runs_there_are(desk):
    """By what the database does for it, not by the clock: a busy machine proves nothing."""
    count = COST[desk.database.dialect.name]
    fill(desk.database, FEW, rare=5)
    few = {name: count(desk, query) for name, query in QUERIES.items()}
    assert few["everything"] > PAGE
    fill(desk.database, MANY - FEW)
    many = {name: count(desk, query) for name, query in QUERIES.items()}
    # Some: PostgreSQL reads all of what it takes to be a few rows. All would be thousands.
    more = {name: (few[name], many[name]) for name in few if many[name] > 1.5 * few[name] + SOME}
    assert more == {}


def steps_of_sqlite(desk: Desk, query: dict) -> int:
    """Instructions of SQLite's virtual machine, in tens."""
    steps = []
    with Session(desk.database) as session, session.begin():
        driver = session.connection().connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(1), 10)
        find(session, Query(**{"owners": EVERYBODY} | query), PAGE)
        driver.set_progress_handler(None, 0)
    return len(steps)


def rows_of_postgresql(desk: Desk, query: dict) -> int:
    """Rows that the steps of all its plans read, kept or not."""
    statements = []

    def note(connection, cursor, *statement) -> None:
        statements.append(statement[:2])

    event.listen(desk.database, "before_cursor_execute", note)
    look(desk, PAGE, **query)
    event.remove(desk.database, "before_cursor_execute", note)
    rows = 0
    with desk.database.begin() as connection:
        for statement, parameters in statements:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            rows += rows_read(connection.exec_driver_sql(explain, parameters).scalar()[0]["Plan"])
    return rows


def rows_read(plan: dict) -> int:
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return own + sum(rows_read(child) for child in plan.get("Plans", ()))


COST = {"sqlite": steps_of_sqlite, "postgresql": rows_of_postgresql}
