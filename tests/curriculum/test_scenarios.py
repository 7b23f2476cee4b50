"""Scenarios: made the same each time, as their cards say, with a baseline that runs."""

from __future__ import annotations

import csv
import filecmp
import json
import re
from pathlib import Path

import pytest

from curriculum.build.course import SCENARIOS
from curriculum.build.notebooks import Role, load, role
from curriculum.build.rules import names
from curriculum.build.scenarios import names as scenarios

NAMES = scenarios()
FACTS = ("Task", "Source", "Licence", "Made by", "Baseline")


def card(name: str) -> str:
    """A scenario's card."""
    return (SCENARIOS / name / "README.md").read_text(encoding="utf-8")


def rows(text: str, section: str) -> list[list[str]]:
    """Cells of the rows of a section's table."""
    part = re.split(r"^## ", text.split(f"\n## {section}\n")[1], flags=re.MULTILINE)[0]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def baselines(box) -> dict[str, dict]:
    """What came of running every baseline."""
    box.module("baselines", "/out/scenarios", "/out")
    return json.loads((box.out / "baselines.json").read_text(encoding="utf-8"))


def test_there_are_at_least_four():
    assert len(NAMES) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_where_it_comes_from_and_what_not_to_trust(name):
    text = card(name)
    assert [fact for fact in FACTS if f"| {fact} | " not in text] == []
    biases = text.split("\n## What to know before you trust a number\n")[1]
    assert len(re.findall(r"^- ", biases, re.MULTILINE)) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_the_card_lists_the_files_with_rows_columns_and_size(box, name):
    files = rows(card(name), "Files")
    made = {p.name for p in (box.out / "scenarios" / name).iterdir()}
    assert {file for file, _, _ in files} == made - {p.name for p in (SCENARIOS / name).iterdir()}
    columns = [row[0] for row in rows(card(name), "Columns")]
    for file, count, size in files:
        path = box.out / "scenarios" / name / file
        assert size == f"{path.stat().st_size / 1e6:.1f} MB"
        if path.suffix == ".csv":
            with open(path, encoding="utf-8", newline="") as lines:
                table = list(csv.reader(lines))
            assert (len(table) - 1, table[0]) == (int(count), columns)


def test_a_second_run_of_the_scripts_gives_the_same_bytes(box):
    box.module("scenarios", "/out/again")
    for name in NAMES:
        same = filecmp.dircmp(box.out / "scenarios" / name, box.out / "again" / name)
        assert (same.left_only, same.right_only, same.diff_files) == ([], [], [])


def test_another_seed_gives_other_data(box):
    (box.out / "other").mkdir(mode=0o777)
    (box.out / "other").chmod(0o777)
    for name in NAMES:
        script = f"/proof/curriculum/scenarios/{name}/generate.py"
        if "SEED" in (SCENARIOS / name / "generate.py").read_text(encoding="utf-8"):
            box.python(script, "/out/other", "1")
            for file, _, _ in rows(card(name), "Files"):
                first, other = box.out / "scenarios" / name / file, box.out / "other" / file
                assert not filecmp.cmp(first, other)


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_runs_as_an_experiment_and_records_what_it_found(baselines, name):
    assert baselines[name]["problems"] == []
    assert len(baselines[name]["metrics"]) >= 2
    cells = load(SCENARIOS / name / "baseline.ipynb").cells
    [given] = [cell.source for cell in cells if role(cell) is Role.PARAMETERS]
    assert "data" in names(given)
    assert [line for line in given.splitlines() if "#" not in line] == []


def test_nothing_is_downloaded():
    for path in [*SCENARIOS.rglob("*.py"), *SCENARIOS.rglob("*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"https?://|urllib|requests|httpx|fetch_", text)
        assert found == [], Path(path).relative_to(SCENARIOS)
