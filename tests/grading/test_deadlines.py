"""Deadlines, zones, grace, extensions, attempts and penalties: by the server's clock alone."""

from __future__ import annotations

import http.client
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.deadlines import (
    Penalty,
    closes_at,
    effective_due,
    late_seconds,
    local_to_utc,
    penalty_share,
)
from tests.grading.services import API, COURSE, HEADER, archive, hand_in, notebook, refused, release

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PS1 = f"{COURSE}/assignments/ps1"


def due_in(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def test_a_time_without_an_offset_is_the_zones_wall_clock():
    assert local_to_utc(datetime(2026, 12, 1, 23, 59), "Asia/Hong_Kong") == datetime(
        2026, 12, 1, 15, 59, tzinfo=UTC
    )
    assert local_to_utc(datetime(2026, 7, 1, 12), "Europe/Berlin").hour == 10
    assert local_to_utc(datetime(2026, 12, 1, 12), "Europe/Berlin").hour == 11
    # 02:30 is there twice on this night: the later one counts.
    assert local_to_utc(datetime(2026, 10, 25, 2, 30), "Europe/Berlin").hour == 1
    offset = datetime.fromisoformat("2026-12-01T12:00:00-05:00")
    assert local_to_utc(offset, "Asia/Hong_Kong").hour == 17


def test_within_the_grace_nobody_is_late_and_after_it_from_the_deadline_on():
    due = NOW
    assert late_seconds(due, due, 0) == 0
    assert late_seconds(due + timedelta(microseconds=1), due, 0) == 1
    assert late_seconds(due + timedelta(minutes=5), due, 5) == 0
    assert late_seconds(due + timedelta(minutes=5, seconds=1), due, 5) == 301
    assert late_seconds(NOW, None, 0) == 0


def test_a_deadline_closes_when_its_penalty_says():
    assert closes_at(NOW, 5, Penalty()) is None
    assert closes_at(None, 5, Penalty(closes_after_hours=1)) is None
    assert closes_at(NOW, 5, Penalty(closes_after_hours=1)) == NOW + timedelta(hours=1)
    assert closes_at(NOW, 5, Penalty(closes_after_hours=0)) == NOW + timedelta(minutes=5)


def test_a_penalty_counts_days_begun_up_to_its_most():
    penalty = Penalty(percent_per_day=20, at_most_percent=50)
    assert [penalty_share(s, penalty) for s in (0, 1, 86_400, 86_401, 10**7)] == [
        0, 0.2, 0.2, 0.4, 0.5,
    ]  # fmt: skip


@given(
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.floats(0, 100, allow_nan=False),
    st.floats(0, 100, allow_nan=False),
)
def test_who_is_later_never_pays_less(one, other, per_day, most):
    penalty = Penalty(percent_per_day=per_day, at_most_percent=most)
    low, high = sorted((one, other))
    assert 0 <= penalty_share(low, penalty) <= penalty_share(high, penalty) <= 1


def test_an_extension_never_takes_time_away():
    assert effective_due(NOW, NOW - timedelta(days=1)) == NOW
    assert effective_due(NOW, NOW + timedelta(days=1)) == NOW + timedelta(days=1)
    assert effective_due(None, NOW) is None


def test_a_late_hand_in_is_recorded_as_late_and_taken_until_it_closes(either):
    penalty = {"percent_per_day": 10, "closes_after_hours": 30}
    with either.to("ines") as ines, either.to("ada") as ada:
        release(ines, due=due_in(hours=1), grace_minutes=10, penalty=penalty)
        assert hand_in(ada).json()["late_seconds"] == 0
        either.clock.ahead = timedelta(hours=1, minutes=9)
        assert hand_in(ada).json()["late_seconds"] == 0, "within the grace"
        either.clock.ahead = timedelta(hours=1, minutes=11)
        late = hand_in(ada).json()
        assert 11 * 60 - 5 <= late["late_seconds"] <= 11 * 60 + 60
        assert late["penalty_share"] == 0.1
        either.clock.ahead = timedelta(hours=31, minutes=1)
        before = either.everything()
        assert "extension" in refused(hand_in(ada), 409, "closed")["message"]
        assert either.everything() == before, "what is refused for its time is not stored"
        [entry] = ada.get(f"{COURSE}/assignments").json()
        assert entry["closed"]


def test_an_extension_is_one_owners_and_is_on_record(either):
    with either.to("ines") as ines, either.to("ada") as ada, either.to("ben") as ben:
        release(ines, due=due_in(hours=1), penalty={"closes_after_hours": 0})
        either.clock.ahead = timedelta(hours=2)
        refused(hand_in(ada), 409, "closed")
        early = {"due": due_in(minutes=30), "reason": "ill"}
        refused(ines.put(f"{PS1}/extensions/ada", json=early), 422, "not_later")
        later = {"due": due_in(hours=5), "reason": "ill"}
        answer = ines.put(f"{PS1}/extensions/ada", json=later)
        assert answer.status_code == 200, answer.text
        assert answer.json()["by"] == "ines"
        assert hand_in(ada).json()["late_seconds"] == 0
        refused(hand_in(ben), 409, "closed")
        [entry] = ada.get(f"{COURSE}/assignments").json()
        assert entry["extended"] and not entry["closed"]
        [entry] = ben.get(f"{COURSE}/assignments").json()
        assert not entry["extended"] and entry["closed"]
        [one] = ines.get(f"{PS1}/extensions").json()
        assert (one["owner"], one["reason"]) == ("ada", "ill")
        assert ines.delete(f"{PS1}/extensions/ada").status_code == 204
        refused(ines.delete(f"{PS1}/extensions/ada"), 404, "extension_unknown")
        refused(hand_in(ada), 409, "closed")
        what = [c for c in ines.get(f"{COURSE}/changes").json() if c["what"] == "extension"]
        assert [(c["who"], c["owner"], bool(c["before"]), bool(c["after"])) for c in what] == [
            ("ines", "ada", False, True),
            ("ines", "ada", True, False),
        ]


def test_times_are_told_in_the_assignments_zone(either):
    with either.to("ines") as ines, either.to("ada") as ada:
        release(ines, due="2031-03-01T23:59:00", timezone="America/New_York")
        [entry] = ada.get(f"{COURSE}/assignments").json()
        assert entry["due"] == "2031-03-01T23:59:00-05:00"
        made = hand_in(ada).json()
        assert made["received_at"][-6:] in ("-04:00", "-05:00")
        # What is left out stays.
        rules = ines.put(PS1, json={"grace_minutes": 7}).json()
        assert (rules["due"], rules["grace_minutes"]) == (entry["due"], 7)
        assert ines.put(PS1, json={"due": None}).json()["due"] is None
        changes = ines.get(f"{COURSE}/changes").json()
        settings = [c for c in changes if c["what"] == "settings"]
        assert [c["after"]["grace_minutes"] for c in settings] == [0, 7, 7]


@pytest.mark.parametrize(
    "rules",
    [
        {"timezone": "Mars/Olympus"},
        {"due": "1066-10-14T00:00:00"},
        {"due": "tomorrow"},
        {"attempts": 0},
        {"grace_minutes": -1},
        {"kind": "class"},
        {"penalty": {"percent_per_day": 101}},
        {"penalty": {"percent_per_day": float("inf")}},
        {"deadline": "2030-01-01"},
    ],
)
def test_rules_that_make_no_sense_change_nothing(service, rules):
    with service.to("ines") as ines:
        before = service.everything()
        body = json.dumps(rules)
        answer = ines.put(PS1, content=body, headers={"Content-Type": "application/json"})
        assert next(iter(rules)) in refused(answer, 422, "request_invalid")["message"]
        assert service.everything() == before


def test_an_upload_held_open_over_the_deadline_is_late(either):
    """The time that counts is when the work was in, not when its sender began to send."""
    body = archive({"work.ipynb": notebook()})
    with either.to("ines") as ines:
        release(ines, due=due_in(hours=1))
    connection = http.client.HTTPConnection("127.0.0.1", either.port, timeout=20)
    connection.putrequest("POST", f"{API}{PS1}/submissions")
    connection.putheader(HEADER, "ada")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:50])
    threading.Event().wait(0.2)  # the first bytes are there; nothing says so that one could await
    either.clock.ahead = timedelta(hours=1, minutes=1)
    connection.send(body[50:])
    made = json.loads(connection.getresponse().read())
    connection.close()
    assert made["late_seconds"] >= 55
