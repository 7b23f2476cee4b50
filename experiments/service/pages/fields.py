"""A notebook's parameters as fields of a form: which kind, what stands in it, what it is for.

Invariant: a field that is left as it is means the notebook's own default, whatever its kind; what
stands in it and is changed back to the same text means that too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.parameter_cell import Parameter

WORDS = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "str": "text",
    "list": "a list", "dict": "an object", "choice": "one of these", "secret": "a secret",
    "any": "any value",
}  # fmt: skip
KEYBOARDS = {"int": "numeric", "float": "decimal"}
LINES = 80  # characters from which on text gets several lines


@dataclass(frozen=True)
class Field:
    """One field: ``default`` is what means "as in the notebook", ``text`` what stands in it."""

    name: str
    kind: str
    shape: str  # select, secret, area or line
    words: str
    help: str
    default: str
    text: str
    hint: str  # shown in an empty field
    choices: tuple[str, ...]
    required: bool
    keyboard: str


def field_of(parameter: Parameter, values: Mapping[str, Any]) -> Field:
    """The field of a parameter, with the value of an earlier run in it if that had one."""
    name = parameter.kind.name
    default = _default(parameter)
    text = _text(values[parameter.name]) if parameter.name in values else default
    choices = _choices(parameter)
    words = WORDS[name] + (" or None" if parameter.kind.optional else "")
    return Field(
        name=parameter.name, kind=name, shape=_shape(name, choices, default), words=words,
        help=parameter.help, default=default, text=text, hint=_hint(parameter),
        choices=choices, required=parameter.required, keyboard=KEYBOARDS.get(name, "text"),
    )  # fmt: skip


def _shape(name: str, choices: tuple[str, ...], default: str) -> str:
    if choices:
        return "select"
    if name == "secret":
        return "secret"
    return "area" if "\n" in default or len(default) > LINES else "line"


def _choices(parameter: Parameter) -> tuple[str, ...]:
    named = {"choice": parameter.kind.choices, "bool": (True, False)}
    choices = tuple(_text(choice) for choice in named.get(parameter.kind.name, ()))
    return (*choices, "None") if choices and parameter.kind.optional else choices


def _default(parameter: Parameter) -> str:
    if not parameter.literal or parameter.kind.name == "secret":
        return ""
    if parameter.default is None and not _choices(parameter):
        return ""  # empty means None, the hint says so
    return _text(parameter.default)


def _hint(parameter: Parameter) -> str:
    if parameter.required or parameter.kind.name == "secret":
        return ""
    return (parameter.source or "") if not parameter.literal or parameter.default is None else ""


def _text(value: Any) -> str:
    """A value as a form takes it: text as it is, None and truth as Python writes them."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
