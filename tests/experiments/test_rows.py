"""Rows of a table as a sweep's members: what is read, and that every wrong row is named."""

from __future__ import annotations

import pytest

from experiments.axes import MOST, SweepError
from experiments.parameters import read_parameters
from experiments.rows import read_rows
from tests.experiments.runs import notebook

PARAMETERS = read_parameters(
    notebook("1", parameters='lr = 0.1\nepochs: int = 3\nname: str = "a"\nsizes: list = [1]')
)


@pytest.mark.parametrize("mark", [",", ";", "\t", ", "])
def test_a_table_has_a_member_for_each_row(mark):
    lines = [("lr", "epochs", "name"), ("0.1", "5", "x y"), ("1e-2", "", "z")]
    text = "\r\n".join(mark.join(line) for line in lines)
    assert read_rows(f"\ufeff\n{text}\n\n", PARAMETERS) == [
        {"lr": 0.1, "epochs": 5, "name": "x y"},
        {"lr": 0.01, "name": "z"},
    ]


def test_quotes_keep_commas():
    assert read_rows('name,sizes\n"a, b","[1, 2]"\n', PARAMETERS) == [
        {"name": "a, b", "sizes": [1, 2]}
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [1]),
        ("lr", [1]),
        ("lr,rate\n1,2", [1]),
        ("lr,__class__\n1,2", [1]),
        ("lr,lr\n1,2", [1]),
        ("lr,epochs\n1,2\n1\n\n1,2,3\n2,2", [3, 5]),
        ("lr,epochs\nx,2\n1,2.5\n1,nan\n1,2", [2, 3, 4]),
        ('lr\n"1\n2', [3]),
        ("lr\n" + "x\n" * 400, list(range(2, 22))),
        ("x" * 1_000_001, [1]),
    ],
)
def test_every_wrong_row_is_named(text, lines):
    with pytest.raises(SweepError) as refused:
        read_rows(text, PARAMETERS)
    assert refused.value.code == "sweep_rows_invalid"
    assert [row["line"] for row in refused.value.details["rows"]] == lines
    assert all(row["message"].endswith((".", "?")) for row in refused.value.details["rows"])
    assert len(str(refused.value)) < 300


def test_a_table_that_is_too_long_is_refused():
    assert len(read_rows("epochs\n" + "1\n" * MOST, PARAMETERS)) == MOST
    with pytest.raises(SweepError, match="501 members"):
        read_rows("epochs\n" + "1\n" * (MOST + 1), PARAMETERS)
