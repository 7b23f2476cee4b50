"""The axes of a sweep as people write them: values, ranges, distributions.

Invariant: a range is counted before it is made, and decimal: 0:1:0.1 has eleven values, the
fourth of them 0.3.

    axis    = json | log | item {"," item}
    item    = range | value
    range   = start ":" stop [":" step]       numbers only; stop belongs to it; step 1 if both
                                              ends are whole numbers, else it must be given
    log     = "log(" low "," high ")"         in random sweeps: evenly on a logarithmic scale
    json    = "[" ... "]"                     a list of values, for text that has commas in it,
                                              and the only way for lists and objects
    value   = as `experiments.parameter_values.parse` reads it

``seed=1:5`` are five seeds, ``lr=0.1,0.01`` two rates, ``x=0:1:0.25`` five numbers. In a random
sweep ``low:high`` is every number between the two: whole ones for a parameter that takes whole
numbers, or where both are whole and the parameter takes anything. Of the other forms it draws one
of the values.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from random import Random

from experiments.errors import ExperimentError
from experiments.parameters import Parameter, check_value, parse_text

MOST = 500  # members of a sweep: a page of points, a night on a GPU
CHARACTERS = 10_000
LOG = re.compile(r"log\(([^,()]+),([^,()]+)\)")
NUMBERS = ("int", "float", "any")


class SweepError(ExperimentError):
    """A sweep that cannot be made; ``details`` has the axis or the member that is to blame."""

    def __init__(self, message: str, *, code: str = "sweep_invalid", **details: object) -> None:
        super().__init__(message, code=code, **details)


def axis_values(parameter: Parameter, axis: object) -> list:
    """The different values of an axis, text or a list of values, in their order.

    Raises `SweepError`, or `ParameterError` for a value of the wrong kind.
    """
    values = axis if isinstance(axis, list) else _parse(parameter, _text(parameter, axis))
    if not values:
        raise _expected(parameter, "at least one value")
    if len(values) > MOST:
        raise _expected(parameter, f"at most {MOST} values")
    fitted = [check_value(parameter, value) for value in values]
    return list({json.dumps(value, sort_keys=True): value for value in fitted}.values())


def axis_draw(parameter: Parameter, axis: object) -> Callable[[Random], object]:
    """What draws a value from an axis, for a random sweep; raises as `axis_values` does."""
    if not isinstance(axis, list) and parameter.kind.name in NUMBERS:
        text = _text(parameter, axis)
        if match := LOG.fullmatch(text):
            return _logarithmic(parameter, *match.groups())
        ends = text.split(":")
        if len(ends) == 2 and "," not in text and all(_decimal(end) is not None for end in ends):
            return _even(parameter, *ends)
    values = axis_values(parameter, axis)
    return lambda random: random.choice(values)


def _text(parameter: Parameter, axis: object) -> str:
    if not isinstance(axis, str):
        raise _expected(parameter, 'text such as "0.1,0.01" or a list of values')
    if len(axis) > CHARACTERS:
        raise _expected(parameter, f"at most {CHARACTERS:,} characters")
    return axis.strip()


def _parse(parameter: Parameter, text: str) -> list:
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise _expected(parameter, "a list of values in JSON") from None
    if parameter.kind.name in ("list", "dict"):
        raise _expected(parameter, "a list of values in JSON, such as [[64, 32], [128]]")
    if LOG.fullmatch(text) and parameter.kind.name in NUMBERS:
        raise _expected(parameter, "values or a range: log(low,high) is for random sweeps")
    values = []
    for item in text.split(","):
        if not item.strip():
            raise _expected(parameter, "a value before and behind each comma")
        parts = [_decimal(part) for part in item.split(":")]
        is_range = parameter.kind.name in NUMBERS and len(parts) > 1
        if is_range and (parameter.kind.name != "any" or None not in parts):
            values += _range(parameter, item, parts, MOST - len(values))
        else:
            values.append(parse_text(parameter, item.strip()))
    return values


def _range(parameter: Parameter, item: str, parts: list[Decimal | None], room: int) -> list:
    whole = all(part is not None and part == part.to_integral_value() for part in parts)
    if len(parts) == 2 and whole:
        parts = [*parts, Decimal(1)]
    if len(parts) != 3 or None in parts:
        raise _expected(
            parameter, f"start:stop:step in numbers, such as 0:1:0.25, not {_cut(item)}"
        )
    start, stop, step = parts
    if not step or (stop - start) / step < 0:
        raise _expected(parameter, f"a step that leads from {start} to {stop}, not {step}")
    count = int((stop - start) / step) + 1
    if count > room:
        raise _expected(parameter, f"at most {MOST} values, {_cut(item)} has {count:,}")
    numbers = [start + step * i for i in range(count)]
    return [int(number) if whole else float(number) for number in numbers]


def _decimal(text: str) -> Decimal | None:
    """The number; None for what is none, or none that anybody steps through."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not number:
        return Decimal(0)
    # Beyond these, exponents make integers of a million digits.
    plain = number.is_finite() and -30 <= number.adjusted() <= 18
    return number if plain else None


def _even(parameter: Parameter, low: str, high: str) -> Callable[[Random], object]:
    ends = _ends(parameter, low, high)
    whole = all(end == end.to_integral_value() for end in ends)
    if parameter.kind.name == "int" and not whole:
        raise _expected(parameter, "whole numbers as the ends of its range")
    if whole and parameter.kind.name != "float":
        first, last = int(ends[0]), int(ends[1])
        return lambda random: random.randint(first, last)
    lowest, highest = float(ends[0]), float(ends[1])
    return lambda random: _rounded(random.uniform(lowest, highest), lowest, highest)


def _logarithmic(parameter: Parameter, low: str, high: str) -> Callable[[Random], object]:
    lowest, highest = (float(end) for end in _ends(parameter, low, high))
    if lowest <= 0:
        raise _expected(parameter, "ends above 0 in log(low,high)")

    def draw(random: Random) -> object:
        number = math.exp(random.uniform(math.log(lowest), math.log(highest)))
        number = _rounded(number, lowest, highest)
        return round(number) if parameter.kind.name == "int" else number

    return draw


def _ends(parameter: Parameter, low: str, high: str) -> tuple[Decimal, Decimal]:
    first, last = _decimal(low), _decimal(high)
    if first is None or last is None or first >= last:
        raise _expected(parameter, "two numbers, the lower one first, as ends of its range")
    return first, last


def _rounded(number: float, lowest: float, highest: float) -> float:
    # Six digits: enough to tell members apart, few enough to be read in a table.
    return min(max(float(f"{number:.6g}"), lowest), highest)


def _expected(parameter: Parameter, what: str) -> SweepError:
    return SweepError(
        f"The axis {parameter.name} of the sweep expects {what}.",
        code="sweep_axis_invalid", axis=parameter.name,
    )  # fmt: skip


def _cut(text: str) -> str:
    return json.dumps(text.strip()[:60])
