"""Reports: a page with a head of ours and the notebook's cells, with code and without.

Invariant: everything in the head is escaped, and the page loads nothing from anywhere. The
cells are the author's own HTML and scripts: the page must be served with
``Content-Security-Policy: sandbox allow-scripts``, and what such a script may do to the head of
its own report is why the page around it says state and verdict again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from experiments.errors import ExperimentError
from experiments.report.executed import load_bytes
from experiments.report.pool import WorkerPool
from experiments.report.words import duration, literal, moment, provenance_rows, short

TEMPLATES = Path(__file__).parent / "templates"
SANDBOX = "sandbox allow-scripts"  # Content-Security-Policy of every answer that is a report


@dataclass(frozen=True)
class Facts:
    """What the head of a report says: a provenance record, and what `verify` found, if it did."""

    record: dict
    verdict: dict | None = None


class Renderer:
    """Makes reports in the pool's workers; threads may share one."""

    def __init__(self, pool: WorkerPool) -> None:
        self.pool = pool

    def render(self, notebook: Path, facts: Facts) -> tuple[str, str]:
        """The report with code and without, as whole pages; both say so if there are no cells.

        A notebook that is missing, damaged, too large or hostile gives a page with the head
        and a sentence; nothing is raised for it.
        """
        try:
            cells = [c.decode() for c in self.pool.ask("render", load_bytes(notebook))]
            problem = None
        except ExperimentError as e:
            cells, problem = ["", ""], str(e)
        with_code, without = (
            page(facts, part, code=code, problem=problem)
            for part, code in zip(cells, (True, False), strict=True)
        )
        return with_code, without


def page(facts: Facts, cells: str, *, code: bool, problem: str | None = None) -> str:
    """A whole report from laid-out cells, or with a sentence in their place."""
    return _template().render(
        **facts.record,
        provenance=provenance_rows(facts.record),
        verdict=facts.verdict,
        cells=cells,
        code=code,
        problem=problem,
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "duration": duration,
        "literal": literal,
        "moment": moment,
        "short": short,
    }
    return environment.get_template("page.html.j2")
