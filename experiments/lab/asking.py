"""Jobs and job definitions that somebody asks for, as the service has them asked for.

Invariant: what cannot be done is refused with a sentence, not left out in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jupyter_scheduler.models import CreateJob, CreateJobDefinition

from experiments.client import Client, ExperimentError, Study
from experiments.lab.environment import CPU, FILES, GPU, IMAGE
from experiments.parameters import find_parameter, parse_text

# What the panel has no field for; programs give it as parameters of the environment.
LIMITS = {"cpus", "memory", "gpus", "time_limit_s", "cell_limit_s", "network", "max_attempts"}
# Of a schedule's request, what its runs are asked for with.
KEPT = LIMITS | {"title", "tags", "kernel", "image", "notify"}


def study_of(client: Client, request: Mapping) -> Study:
    """The notebook that a schedule runs, which nobody may have here any more."""
    snapshot, notebook = request["snapshot"], request["notebook"]
    parameters = client.parameters(snapshot, notebook)
    return Study(Path(), notebook, parameters, request["kernel"], snapshot)


def read_values(study: Study, texts: Mapping[str, str] | None) -> tuple[dict, dict]:
    """Parameters and secrets, each of its kind, from what stands in a form's fields."""
    values, secrets = {}, {}
    for name, text in (texts or {}).items():
        parameter = find_parameter(study.parameters, name)
        if parameter.kind.name == "secret":
            secrets[name] = text
        else:
            values[name] = parse_text(parameter, text)
    return values, secrets


def options_of(model: CreateJob | CreateJobDefinition) -> dict:
    """The options of a run from those of a job; raises `ExperimentError`."""
    # The panel names none while it has not heard of the one that there is.
    if model.runtime_environment_name not in ("", IMAGE):
        raise _refusal(f"Runs have the image of this workspace: choose {IMAGE}.")
    for kind in model.output_formats or ():
        if kind not in FILES:
            raise _refusal(f"Runs make no {kind[:20]!r}: there is {' and '.join(FILES)}.")
    if model.compute_type not in (None, CPU, GPU):
        raise _refusal(f"Runs are for {CPU} or {GPU}, not for {model.compute_type[:20]!r}.")
    limits = dict(model.runtime_environment_parameters or {})
    if unknown := sorted(set(limits) - LIMITS):
        raise _refusal(
            f"A run has no limit {unknown[0][:60]!r}: there is {', '.join(sorted(LIMITS))}."
        )
    gpu = {"gpus": 1} if model.compute_type == GPU else {}
    return {"title": model.name, "tags": model.tags or [], **gpu, **limits}


def _refusal(sentence: str) -> ExperimentError:
    return ExperimentError(sentence, code="job_refused")
