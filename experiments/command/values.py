"""Parameters, axes, members and secrets from the command line, by the notebook's own kinds.

Invariant: every value is of its parameter's kind, or the refusal names the parameter; a secret
comes from the environment or a terminal that does not echo it, never from an argument.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from experiments.errors import ExperimentError
from experiments.parameters import Parameter, check_secrets, find_parameter, parse_text
from experiments.rows import read_rows

LIST_BYTES = 1_000_000

Parameters = tuple[Parameter, ...]


def read_values(texts: Iterable[str], parameters: Parameters) -> dict:
    """The values of ``-p name=value``."""
    given = _pairs(texts, "-p")
    return {name: _value(parameters, name, text) for name, text in given.items()}


def read_axes(texts: Iterable[str], fixed: Iterable[str]) -> dict[str, str]:
    """The axes of ``-g name=axis`` as they are written, none of them fixed by ``-p``."""
    axes = _pairs(texts, "-g")
    if both := axes.keys() & set(fixed):
        raise _refused(f"{min(both)} is given by -p and by -g: it is either fixed or an axis.")
    return axes


def read_members(file: str, parameters: Parameters) -> list[dict]:
    """The members of a sweep from a JSON list of objects, or from a table with a header."""
    path = Path(file)
    try:
        data = path.read_bytes() if path.stat().st_size <= LIST_BYTES else None
        text = None if data is None else data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise _refused(f"{file} cannot be read: {why}.") from None
    if text is None:
        raise _refused(f"{file} is larger than {LIST_BYTES // 1_000_000} MB: no list of members.")
    return _from_json(file, text) if path.suffix == ".json" else read_rows(text, parameters)


def read_secrets(names: Iterable[str], parameters: Parameters | None = None) -> dict[str, str]:
    """The secrets that are named, and those without which a notebook with these cannot run."""
    wanted = list(names)
    if wrong := [name for name in wanted if not name.isidentifier()]:
        # What was written behind "=" is not repeated.
        said = wrong[0].partition("=")[0][:60] if "=" in wrong[0] else "NAME"
        raise _refused(
            f"A secret's value does not belong on the command line, where others can see it: "
            f"write --secret {said if said.isidentifier() else 'NAME'}."
        )
    if parameters is not None:
        for name in wanted:  # nobody is asked for what is none
            check_secrets((find_parameter(parameters, name),), {name: ""})
        wanted += [p.name for p in parameters if p.kind.name == "secret" and p.required]
    return {name: _secret(name) for name in dict.fromkeys(wanted)}


def _secret(name: str) -> str:
    for variable in (name, name.upper()):
        if variable in os.environ:
            return os.environ[variable]
    if not sys.stdin.isatty():
        raise _refused(
            f"The secret {name} is in no environment variable {name} or {name.upper()}, and there "
            "is no terminal to ask for it."
        )
    return getpass.getpass(f"{name} (not shown): ", stream=sys.stderr)


def _pairs(texts: Iterable[str], option: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals:
            raise _refused(f"{option} expects a name, = and a value, such as {option} lr=0.1.")
        if name in given:
            raise _refused(f"{name[:60]} is given twice by {option}.")
        given[name] = value
    return given


def _value(parameters: Parameters, name: str, text: str) -> object:
    return parse_text(find_parameter(parameters, name), text)


def _from_json(file: str, text: str) -> list[dict]:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, list):
        raise _refused(f'{file} is no JSON list of members such as [{{"lr": 0.1}}, {{"lr": 1}}].')
    return members


def _refused(sentence: str) -> ExperimentError:
    return ExperimentError(sentence, code="usage")
