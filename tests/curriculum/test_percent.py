"""Notebooks as text and back: nothing is lost, and what cannot be read is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from curriculum.build import percent
from curriculum.build.course import COURSE, SCENARIOS
from curriculum.build.errors import CurriculumError
from curriculum.build.notebooks import Role, dump, grade_id, load, points, role, save, tidy

SOURCES = sorted([*COURSE.rglob("*.ipynb"), *SCENARIOS.rglob("*.ipynb")])
TEXT = """
# %% [markdown] id=opening
# # A title
#
# Text with `code`.
# %% parameters
seed = 0  # of all
# %% solution=mean
def mean(x):
    ### BEGIN SOLUTION
    return sum(x) / len(x)

    ### END SOLUTION
# %% tests=mean-values points=2
assert mean([1, 3]) == 2
# %% [markdown] answer=why points=3
# Because.
# %% locked=data
%matplotlib inline
# %% [markdown] task=report points=5
# Write a report.
"""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parent.name + "/" + path.name)
def test_every_source_survives_the_way_through_text(path):
    assert percent.read(percent.write(load(path))) == load(path)


def test_roles_points_and_ids_are_read():
    cells = percent.read(TEXT).cells
    assert [(role(cell), grade_id(cell), points(cell)) for cell in cells] == [
        (Role.PLAIN, "", 0), (Role.PARAMETERS, "", 0), (Role.SOLUTION, "mean", 0),
        (Role.TESTS, "mean-values", 2), (Role.ANSWER, "why", 3), (Role.LOCKED, "data", 0),
        (Role.TASK, "report", 5),
    ]  # fmt: skip
    assert [cell.id for cell in cells[:1] + cells[2:]] == [
        "opening", "mean", "mean-values", "why", "data", "report",
    ]  # fmt: skip
    assert cells[0].source == "# A title\n\nText with `code`."
    assert cells[5].source == "%matplotlib inline"


def test_a_cell_without_an_id_gets_the_same_one_each_time():
    assert percent.read(TEXT).cells[1].id == percent.read(TEXT).cells[1].id
    twins = percent.read("# %%\n1\n# %%\n1\n").cells
    assert twins[1].id == f"{twins[0].id}-2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n# %%\n", "line 1 stands before"),
        ("# %%\n1\n# %%markdown\n", "line 3: '# %%markdown' is no header"),
        ("# %% solutoin=mean\n", "line 1: 'solutoin' is not a role"),
        ("# %% solution=mean tests=mean\n", "line 1: 'solution tests' is not a role"),
        ("# %% tests=mean points=two\n", "line 1: 'points=two'"),
    ],
)
def test_what_cannot_be_read_is_named(text, said):
    with pytest.raises(CurriculumError, match=said.replace("[", r"\[")):
        percent.read(text)


def test_tidy_takes_out_what_a_run_left(tmp_path: Path):
    notebook = percent.read(TEXT)
    clean = dump(notebook)
    notebook.cells[1].update(execution_count=3)
    notebook.cells[1].metadata["execution"] = {"started": "now"}
    notebook.metadata["widgets"] = {}
    assert dump(notebook) != clean
    save(notebook, tmp_path / "one.ipynb")
    assert (tmp_path / "one.ipynb").read_text(encoding="utf-8") == clean
    assert dump(tidy(load(tmp_path / "one.ipynb"))) == clean


def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path):
    (tmp_path / "one.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(CurriculumError, match=r"one\.ipynb cannot be read"):
        load(tmp_path / "one.ipynb")
