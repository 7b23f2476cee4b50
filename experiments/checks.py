"""What a value must be like to be stored, shown and handed to a kernel.

Invariant: a check either returns the value unchanged or raises `ValueError` with what was
expected; no message repeats a value that may be a secret.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import math
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from cohort.settings_types import parse_size

DEPTH = 8
JSON_BYTES = 64 * 1024
MAX_INTEGER = 2**63 - 1
MIN_MEMORY = "128M"
SECRET_LENGTH = 4
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# Control characters, halves of a pair, line and paragraph separators.
UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def canonical(value: object) -> str:
    """JSON that is the same for the same typed value: 1, 1.0 and true are three values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """SHA-256, in hex, of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def check_text(value: str) -> str:
    """One line of text."""
    if any(unicodedata.category(c) in UNFIT for c in value):
        raise ValueError("expected one line of text without control characters")
    return value


def check_secret(value: str) -> str:
    """Text that fits an environment variable; it may have many lines, as keys do."""
    if "\0" in value:
        raise ValueError("expected text without the character NUL")
    if len(value) < SECRET_LENGTH:
        # Each occurrence in the run's outputs is blotted out: of "1" that would be every one.
        raise ValueError(f"expected at least {SECRET_LENGTH} characters")
    return value


def check_name(value: str) -> str:
    """A name that Python can assign to and that means nothing special to it."""
    if not value.isidentifier() or keyword.iskeyword(value) or value.startswith("__"):
        raise ValueError("expected the name of a variable, which does not begin with __")
    return value


def check_size(value: dict) -> dict:
    """An object of checked values that is not too large."""
    if len(canonical(value)) > JSON_BYTES:
        raise ValueError(f"expected at most {JSON_BYTES // 1024} kB in all")
    return value


def check_value(value: object) -> object:
    """Plain JSON that comes back from databases and kernels as it was."""
    _check_value(value, 0)
    return value


def _check_value(value: object, depth: int) -> None:
    if depth > DEPTH:
        raise ValueError(f"expected values at most {DEPTH} levels deep")
    if isinstance(value, str):
        _check_unicode(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_unicode(key)
            _check_value(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_value(item, depth + 1)
    elif isinstance(value, int | float):
        _check_number(value)
    elif value is not None:
        raise ValueError("expected numbers, text, true, false, null, lists and objects only")


def _check_unicode(value: object) -> None:
    if not isinstance(value, str) or any(unicodedata.category(c) == "Cs" for c in value):
        raise ValueError("expected text that is valid Unicode")


def _check_number(value: float) -> None:
    if not math.isfinite(value):
        raise ValueError("expected finite numbers, not NaN or infinity")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError("expected integers of at most 64 bits")


def check_url(value: str) -> str:
    """An address of the web."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a broken host or port
        usable = False
    if not usable or " " in value:
        raise ValueError('expected an address such as "https://example.org/hook"')
    return value


def check_email(value: str) -> str:
    """An address that no mail header can be smuggled into; whether it exists is not known."""
    if not EMAIL.fullmatch(value):
        raise ValueError('expected an address such as "ada@example.org"')
    return value


def check_notebook(value: str) -> str:
    """A path inside a snapshot, in the one way to write it."""
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or str(path) != value:
        raise ValueError('expected a path inside the snapshot, such as "folder/name.ipynb"')
    if path.suffix != ".ipynb":
        raise ValueError("expected a file whose name ends in .ipynb")
    return value


def check_memory(value: str) -> str:
    """A size such as ``"2G"`` that a kernel fits into."""
    if parse_size(value) < parse_size(MIN_MEMORY):
        raise ValueError(f'expected at least "{MIN_MEMORY}": a kernel needs that')
    return value
