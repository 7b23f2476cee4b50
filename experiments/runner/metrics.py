"""The metrics of a run: what its notebook displays in scrapbook's format."""

from __future__ import annotations

from experiments.record import LONGEST, MIME

# What `record` writes, and scrapbook's own `glue` for numbers and for texts.
MIMES = (MIME, "application/scrapbook.scrap.text+json")
MOST = 200
# Beyond 64 bits a number is no measurement, and databases refuse it.
LARGEST = 2**63


class Metrics:
    """Collects metrics out of displays; the last one of a name wins."""

    def __init__(self) -> None:
        self.values: dict[str, float | str | bool] = {}

    def take(self, data: dict) -> None:
        """Look for metrics in a display's data (MIME type to content)."""
        for scrap in (data.get(mime) for mime in MIMES):
            if isinstance(scrap, dict) and is_metric(scrap.get("name"), scrap.get("data")):
                name = scrap["name"]
                if name in self.values or len(self.values) < MOST:
                    self.values[name] = scrap["data"]


def is_metric(name: object, value: object) -> bool:
    """True for a short name and a number, a short text, True or False."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST:
        return False
    if isinstance(value, str):
        return len(value) <= LONGEST
    return isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < LARGEST)
