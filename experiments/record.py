"""``record(name, value)``: what a notebook calls to keep a metric of its run.

Invariant: what is displayed is scrapbook's format, so that scrapbook and papermill's other
friends read it too. https://nteract-scrapbook.readthedocs.io/en/latest/models/notebook.html
"""

from __future__ import annotations

from numbers import Integral, Real

MIME = "application/scrapbook.scrap.json+json"
LONGEST = 200


def record(name: str, value: float | str | bool) -> None:
    """Keep a value as a metric of this run; the last one of a name wins.

    ``value`` is a number (NumPy's too, or a tensor of one element), a string of at most 200
    characters, or True or False. Raises ValueError for anything else.
    """
    from IPython.display import publish_display_data  # noqa: PLC0415

    data = _plain(name, value)
    scrap = {"name": name, "data": data, "encoder": "json", "version": 1}
    publish_display_data(
        {MIME: scrap, "text/plain": f"{name} = {data}"},
        metadata={"scrapbook": {"name": name, "data": True, "display": False}},
    )


def _plain(name: object, value: object) -> float | str | bool:
    """The value as JSON can hold it, which has no NaN and no infinity."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST:
        raise ValueError(f"A metric's name is a text of 1 to {LONGEST} characters, not {name!r}.")
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | str):
        if isinstance(value, str) and len(value) > LONGEST:
            raise ValueError(f"The text of metric {name!r} is longer than {LONGEST} characters.")
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if number - number == 0 else str(number)
    raise ValueError(
        f"Metric {name!r} is a number, a text, True or False, not {type(value).__name__}."
    )
