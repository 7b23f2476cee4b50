"""Sweeps: what is written becomes the members that were meant, or a sentence that says why not."""

from __future__ import annotations

import json
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.axes import MOST
from experiments.errors import ExperimentError
from experiments.parameters import read_parameters
from experiments.sweeps import expand

SOURCE = """
lr = 0.1
seed = 0
optimiser: Literal["adam", "sgd"] = "adam"
name = "a"
layers: list[int] = [64]
flag = False
limit: int | None = None
any = f()
key: "secret" = ""
"""
CELL = {
    "cell_type": "code", "source": SOURCE, "metadata": {"tags": ["parameters"]}, "outputs": [],
}  # fmt: skip
PARAMETERS = read_parameters({"cells": [CELL], "metadata": {}})


def grid(**axes: object) -> list[dict]:
    return expand({"kind": "grid", "axes": axes}, PARAMETERS)


def random(axes: dict[str, object], count: int = 20, seed: int = 7) -> list[dict]:
    return expand({"kind": "random", "axes": axes, "count": count, "seed": seed}, PARAMETERS)


def values(name: str, axis: object) -> list:
    return [member[name] for member in grid(**{name: axis})]


def refusal(spec: object, fixed: dict | None = None) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        expand(spec, PARAMETERS, fixed)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300
    assert caught.value.status == 422
    return caught.value


@pytest.mark.parametrize(
    ("name", "axis", "expected"),
    [
        ("seed", "1:5", [1, 2, 3, 4, 5]), ("seed", "0:10:5", [0, 5, 10]), ("seed", "7", [7]),
        ("seed", "5:1:-2", [5, 3, 1]), ("seed", "1:3, 10 ,2", [1, 2, 3, 10]),
        ("seed", "0:1e1:4", [0, 4, 8]), ("seed", "3:3", [3]), ("seed", "-2:0", [-2, -1, 0]),
        ("seed", [3, 1, 3.0], [3, 1]), ("seed", "[1, 2]", [1, 2]),
        ("lr", "0.1,0.01", [0.1, 0.01]), ("lr", "0:1:0.25", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("lr", "0:1:0.1", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("lr", "0:2", [0.0, 1.0, 2.0]), ("lr", "1e-3:3e-3:1e-3", [0.001, 0.002, 0.003]),
        ("lr", "0:1:0.3", [0.0, 0.3, 0.6, 0.9]), ("lr", "1,1.0,1e0", [1.0]),
        ("optimiser", "sgd,adam", ["sgd", "adam"]), ("flag", "yes,no", [True, False]),
        ("name", "a,b c", ["a", "b c"]), ("name", "1:5", ["1:5"]),
        ("name", '["a,b", "c"]', ["a,b", "c"]), ("limit", "None,1:2", [None, 1, 2]),
        ("layers", "[[64, 32], [128]]", [[64, 32], [128]]), ("layers", [[1]], [[1]]),
        ("any", "1:3", [1, 2, 3]), ("any", "a:b,0.5,true", ["a:b", 0.5, True]),
        ("any", "0:1:0.5", [0.0, 0.5, 1.0]),
    ],
)  # fmt: skip
def test_axes(name, axis, expected):
    found = values(name, axis)
    assert found == expected and [type(v) for v in found] == [type(v) for v in expected]


@pytest.mark.parametrize(
    ("name", "axis", "words"),
    [
        ("seed", "", "a value before and behind each comma"), ("seed", "1,,2", "a value before"),
        ("seed", "5:1", "a step that leads from 5 to 1, not 1"), ("seed", "1:5:0", "not 0"),
        ("seed", "1:x", "start:stop:step in numbers"), ("seed", "1:2:3:4", "start:stop:step"),
        ("seed", "0:1:0.5", "a whole number, not 0.5"), ("seed", "1:501", "at most 500 values"),
        ("seed", "0:1e18", "1,000,000,000,000,000,001"), ("seed", "0:1e999999999", "in numbers"),
        ("seed", "1:nan", "in numbers"), ("seed", "0:1:1e-999999999", "in numbers"),
        ("lr", "0:0.5", "start:stop:step in numbers"), ("lr", "log(1,10)", "for random sweeps"),
        ("lr", "nan", "a finite number"), ("lr", "a", 'a number, not "a"'),
        ("lr", "1" * 10_001, "10,000 characters"), ("lr", "1," * 600 + "1", "at most 500"),
        ("lr", [], "at least one value"), ("lr", "[]", "at least one"), ("lr", "[1", "in JSON"),
        ("lr", "[" * 9_000, "in JSON"), ("lr", 0.1, "a list of values"), ("lr", None, "text such"),
        ("lr", {"a": 1}, "text such"), ("layers", "64,32", "[[64, 32], [128]]"),
        ("optimiser", "adam,rmsprop", "one of adam, sgd"), ("flag", "maybe", "true or false"),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_axes_that_are_refused(name, axis, words):
    error = refusal({"kind": "grid", "axes": {name: axis}})
    assert words in str(error) and name in str(error)
    assert name in (error.details.get("axis"), error.details.get("parameter"))
    if axis != "log(1,10)" and ":" not in str(axis):
        assert refusal({"kind": "random", "axes": {name: axis}, "count": 3}).code == error.code


def test_a_grid_goes_through_all_in_the_notebooks_order():
    members = grid(seed="1:3", lr="0.1,0.01")
    assert members == [{"lr": lr, "seed": seed} for lr in (0.1, 0.01) for seed in (1, 2, 3)]
    assert grid(lr="0.1,0.01", seed="1:3") == members
    assert json.dumps(members[0]) == '{"lr": 0.1, "seed": 1}'


def test_a_grid_is_counted_before_it_is_made():
    error = refusal({"kind": "grid", "axes": {"seed": "1:500", "lr": "0:1:0.01", "limit": "1:500"}})
    assert "101 x 500 x 500 = 25,250,000 members" in str(error) and error.code == "sweep_too_large"
    assert len(grid(seed="1:250", flag="yes,no")) == MOST


def test_fixed_values_are_in_each_member_unless_an_axis_says_otherwise():
    spec = {"kind": "grid", "axes": {"seed": "1:2"}}
    assert expand(spec, PARAMETERS, {"lr": 1, "seed": 9}) == [
        {"lr": 1.0, "seed": 1}, {"lr": 1.0, "seed": 2},
    ]  # fmt: skip
    assert refusal(spec, {"lr": "a"}).details == {"parameter": "lr"}


def test_a_list_keeps_its_order_and_drops_what_is_there_twice():
    members = [{"lr": 1, "seed": 2}, {}, {"seed": 2.0, "lr": 1.0}, {"flag": True}]
    assert expand({"kind": "list", "members": members}, PARAMETERS) == [
        {"lr": 1.0, "seed": 2}, {}, {"flag": True},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("members", "words", "details"),
    [
        ([], "at least one object", {}), ("a", "a list", {}), ([{}] * 501, "501 members", {}),
        ([{}, 3], "Member 2", {"member": 2}),
        ([{}, {"lr": "x"}], "Member 2: The parameter lr", {"member": 2, "parameter": "lr"}),
        ([{"nope": 1}], "Member 1: The notebook has no", {"member": 1, "parameter": "nope"}),
        ([{"__class__": 1}], "Member 1", {"member": 1, "parameter": "__class__"}),
        ([{"key": "hush"}], "Member 1", {"member": 1, "parameter": "key"}),
    ],
)  # fmt: skip
def test_lists_that_are_refused(members, words, details):
    error = refusal({"kind": "list", "members": members})
    assert words in str(error) and error.details == details and "hush" not in str(error)


def test_a_random_sweep_is_the_same_again_and_another_with_another_seed():
    axes = {"lr": "log(1e-4,1e-1)", "seed": "1:10", "flag": "yes,no"}
    first = random(axes)
    assert len(first) == 20 and first == random(dict(reversed(axes.items())))
    assert first != random(axes, seed=8)
    # Written down, so that it stays the same from one version to the next.
    assert first[0] == {"lr": 0.00686256, "seed": 3, "flag": True}
    alone = random({"lr": axes["lr"]})
    assert [member["lr"] for member in alone] == [member["lr"] for member in first]


def test_random_numbers_are_spread_as_was_asked():
    found = [member["lr"] for member in random({"lr": "log(1e-4,1e-1)"}, 500)]
    assert all(1e-4 <= lr <= 1e-1 for lr in found) and len(set(found)) == 500
    decades = Counter(math.floor(math.log10(lr)) for lr in found)
    assert set(decades) == {-4, -3, -2} and min(decades.values()) > 120
    even = [member["lr"] for member in random({"lr": "-1:1"}, 500)]
    assert all(-1 <= lr <= 1 for lr in even) and 200 < sum(lr < 0 for lr in even) < 300
    whole = [member["limit"] for member in random({"limit": "log(1,10000)"}, 400)]
    assert all(type(n) is int and 1 <= n <= 10_000 for n in whole)
    assert all(type(m["any"]) is int for m in random({"any": "1:9"}, 5))
    assert all(type(m["any"]) is float for m in random({"any": "0.5:9"}, 5))


def test_a_random_sweep_of_a_small_space_finds_all_of_it():
    found = random({"seed": "1:4", "flag": [True, False]})
    assert sorted((m["seed"], m["flag"]) for m in found) == [
        (seed, flag) for seed in range(1, 5) for flag in (False, True)
    ]
    steps = random({"lr": "0:1:0.25"}, 20)
    assert sorted(m["lr"] for m in steps) == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("axis", "words"),
    [("2:1", "the lower one first"), ("log(0,1)", "ends above 0"), ("log(a,1)", "two numbers"),
     ("log(1,1)", "the lower one first"), ("log(-1,1)", "ends above 0"), ("log(1)", "a number")],
)  # fmt: skip
def test_distributions_that_are_refused(axis, words):
    error = refusal({"kind": "random", "axes": {"lr": axis}, "count": 3})
    assert words in str(error) and "lr" in error.details.values()
    whole = refusal({"kind": "random", "axes": {"seed": "0.5:2"}, "count": 3})
    assert "whole numbers as the ends" in str(whole)


@pytest.mark.parametrize(
    "spec",
    [
        None, [], "grid", {}, {"kind": "all"}, {"kind": ["grid"]}, {"kind": "grid"},
        {"kind": "grid", "axes": []}, {"kind": "grid", "axes": {}}, {"kind": "grid", "axes": "x"},
        {"kind": "grid", "axes": {"lr": "1"}, "count": 3}, {"kind": "list", "members": {}},
        {"kind": "random", "axes": {"lr": "0:1"}},
        {"kind": "random", "axes": {"lr": "0:1"}, "count": 0},
        {"kind": "random", "axes": {"lr": "0:1"}, "count": 501},
        {"kind": "random", "axes": {"lr": "0:1"}, "count": True},
        {"kind": "random", "axes": {"lr": "0:1"}, "count": 2.0},
        {"kind": "random", "axes": {"lr": "0:1"}, "count": 2, "seed": -1},
        {"kind": "random", "axes": {"lr": "0:1"}, "count": 2, "seed": "7"},
        {"kind": "grid", "axes": {"__class__": "1"}}, {"kind": "grid", "axes": {"nope": "1"}},
        {"kind": "grid", "axes": {"key": "a,b"}}, {"kind": "grid", "axes": {"\x1b[2J": "1"}},
    ],
    ids=lambda spec: ascii(spec)[:40],
)  # fmt: skip
def test_specs_that_are_refused(spec):
    refusal(spec)


AXES = st.text(max_size=20) | st.from_regex(r"(log\()?[-+0-9.e:,_ ()]{0,16}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["grid", "random"]),
    st.dictionaries(st.sampled_from([p.name for p in PARAMETERS]), AXES, min_size=1, max_size=3),
)
def test_any_text_is_an_axis_or_a_refusal(kind, axes):
    spec = {"kind": kind, "axes": axes} | ({"count": 5} if kind == "random" else {})
    try:
        members = expand(spec, PARAMETERS)
    except ExperimentError as error:
        assert str(error).isprintable() and set(error.details.values()) <= set(axes)
        return
    assert 1 <= len(members) <= MOST
    written = [json.dumps(member, sort_keys=True, allow_nan=False) for member in members]
    assert len(set(written)) == len(written) and all(set(m) == set(axes) for m in members)
    assert expand(spec, PARAMETERS) == members
