"""From what somebody asks for to runs in the queue: the checks that need the notebook.

Invariant: what is submitted names only parameters that the notebook has, with values of their
types; what is refused leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import event
from sqlalchemy.orm import Session

from experiments.errors import ExperimentError
from experiments.parameter_cell import Parameter, read_parameters
from experiments.parameters import check_secrets, check_values
from experiments.queue import Origin, check_snapshot, find_same, fingerprint_of, run_of_key, submit
from experiments.requests import RunRequest, ScheduleRequest, SweepRequest, parse
from experiments.schedules import create
from experiments.search import tags_of
from experiments.service.context import Context
from experiments.sweep_runs import submit_sweep
from experiments.sweeps import expand
from experiments.tables import Run, Schedule, Sweep

MIB = 1024**2


def parameters_in(context: Context, snapshot: str, notebook: str) -> tuple[Parameter, ...]:
    """The parameters of a notebook in a snapshot; raises `ExperimentError`."""
    return read_parameters(context.snapshots.notebook(snapshot, notebook))


def checked(context: Context, request: RunRequest, *, swept: bool = False) -> RunRequest:
    """The request with its values typed by the notebook's parameters.

    With ``swept`` those without a default may be missing: the axes give them.
    """
    parameters = parameters_in(context, request.snapshot, request.notebook)
    if swept:
        given = set(request.parameters) | set(request.secrets)
        parameters = tuple(p if p.name in given else replace(p, required=False) for p in parameters)
    values = check_values(parameters, request.parameters)
    secrets = check_secrets(parameters, request.secrets)
    return request.model_copy(update={"parameters": values, "secrets": secrets})


def submit_run(
    context: Context, session: Session, request: RunRequest, origin: Origin, *, again: bool
) -> tuple[Run, str | None]:
    """A run, and ``"key"`` or ``"inputs"`` if it is an earlier one that is the same."""
    check_snapshot(session, request.snapshot, origin.owner)
    request = checked(context, request)
    known = run_of_key(session, origin.owner, request.idempotency_key)
    if not (again or known or request.secrets):
        digest = context.offer.image(request.image)[1]
        same = find_same(session, origin.owner, fingerprint_of(request, digest))
        if same is not None:
            return same, "inputs"
    # Of several that come at once with one key, each finds none, and one makes the run.
    made: list[object] = []
    event.listen(session, "pending_to_persistent", lambda _, row: made.append(row))
    run = submit(session, request, origin, context.offer)
    return run, None if run in made else "key"


def submit_members(
    context: Context, session: Session, request: SweepRequest, origin: Origin
) -> Sweep:
    """A sweep with all its runs."""
    check_snapshot(session, request.run.snapshot, origin.owner)
    run = checked(context, request.run, swept=True)
    parameters = parameters_in(context, run.snapshot, run.notebook)
    members = expand(request.spec, parameters, run.parameters)
    fixed = request.model_copy(update={"run": run})
    return submit_sweep(session, fixed, members, origin, context.offer)


def create_schedule(
    context: Context, session: Session, request: ScheduleRequest, origin: Origin
) -> Schedule:
    """A schedule whose runs could start now as well."""
    check_snapshot(session, request.run.snapshot, origin.owner)
    fixed = request.model_copy(update={"run": checked(context, request.run)})
    return create(session, fixed, origin, context.offer)


def request_of(run: Run, tags: tuple[str, ...], secrets: dict[str, str], image: str) -> RunRequest:
    """The request that an earlier run came of, to be made again; raises `ExperimentError`."""
    return parse(RunRequest, {
        "notebook": run.notebook, "snapshot": run.snapshot, "title": run.title,
        "parameters": run.parameters, "secrets": secrets, "tags": tags, "cpus": run.cpus,
        "memory": f"{-(-run.memory_bytes // MIB)}M", "gpus": run.gpus,
        "time_limit_s": run.time_limit_s, "cell_limit_s": run.cell_limit_s, "kernel": run.kernel,
        "image": image, "network": run.network, "max_attempts": run.max_attempts,
        "notify": run.notify or {},
    })  # fmt: skip


def repeat(
    context: Context, session: Session, run: Run, secrets: dict[str, str], origin: Origin
) -> Run:
    """Another run with the same inputs; of the same image if the origin is a verification.

    Raises `ExperimentError` if a secret is not given again, or the image is gone.
    """
    tags = tuple(tags_of(session, [run.id]).get(run.id, ()))
    request = checked(context, request_of(run, tags, secrets, run.image))
    offer = context.offer
    if origin.verify_of:
        if context.engine.image_digest(run.image_digest) is None:
            raise ExperimentError(
                "The image that this run used is not on this machine any more: its numbers "
                "cannot be verified here.",
                code="image_gone",
                status=409,
            )
        offer = replace(offer, images={**offer.images, run.image: run.image_digest})
    return submit(session, request, origin, offer)
