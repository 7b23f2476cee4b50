"""Files that a container writes are read as data, whatever is put in their place."""

from __future__ import annotations

import json
import os

import pytest

from experiments import live_files
from experiments.live_files import CELLS, EventTail, Progress, open_regular, read_capped


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.jsonl"


def write(log, *events: dict | str) -> None:
    with open(log, "a", encoding="utf-8") as file:
        for event in events:
            file.write(event if isinstance(event, str) else json.dumps(event) + "\n")


def started(cells: object) -> dict:
    return {"t": 0.0, "kind": "run_started", "cells": cells}


ENDED = {"t": 0.0, "kind": "cell_ended", "cell": 0, "ok": True, "seconds": 0.1}


def test_a_log_is_followed_as_it_grows(log):
    tail = EventTail(log)
    assert tail.look() == Progress(None, 0)
    write(log, started(3), {"t": 1.0, "kind": "cell_started", "cell": 0}, ENDED)
    assert tail.look() == Progress(3, 1)
    whole = json.dumps(ENDED) + "\n"
    write(log, ENDED, whole[:20])
    assert tail.look() == Progress(3, 2)
    write(log, whole[20:])
    assert tail.look() == Progress(3, 3)
    assert tail.look() == Progress(3, 3)


@pytest.mark.parametrize("cells", [None, "3", 1.5, True, [3], {"a": 1}])
def test_a_number_that_is_none_says_nothing(log, cells):
    write(log, started(cells))
    assert EventTail(log).look() == Progress(None, 0)


def test_hostile_lines_are_passed_over(log):
    write(log, started(10**30), "not json \"cell_ended\"\n", '["cell_ended"]\n', '"cell_ended"\n',
          "[" * 100_000 + '"cell_ended"\n', {"t": 0, "kind": ["cell_ended"]}, ENDED)  # fmt: skip
    with open(log, "ab") as file:
        file.write(b'\xff\xfe"cell_ended"\n')
    assert EventTail(log).look() == Progress(CELLS, 1)
    write(log, started(-5))
    assert EventTail(log).look() == Progress(0, 1)


def test_a_look_takes_in_no_more_than_a_chunk_and_a_line_without_end_is_dropped(log, monkeypatch):
    monkeypatch.setattr(live_files, "CHUNK", 1000)
    write(log, started(2), "x" * 5000, "\n", ENDED)
    tail = EventTail(log)
    looks = [tail.look() for _ in range(7)]
    assert looks[0] == Progress(2, 0), "the first thousand bytes"
    assert looks[-1] == Progress(2, 1)
    assert len(tail._begun) <= 1000


def test_a_pipe_in_its_place_holds_nobody_up(log):
    os.mkfifo(log)
    assert EventTail(log).look() == Progress(None, 0)
    assert read_capped(log, 100) is None


def test_a_link_in_its_place_is_not_followed(log, tmp_path):
    secret = tmp_path / "secret"
    write(secret, started(7))
    log.symlink_to(secret)
    assert EventTail(log).look() == Progress(None, 0)
    assert read_capped(log, 100) is None
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(log)


def test_a_file_is_read_whole_or_not_at_all(log):
    log.write_bytes(b"x" * 100)
    assert read_capped(log, 100) == b"x" * 100
    assert read_capped(log, 99) is None
    assert read_capped(log.with_name("none"), 100) is None
