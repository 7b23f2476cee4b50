"""nbgrader's settings in the lab's servers: which of its parts are ours.

Invariant: classes are named, not imported: nbgrader reads its settings when it starts, and loads
of the parts what is used.
"""

from __future__ import annotations

import os
from pathlib import Path

from traitlets.config import Config

HERE = "grading.nbgrader"
STEPS = "nbgrader.preprocessors"
MARKUP = {"markdown2html": f"{HERE}.markup.markdown", "clean_html": f"{HERE}.markup.clean"}


def apply(c: Config) -> None:
    """Set nbgrader up for this server; to be called from ``nbgrader_config.py``."""
    _apply_exchange(c)
    course = os.environ.get("COHORT_COURSE", "")
    if course:
        c.CourseDirectory.course_id = course
        c.CourseDirectory.root = str(Path.home())
        _apply_autograde(c)
        _apply_pages(c)
        c.ExportApp.plugin_class = f"{HERE}.export.PersonExporter"


def _apply_exchange(c: Config) -> None:
    """All operations go to the lab's service; courses do not mix in people's files.

    Nor do assignments with lessons, which are in a folder of their own that git looks after.
    """
    factory = c.ExchangeFactory
    factory.exchange = f"{HERE}.exchange.Exchange"
    factory.list = f"{HERE}.listing.ExchangeList"
    factory.fetch_assignment = f"{HERE}.fetch_assignment.ExchangeFetchAssignment"
    factory.submit = f"{HERE}.submit.ExchangeSubmit"
    factory.fetch_feedback = f"{HERE}.fetch_feedback.ExchangeFetchFeedback"
    factory.release_assignment = f"{HERE}.release_assignment.ExchangeReleaseAssignment"
    factory.collect = f"{HERE}.collect.ExchangeCollect"
    factory.release_feedback = f"{HERE}.release_feedback.ExchangeReleaseFeedback"
    c.Authenticator.plugin_class = f"{HERE}.courses.CoursesPlugin"
    c.Exchange.assignment_dir = str(Path.home() / "assignments")
    c.Exchange.path_includes_course = True


def _apply_autograde(c: Config) -> None:
    """Nothing of a student's runs here: the notebooks come from the service's autograder."""
    c.Autograde.exporter_class = f"{HERE}.autograde.VerdictExporter"
    c.Autograde.sanitize_preprocessors = [
        f"{STEPS}.{name}"
        for name in ("DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata")
    ]
    c.Autograde.autograde_preprocessors = [
        f"{STEPS}.IgnorePattern",
        f"{STEPS}.LimitOutput",
        f"{HERE}.autograde.SaveVerdict",
        f"{HERE}.late.AssignPenalties",
        f"{STEPS}.CheckCellMetadata",
    ]
    c.OverwriteCells.add_missing_cells = True
    c.AssignPenalties.plugin_class = f"{HERE}.late.RulePenalty"


def _apply_pages(c: Config) -> None:
    """What students wrote is shown, and nothing of it runs; hidden tests stay hidden."""
    c.HTMLExporter.sanitize_html = True
    c.HTMLExporter.filters = MARKUP
    c.GenerateFeedback.preprocessors = [
        f"{HERE}.late.AssignPenalties",
        f"{STEPS}.GetGrades",
        f"{HERE}.marks.SendMark",
        f"{HERE}.handing_back.HideTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
