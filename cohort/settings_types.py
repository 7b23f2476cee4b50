"""The kinds of value that settings are made of: names, sizes, roles."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

Role = Literal["participant", "instructor", "mentor", "operator"]
ROLES: tuple[Role, ...] = ("participant", "instructor", "mentor", "operator")

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])B?", re.IGNORECASE)


def check_name(value: str) -> str:
    """Names become container names, paths and URLs: lower case, digits, dashes, 31 at most."""
    if not NAME.fullmatch(value):
        raise ValueError(
            "expected a lower-case name (a letter, then letters, digits or -, at most 31)"
        )
    return value


def parse_size(value: str) -> int:
    """Return a size such as ``"4G"`` in bytes (powers of 1024)."""
    match = SIZE.fullmatch(str(value).strip())
    if not match:
        raise ValueError('expected a size such as "512M" or "8G"')
    return int(float(match[1]) * 1024 ** ("KMGT".index(match[2].upper()) + 1))


def check_size(value: str) -> str:
    """Reject what `parse_size` cannot read or what no JupyterLab fits into."""
    if parse_size(value) < 256 * 1024**2:
        raise ValueError('expected at least "256M": JupyterLab with one kernel needs that')
    return value


Name = Annotated[str, AfterValidator(check_name)]
Size = Annotated[str, AfterValidator(check_size)]


class Model(BaseModel):
    """Frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
