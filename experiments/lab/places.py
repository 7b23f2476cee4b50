"""Where a notebook is that JupyterLab names by its path.

Invariant: what is returned is below the server's root, whatever links and ``..`` there are.
"""

from __future__ import annotations

from pathlib import Path

from experiments.errors import ExperimentError


def find_notebook(root: str | Path, path: object) -> Path:
    """The notebook at a path relative to the server's root; raises `ExperimentError`."""
    if not isinstance(path, str) or not path.endswith(".ipynb") or "\0" in path:
        raise ExperimentError("Expected the path of a notebook.", code="notebook_missing")
    # A shared document's path begins with its drive.
    path = path.partition(":")[2] if path.startswith("RTC:") else path
    base = Path(root).expanduser().resolve()
    try:
        notebook = (base / path.lstrip("/")).resolve()
        there = notebook.is_file()
    except (OSError, RuntimeError):  # longer than a path can be, or links in a circle
        there, notebook = False, base
    if not notebook.is_relative_to(base):
        raise ExperimentError("That notebook is not in this workspace.", code="notebook_missing")
    if not there:
        raise ExperimentError(
            f"There is no notebook {path[:200]}: save it first.", code="notebook_missing"
        )
    return notebook
