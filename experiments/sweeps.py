"""Sweeps: many runs of one notebook, over a grid, a list, or at random from a seed.

Invariant: the same spec and parameters make the same members in the same order, no two of them
alike; how many they are is known before any is made.

    {"kind": "grid", "axes": {"lr": "0.1,0.01", "seed": "1:5"}}
    {"kind": "list", "members": [{"lr": 0.1, "seed": 1}, {"lr": 0.01}]}
    {"kind": "random", "axes": {"lr": "log(1e-4,1e-1)", "n": "1:10"}, "count": 20, "seed": 7}

How an axis is written is said in `experiments.axes`; it may also be a list of values.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from random import Random

from experiments.axes import MOST, SweepError, axis_draw, axis_values
from experiments.parameters import Parameter, ParameterError, check_values, find_parameter

# So many draws a member for one that is new: a small space is found whole, a full one is left.
TRIES = 20
Members = Callable[[dict, tuple[Parameter, ...]], Iterator[dict]]


def expand(spec: dict, parameters: tuple[Parameter, ...], fixed: dict | None = None) -> list[dict]:
    """The members: for each the values to be passed, over those that are ``fixed`` for all.

    In a grid the first of the notebook's parameters changes slowest. A random sweep over fewer
    different values than its ``count`` has fewer members. Raises `SweepError` and
    `ParameterError`, which name the axis, the member or the parameter.
    """
    kind = spec.get("kind") if isinstance(spec, dict) else None
    if not isinstance(kind, str) or kind not in MEMBERS:
        raise SweepError('A sweep has a "kind": "grid", "list" or "random".')
    fields, make = MEMBERS[kind]
    if unknown := set(spec) - {"kind", *fields}:
        said = json.dumps(min(unknown)[:60])
        raise SweepError(f"A {kind} sweep has {' and '.join(fields)}, not {said}.")
    given = [{**(fixed or {}), **values} for values in make(spec, parameters)]
    members = [
        _checked(parameters, values, number if kind == "list" else None)
        for number, values in enumerate(given, start=1)
    ]
    return list({json.dumps(member, sort_keys=True): member for member in members}.values())


def _checked(parameters: tuple[Parameter, ...], values: dict, member: int | None) -> dict:
    try:
        return check_values(parameters, values)
    except ParameterError as error:
        if member is None:
            raise
        details = {"member": member, **error.details}
        raise SweepError(f"Member {member}: {error}", code=error.code, **details) from error


def _grid(spec: dict, parameters: tuple[Parameter, ...]) -> Iterator[dict]:
    axes = {p.name: axis_values(p, axis) for p, axis in _axes(spec, parameters)}
    count = math.prod(len(values) for values in axes.values())
    if count > MOST:
        sizes = " x ".join(str(len(values)) for values in axes.values())
        raise _too_many(f"{sizes} = {count:,}")
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _list(spec: dict, parameters: tuple[Parameter, ...]) -> Iterator[dict]:
    members = spec.get("members")
    if not isinstance(members, list) or not members:
        raise SweepError('A list sweep has "members": a list of at least one object of values.')
    if len(members) > MOST:
        raise _too_many(f"{len(members):,}")
    for number, member in enumerate(members, start=1):
        if not isinstance(member, dict):
            raise SweepError(
                f"Member {number} of the sweep is no object of names and values.", member=number
            )
        yield member


def _random(spec: dict, parameters: tuple[Parameter, ...]) -> Iterator[dict]:
    count, seed = spec.get("count"), spec.get("seed", 0)
    if type(count) is not int or not 1 <= count <= MOST:
        raise SweepError(f'A random sweep has a "count": a whole number from 1 to {MOST}.')
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise SweepError('The "seed" of a random sweep is a whole number from 0 on.')
    draws = {p.name: axis_draw(p, axis) for p, axis in _axes(spec, parameters)}
    # A source of its own for each axis: another axis more, or less, leaves its draws as they were.
    sources = {name: Random(f"{seed}/{name}") for name in draws}  # noqa: S311
    found: set[str] = set()
    for _ in range(count * TRIES):
        member = {name: draw(sources[name]) for name, draw in draws.items()}
        key = json.dumps(member, sort_keys=True)
        if key not in found:
            found.add(key)
            yield member
        if len(found) == count:
            return


def _axes(spec: dict, parameters: tuple[Parameter, ...]) -> list[tuple[Parameter, object]]:
    axes = spec.get("axes")
    if not isinstance(axes, dict) or not axes:
        raise SweepError('A sweep has "axes": an object of parameters and their values.')
    for name in axes:
        find_parameter(parameters, name)
    return [(parameter, axes[parameter.name]) for parameter in parameters if parameter.name in axes]


def _too_many(members: str) -> SweepError:
    return SweepError(
        f"The sweep would have {members} members, at most {MOST} are possible.",
        code="sweep_too_large",
    )


MEMBERS: dict[str, tuple[tuple[str, ...], Members]] = {
    "grid": (("axes",), _grid),
    "list": (("members",), _list),
    "random": (("axes", "count", "seed"), _random),
}
