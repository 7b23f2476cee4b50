"""Rows of a table as the members of a sweep, as people paste them out of a spreadsheet.

Invariant: the whole table is read before it is refused, so that every row that is wrong is named
at once, by its line.

    lr,epochs
    0.1,5
    0.01,

The first line has names of parameters; a field that is empty leaves its parameter as it is
otherwise. Fields are divided by tabs, semicolons or commas, whichever the first line has.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable

from experiments.axes import MOST, SweepError
from experiments.parameters import Parameter, ParameterError, find_parameter, parse_text

CHARACTERS = 1_000_000
TOLD = 20  # rows that a refusal tells of

Row = tuple[int, list[str]]


def read_rows(text: str, parameters: tuple[Parameter, ...]) -> list[dict]:
    """The members that a table describes, their values read as their parameters say.

    Raises `SweepError` ``sweep_rows_invalid``, with the ``line`` and ``message`` of each wrong row
    in its details, and ``sweep_too_large``.
    """
    if len(text) > CHARACTERS:
        raise _refused([(1, f"at most {CHARACTERS:,} characters are read.")])
    table = _table(text.removeprefix("\ufeff"))
    if len(table) < 2:
        names = ",".join(parameter.name for parameter in parameters[:3]) or "lr,seed"
        said = f"give names of parameters, such as {names}, then a line of values for each run."
        raise _refused([(1, said)])
    if len(table) - 1 > MOST:
        raise SweepError(
            f"The sweep would have {len(table) - 1:,} members, at most {MOST} are possible.",
            code="sweep_too_large",
        )
    (first, names), *rows = table
    columns = _all([(first, name.strip()) for name in names], _column(parameters))
    if len({column.name for column in columns}) < len(columns):
        raise _refused([(first, "a parameter stands there twice.")])
    return _all(rows, lambda fields: _member(columns, fields))


def _table(text: str) -> list[Row]:
    """Lines that are not empty, with their numbers, cut into fields."""
    head = text.lstrip().partition("\n")[0]
    divider = next((mark for mark in "\t;" if mark in head), ",")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=divider, skipinitialspace=True, strict=True
    )
    try:
        return [(reader.line_num, fields) for fields in reader if any(map(str.strip, fields))]
    except csv.Error as error:
        raise _refused([(reader.line_num, f"it is no row of a table: {error}.")]) from None


def _all(lines: Iterable[tuple[int, object]], read: Callable[..., object]) -> list:
    """What each line is read as; refused with all that cannot be read."""
    found, wrong = [], []
    for line, what in lines:
        try:
            found.append(read(what))
        except (ParameterError, _WrongRowError) as error:
            wrong.append((line, str(error)))
    if wrong:
        raise _refused(wrong)
    return found


def _column(parameters: tuple[Parameter, ...]) -> Callable[[str], Parameter]:
    return lambda name: find_parameter(parameters, name)


def _member(columns: list[Parameter], fields: list[str]) -> dict:
    if len(fields) != len(columns):
        raise _WrongRowError(f"It has {len(fields)} values, the first line {len(columns)} names.")
    given = zip(columns, fields, strict=True)
    return {one.name: parse_text(one, field) for one, field in given if field.strip()}


class _WrongRowError(Exception):
    """A row that does not fit its table."""


def _refused(wrong: list[tuple[int, str]]) -> SweepError:
    line, said = wrong[0]
    more = f" {len(wrong) - 1} more cannot be read." if len(wrong) > 1 else ""
    return SweepError(
        f"Line {line} of the list of members: {said}{more}",
        code="sweep_rows_invalid", field="rows",
        rows=[{"line": line, "message": said} for line, said in wrong[:TOLD]],
    )  # fmt: skip
