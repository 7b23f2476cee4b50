"""Reads ``cohort.toml``; every complaint names the key, the line and what was expected."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from cohort.errors import SettingsError
from cohort.settings import Settings

PATHS = (("lab", "data"), ("lab", "picture"), ("tls", "certificate"), ("tls", "key"),
         ("login", "client_secret_file"))  # fmt: skip
PART = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
DOTTED = rf"({PART}(?:\s*\.\s*{PART})*)"
HEADER = re.compile(rf"\s*\[(\[?)\s*{DOTTED}\s*\]")
KEY = re.compile(rf"\s*{DOTTED}\s*=")
LONG_STRING = re.compile(r'""".*?"""|\'\'\'.*?\'\'\'', re.DOTALL)


def load_settings(path: str | os.PathLike[str]) -> Settings:
    """Return the settings in a file.

    Relative paths in it are taken from the file's own folder. ``COHORT_DATA`` in the
    environment, set by compose for the services, says where the data folder is for a copy
    of the file that lies elsewhere.

    Raises `SettingsError` with one sentence if the file is absent, not TOML or not valid.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise SettingsError(f"Cannot read {path}: {e.strerror}.") from e
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise SettingsError(f"{path.name} is not valid TOML: {e}.") from e
    _resolve_paths(tree, path.resolve().parent)
    if os.environ.get("COHORT_DATA"):
        tree.setdefault("lab", {})["data"] = os.environ["COHORT_DATA"]
    try:
        return Settings.model_validate(tree)
    except ValidationError as e:
        raise SettingsError(_sentence(path.name, text, e)) from e


def _resolve_paths(tree: dict, base: Path) -> None:
    for section, key in PATHS:
        table = tree.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str) and table[key]:
            table[key] = str((base / table[key]).resolve())


def _sentence(name: str, text: str, error: ValidationError) -> str:
    first = error.errors()[0]
    loc = [part for part in first["loc"] if not (isinstance(part, str) and "[" in part)]
    key = ".".join(str(part + 1) if isinstance(part, int) else part for part in loc)
    line = find_line(text, loc)
    where = f"{name}, line {line}" if line else name
    what = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        what = "there is no such setting; see the README's table of settings"
    elif first["type"] == "missing":
        what = "this setting is missing"
    elif not isinstance(first["input"], dict | list):
        what += f", got {first['input']!r}"
    more = len(error.errors()) - 1
    tail = f" (and {more} more)" if more else ""
    return f"{where}: {key or 'the file'}: {what}{tail}."


def find_line(text: str, loc: Sequence[str | int]) -> int | None:
    """Return the 1-based line of a key path such as ``("profiles", 1, "memory")``, or None.

    tomllib keeps no positions, so this follows table headers; where a key stands in no line
    of its own (it is missing, or inside an inline table) the nearest line above it is given.
    """
    names = [p for p in loc if isinstance(p, str)]
    index = next((p for p in loc if isinstance(p, int)), 0)
    table: list[str] = []
    seen: dict[tuple[str, ...], int] = {}
    best, depth = None, 0
    for number, line in enumerate(_without_long_strings(text).splitlines(), 1):
        if header := HEADER.match(line):
            here = table = _parts(header[2])
            seen[tuple(table)] = seen.get(tuple(table), -1) + bool(header[1])
            full = not header[1] or seen[tuple(table)] == index
        elif key := KEY.match(line):
            here = [*table, *_parts(key[1])]
            full = seen.get(tuple(table), -1) in (-1, index)
        else:
            continue
        here = here[: len(names)]
        if full and here == names[: len(here)] and len(here) > depth:
            best, depth = number, len(here)
    return best


def _without_long_strings(text: str) -> str:
    """The text with as many lines, and nothing inside strings of several lines."""
    return LONG_STRING.sub(lambda found: '""' + "\n" * found[0].count("\n"), text)


def _parts(key: str) -> list[str]:
    """The names in a dotted key, with or without quotes."""
    return [part.strip("\"'") for part in re.findall(PART, key)]
