"""Parameterised notebooks as queued, scheduled, swept, reproducible runs with reports.

In a notebook, ``from experiments import record`` keeps a number for the run's report. Importing
this package imports nothing but the standard library: kernels and the runner start with it.
"""

from experiments.record import record

# The type of a parameter whose value is handed over and never stored: ``key: Secret = ""``.
Secret = str

__all__ = ["Secret", "record"]
