"""Checks of the practice exercises: each says which case is wrong, what came and what should.

Invariant: a check that fails raises `Failed` and prints nothing; one that passes prints one line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class Failed(AssertionError):
    """An answer that is not right yet; a notebook shows its sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


def cases(function: Callable, *cases: tuple, tolerance: float = 1e-8) -> None:
    """Call ``function`` on each case ``(*arguments, wanted)`` and compare what it returns."""
    for number, (*arguments, wanted) in enumerate(cases, 1):
        call = f"{function.__name__}({', '.join(map(brief, arguments))})"
        where = f"case {number} of {len(cases)}: {call}"
        compare(where, _called(function, arguments, where), wanted, tolerance)
    passed(f"{function.__name__}: {len(cases)} cases")


def same(what: str, got: object, wanted: object, tolerance: float = 1e-8) -> None:
    """Compare one value with what it should be."""
    compare(what, got, wanted, tolerance)
    passed(what)


def that(what: str, holds: bool) -> None:
    """State a fact, in words that also read well when it does not hold."""
    if not holds:
        raise Failed(f"not so: {what}")
    passed(what)


def compare(where: str, got: object, wanted: object, tolerance: float) -> None:
    """Raise `Failed` unless two values have the same shape and are equal within a tolerance."""
    if got is None:
        raise Failed(f"{where} gives None: is there a return?")
    if isinstance(wanted, (tuple, list)) and not np.isscalar(got):
        if len(got) != len(wanted):
            raise Failed(f"{where} gives {len(got)} values, not {len(wanted)}")
        for index, (one, other) in enumerate(zip(got, wanted, strict=True)):
            compare(f"{where}, value {index}", one, other, tolerance)
        return
    if np.shape(got) != np.shape(wanted):
        raise Failed(f"{where} has the shape {np.shape(got)}, not {np.shape(wanted)}")
    if not _equal(got, wanted, tolerance):
        raise Failed(f"{where} gives {brief(got)}, not {brief(wanted)}")


def brief(value: object) -> str:
    """A value in at most 60 characters."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, threshold=6, separator=", ")
    else:
        text = repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"


def passed(what: str) -> None:
    """Say that a check has passed."""
    print(f"✓ {what}")


def _called(function: Callable, arguments: list, where: str) -> object:
    """What the function returns; whatever it raises becomes a sentence."""
    try:
        return function(*arguments)
    except NotImplementedError:
        raise Failed(f"{function.__name__} is still to be written") from None
    except Exception as error:
        raise Failed(f"{where} raises {type(error).__name__}: {error}") from error


def _equal(got: object, wanted: object, tolerance: float) -> bool:
    """True if two values of one shape agree; numbers within a relative tolerance."""
    if np.asarray(wanted).dtype.kind in "fciu" and np.asarray(got).dtype.kind in "fciub":
        close = np.allclose(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
        return bool(close)
    return bool(np.all(np.asarray(got) == np.asarray(wanted)))
