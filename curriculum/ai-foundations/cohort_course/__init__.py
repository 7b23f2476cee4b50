"""What the lessons of this course import: figures in one look, checks that name the case, data.

It lies beside the notebooks, so that `import cohort_course` finds it wherever the folder is:
in JupyterLab, in an experiment's snapshot, in the build.
"""

from __future__ import annotations

import os
from pathlib import Path

SCENARIOS = Path("/srv/scenarios")


def scenario(name: str) -> Path:
    """The folder of a scenario's data and card; FileNotFoundError says which there are."""
    home = Path(os.environ.get("COHORT_SCENARIOS", SCENARIOS))
    if not (home / name).is_dir():
        known = sorted(path.name for path in home.glob("*")) or "none"
        raise FileNotFoundError(f"There is no scenario '{name}' in {home}; there are: {known}")
    return home / name
