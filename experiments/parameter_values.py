"""Values of parameters by their kind: what fits, and what a text means.

Invariant: a value that is returned is JSON that comes back from databases and kernels as it was.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable

from experiments.parameter_kinds import Kind

TEXT_BYTES = 64 * 1024  # of a value as text; papermill writes it into a cell of the notebook
DEPTH = 8
INTEGER = 2**63  # databases and pandas hold no larger ones
NULL = ("None", "null")
BOOLS = {"true": True, "yes": True, "on": True, "1": True,
         "false": False, "no": False, "off": False, "0": False}  # fmt: skip
EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list such as [1, 2]",
    "dict": 'an object such as {"a": 1}',
}


class WrongValueError(Exception):
    """A value that does not fit; the message says what is expected, ``code`` is for programs."""

    def __init__(self, expected: str, code: str = "parameter_type") -> None:
        super().__init__(expected)
        self.code = code


def fit(kind: Kind, value: object) -> object:
    """The value as its kind has it: 3.0 is 3 to an int; raises `WrongValueError`."""
    if value is None and kind.optional:
        return None
    fitted = FITTING.get(kind.name, _any)(kind, value)
    return plain(fitted)


def parse(kind: Kind, text: str) -> object:
    """The value that a text means; raises `WrongValueError`.

    Text is taken as it is, numbers as Python reads them, ``true/yes/on/1`` and their opposites in
    any case, lists and objects as JSON or Python. ``None`` and ``null`` are null where it is
    allowed. Where any value goes, text that is neither JSON nor Python stands for itself.
    """
    bare = text.strip()
    if len(text) > TEXT_BYTES:
        raise WrongValueError(f"at most {TEXT_BYTES // 1024} kB", "parameter_too_large")
    if kind.optional and bare in NULL:
        return None
    if kind.name == "choice":
        offered = {str(choice): choice for choice in reversed(kind.choices)}
        return fit(kind, offered.get(bare, BOOLS.get(bare.lower(), text)))
    return fit(kind, PARSING.get(kind.name, _read_any)(text, bare))


def plain(value: object, depth: int = 0) -> object:
    """The value with lists for tuples; raises `WrongValueError` for what is not JSON."""
    if depth > DEPTH:
        raise WrongValueError(f"at most {DEPTH} levels of lists and objects", "parameter_too_large")
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise WrongValueError("an object whose names are text")
        return {plain(key): plain(item, depth + 1) for key, item in value.items()}
    if value is not None and not isinstance(value, str | int | float):
        raise WrongValueError("numbers, text, true, false, null, lists and objects only")
    _check_scalar(value)
    return value


def _check_scalar(value: str | float | None) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # half a character: "\ud800"
            raise WrongValueError("text that is valid Unicode") from None
    elif isinstance(value, int):
        if abs(value) >= INTEGER:
            raise WrongValueError("a whole number of 64 bits at most", "parameter_too_large")
    elif value is not None and not math.isfinite(value):
        raise WrongValueError("a finite number", "parameter_not_finite")


def _int(kind: Kind, value: object) -> object:
    # JSON has one kind of number: what is 3.0 to one program is 3 to another.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongValueError(EXPECTED["int"])
    return value


def _float(kind: Kind, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongValueError(EXPECTED["float"])
    return float(plain(value))


def _bool(kind: Kind, value: object) -> object:
    if not isinstance(value, bool):
        raise WrongValueError(EXPECTED["bool"])
    return value


def _str(kind: Kind, value: object) -> object:
    if not isinstance(value, str):
        raise WrongValueError(EXPECTED["str"])
    return value


def _choice(kind: Kind, value: object) -> object:
    for choice in kind.choices:
        # True == 1, but nobody who offers 1 means true.
        if choice == value and isinstance(choice, bool) == isinstance(value, bool):
            return choice
    raise WrongValueError("one of " + ", ".join(str(choice) for choice in kind.choices[:20]))


def _list(kind: Kind, value: object) -> object:
    if not isinstance(value, list | tuple):
        raise WrongValueError(EXPECTED["list"])
    return [_item(kind, item) for item in value]


def _dict(kind: Kind, value: object) -> object:
    if not isinstance(value, dict):
        raise WrongValueError(EXPECTED["dict"])
    return {key: _item(kind, item) for key, item in value.items()}


def _item(kind: Kind, value: object) -> object:
    if kind.item == "any":
        return value
    try:
        return fit(Kind(kind.item), value)
    except WrongValueError as error:
        whole = EXPECTED[kind.name].partition(" such")[0]
        raise WrongValueError(f"{whole} that holds {error} in each place", error.code) from None


def _any(kind: Kind, value: object) -> object:
    return value


def _read_number(text: str, bare: str) -> object:
    for number in (int, float):
        try:
            return number(bare)
        except ValueError:
            continue
    return text


def _read_bool(text: str, bare: str) -> object:
    return BOOLS.get(bare.lower(), text)


def _read_text(text: str, bare: str) -> object:
    return text


def _read_any(text: str, bare: str) -> object:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(bare)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


FITTING: dict[str, Callable[[Kind, object], object]] = {
    "int": _int, "float": _float, "bool": _bool, "str": _str, "secret": _str,
    "choice": _choice, "list": _list, "dict": _dict,
}  # fmt: skip
PARSING: dict[str, Callable[[str, str], object]] = {
    "int": _read_number, "float": _read_number, "bool": _read_bool,
    "str": _read_text, "secret": _read_text,
}  # fmt: skip
