"""The roster ``people.csv``: who is in the lab, in which teams, with which role.

Invariant: a `Person` is valid, and no two people of a loaded roster share a login or an
e-mail address, so whoever takes the roster in checks nothing again.
"""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from cohort.errors import PeopleError
from cohort.settings_types import NAME, ROLES, Role, check_name

COLUMNS = ("login", "name", "email", "team", "role")
RESERVED = ("team-", "course-")
EMAIL = re.compile(r"[^\s@<>\"',;:%]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class Person(BaseModel):
    """One line of the roster."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    login: str
    name: str
    email: str
    teams: tuple[str, ...] = ()
    role: Role

    @field_validator("login")
    @classmethod
    def _check_login(cls, value: str) -> str:
        if value.startswith(RESERVED):
            raise ValueError(
                "names that begin with team- or course- belong to the lab, expected another one"
            )
        return check_name(value)

    @field_validator("name")
    @classmethod
    def _check_person_name(cls, value: str) -> str:
        if not 1 <= len(value) <= 100 or not value.isprintable():
            raise ValueError("expected a person's name of 1 to 100 characters")
        return value

    @field_validator("email")
    @classmethod
    def _check_email(cls, value: str) -> str:
        if not EMAIL.fullmatch(value) or len(value) > 254:
            raise ValueError('expected an e-mail address such as "ada@lab.example"')
        return value

    @field_validator("teams")
    @classmethod
    def _check_teams(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for team in value:
            check_name(team)
        return tuple(dict.fromkeys(value))

    @field_validator("role", mode="before")
    @classmethod
    def _check_role(cls, value: str) -> str:
        if value not in ROLES:
            raise ValueError(f"expected one of {', '.join(ROLES)}")
        return value

    @model_validator(mode="after")
    def _participant_has_team(self) -> Person:
        if self.role == "participant" and not self.teams:
            raise ValueError("a participant needs a team, expected at least one")
        return self


def groups_of(person: Person) -> tuple[str, ...]:
    """Return the groups that a person's token carries: ``team:<name>`` each, ``role:<role>``."""
    return (*(f"team:{team}" for team in person.teams), f"role:{person.role}")


def parse_group(group: str) -> tuple[Literal["team", "role"], str] | None:
    """Return what a group stands for, ``("team", name)`` or ``("role", name)``, or None."""
    kind, _, name = group.partition(":")
    if kind == "team" and NAME.fullmatch(name):
        return "team", name
    if kind == "role" and name in ROLES:
        return "role", name
    return None


def load_people(path: str | os.PathLike[str]) -> tuple[Person, ...]:
    """Return the people in a roster, in the file's order.

    The file is UTF-8, with or without the mark that Excel puts first, and separated by
    commas or, as Excel writes in many countries, by semicolons; several teams of one person
    are then in quotes. Raises `PeopleError` naming the line, the column and what was expected.
    """
    path = Path(path)
    rows = _rows(path)
    if not rows:
        raise PeopleError(f"{path.name} is empty; expected the line {','.join(COLUMNS)} first.")
    columns = _columns(path.name, *rows[0])
    people: list[Person] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in rows[1:]:
        person = _person(f"{path.name}, line {line}", columns, cells)
        for column, value in (("login", person.login), ("email", person.email.lower())):
            if (column, value) in seen:
                raise PeopleError(
                    f"{path.name}, line {line}, column {column}: {value} is also in line "
                    f"{seen[column, value]}; expected each only once."
                )
            seen[column, value] = line
        people.append(person)
    if not people:
        raise PeopleError(f"{path.name} lists nobody; expected at least one person.")
    return tuple(people)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The lines that hold something, each with its number and its trimmed cells."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as e:
        raise PeopleError(f"Cannot read {path}: {e.strerror}.") from e
    except UnicodeDecodeError as e:
        line = e.object[: e.start].count(b"\n") + 1
        raise PeopleError(
            f"{path.name}, line {line}: expected UTF-8 text; save it again as CSV UTF-8."
        ) from e
    first = text.lstrip().partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as e:
        raise PeopleError(
            f"{path.name}, line {reader.line_num}: expected comma-separated values with every "
            f"quote closed ({e})."
        ) from e
    return [(line, cells) for line, cells in rows if any(cells)]


def _columns(name: str, line: int, cells: list[str]) -> list[str]:
    columns = [cell.lower() for cell in cells]
    expected = f"expected exactly {','.join(COLUMNS)}"
    for column in columns:
        if column not in COLUMNS:
            raise PeopleError(
                f"{name}, line {line}, column {column or 'without a name'}: {expected}."
            )
    for column in COLUMNS:
        if columns.count(column) != 1:
            what = "is missing" if column not in columns else "is there twice"
            raise PeopleError(f"{name}, line {line}, column {column} {what}; {expected}.")
    return columns


def _person(where: str, columns: list[str], cells: list[str]) -> Person:
    if len(cells) != len(columns):
        raise PeopleError(
            f"{where}: expected {len(columns)} values ({','.join(columns)}), got {len(cells)}."
        )
    row = dict(zip(columns, cells, strict=True))
    teams = [team.strip() for team in row.pop("team").split(";") if team.strip()]
    try:
        return Person(**row, teams=tuple(teams))
    except ValidationError as e:
        first = e.errors()[0]
        column = str(first["loc"][0]) if first["loc"] else "team"
        column = "team" if column == "teams" else column
        given = ";".join(teams) if column == "team" else row[column]
        what = first["msg"].removeprefix("Value error, ")
        raise PeopleError(f"{where}, column {column}: {what}, got {given!r}.") from e
