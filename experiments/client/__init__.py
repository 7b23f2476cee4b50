"""Experiments from Python: what the command ``experiments`` does, as objects.

    from experiments.client import Client

    lab = Client()
    run = lab.submit("train.ipynb", {"lr": 0.01}, gpus=1).wait()
    print(run.state, run.metrics)

Invariant: it stands on httpx and what reads notebooks, so that it works wherever a workspace's
token does; every refusal is an `ExperimentError` with the service's own sentence.
"""

from __future__ import annotations

from experiments.client.client import Client
from experiments.client.events import Event
from experiments.client.http import UnreachableError
from experiments.client.plans import Schedule, Sweep
from experiments.client.runs import Run
from experiments.client.study import Study, read_study
from experiments.errors import ExperimentError

__all__ = [
    "Client", "Event", "ExperimentError", "Run", "Schedule", "Study", "Sweep", "UnreachableError",
    "read_study",
]  # fmt: skip
