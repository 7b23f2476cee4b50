"""Requests: what is wrong is refused with a sentence that names the field, nothing is coerced."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cohort.errors import CohortError
from experiments.checks import canonical
from experiments.errors import ExperimentError
from experiments.offer import GIB
from experiments.requests import RunRequest, ScheduleRequest, SweepRequest, parse
from experiments.seal import Seal
from tests.experiments.queueing import HASH, request

GOOD = {"notebook": "folder/work.ipynb", "snapshot": HASH}


def refused(data: object, model=RunRequest) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        parse(model, data)
    sentence = str(caught.value)
    assert sentence.endswith(".") and sentence.isprintable() and len(sentence) < 500
    assert caught.value.status == 422
    json.dumps(caught.value.body(), allow_nan=False)
    return caught.value


def test_a_whole_request():
    asked = parse(
        RunRequest,
        GOOD
        | {
            "title": "  訓練 résumé ",
            "parameters": {"lr": 0.1, "n": 1, "on": True, "path": None, "sizes": [1, {"a": "é"}]},
            "secrets": {"api_key": " hunter2\nmore "},
            "tags": ["a", "b", "a"],
            "memory": "1.5G",
            "not_before": "2026-11-23T02:00:00+08:00",
            "notify": {"webhook": "https://example.org:8443/h?x=1", "email": "ada@example.org"},
        },
    )
    assert asked.title == "訓練 résumé"
    assert asked.tags == ("a", "b")
    assert asked.memory_bytes == 1.5 * GIB
    assert asked.secrets == {"api_key": " hunter2\nmore "}  # not a space of a secret is touched
    assert asked.not_before == datetime(2026, 11, 22, 18, tzinfo=UTC)
    assert "hunter2" not in repr(asked)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("notebook", "/etc/work.ipynb"),
        ("notebook", "../work.ipynb"),
        ("notebook", "a/../work.ipynb"),
        ("notebook", "a//work.ipynb"),
        ("notebook", "a\\work.ipynb"),
        ("notebook", "work.py"),
        ("notebook", "a\0.ipynb"),
        ("notebook", "a" * 400 + ".ipynb"),
        ("snapshot", HASH.upper()),
        ("snapshot", HASH + "\n"),
        ("title", "a" * 201),
        ("title", "two\nlines"),
        ("title", "half \ud800"),
        ("tags", [str(i) for i in range(21)]),
        ("cpus", float("nan")),
        ("cpus", 0),
        ("cpus", 10_000),
        ("gpus", -1),
        ("gpus", 1.5),
        ("memory", "1"),
        ("memory", "1M"),
        ("memory", "9" * 30 + "G"),
        ("time_limit_s", 9),
        ("time_limit_s", 10**9),
        ("kernel", "python3; rm"),
        ("image", "a b"),
        ("not_before", "2026-11-23T02:00:00"),
        ("not_before", "9999-12-31T23:59:59-14:00"),
        ("idempotency_key", "run:1"),
        ("idempotency_key", "a" * 101),
        ("max_attempts", 9),
        ("network", "perhaps"),
        ("parameters", [1]),
        ("parameters", {f"p{i}": "x" * 200 for i in range(400)}),
        ("secrets", {f"s{i}": "x" * 8000 for i in range(3)}),
        ("secrets", {"key": "hunter2", "Key": "hunter3"}),
        ("notebok", "work.ipynb"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(field, value):
    error = refused(GOOD | {field: value})
    assert error.details["field"] == field
    assert f'The field "{field}" is not valid: ' in str(error)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("__class__", 1), ("", 1), ("two words", 1), ("class", 1), ("a-b", 1), ("a\nb", 1),
        ("lr", float("nan")), ("lr", float("-inf")), ("lr", 2**63), ("lr", "\udfff"),
        ("lr", {"\ud800": 1}), ("lr", [[[[[[[[[[1]]]]]]]]]]),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(name, value):
    error = refused(GOOD | {"parameters": {"fine": 1, name: value}})
    assert error.code == "parameter_invalid"
    assert error.details["parameter"] == "".join(c if c.isprintable() else "?" for c in name)


@pytest.mark.parametrize(
    "address",
    ["ftp://example.org", "javascript:alert(1)", "http://", "https://[half", "http://a:99999/",
     "http://a b/", "//example.org"],
)  # fmt: skip
def test_webhooks_are_of_the_web(address):
    assert refused(GOOD | {"notify": {"webhook": address}}).details["field"] == "notify.webhook"


@pytest.mark.parametrize(
    "address", ["ada", "ada@", "ada@host", "a b@example.org", "ada@example.org\nBcc: x@y.z", "@e.f"]
)
def test_mail_goes_to_addresses(address):
    assert refused(GOOD | {"notify": {"email": address}}).details["field"] == "notify.email"


@pytest.mark.parametrize("data", [None, [], "run", {}, 7])
def test_what_is_no_request_at_all(data):
    refused(data)
    refused(data, SweepRequest)
    refused(data, ScheduleRequest)


def test_no_refusal_repeats_a_secret():
    error = refused(GOOD | {"secrets": {"key": "hunter2\0"}})
    assert error.details["field"] == "secrets.key"
    assert "hunter2" not in json.dumps(error.body())


def test_equal_numbers_of_different_types_are_different_values():
    assert len({canonical(v) for v in (1, 1.0, True, "1", [1], None)}) == 6
    assert canonical({"b": 1, "a": "é"}) == canonical({"a": "é", "b": 1})


def test_what_is_stored_has_no_secret_and_comes_back_with_one():
    asked = request(secrets={"key": "hunter2"}, idempotency_key="k", parameters={"lr": 1.0})
    body = asked.stored()
    assert "hunter2" not in json.dumps(body) and body["secrets"] == ["key"]
    back = RunRequest.restored(json.loads(json.dumps(body)), {"key": "hunter2", "other": "x"})
    assert back == asked.model_copy(update={"idempotency_key": None})
    assert type(back.parameters["lr"]) is float
    with pytest.raises(ExperimentError, match="give key again"):
        RunRequest.restored(body, {"other": "x"})


def test_a_seal_opens_what_its_key_sealed():
    seal = Seal("ab" * 32)
    token = seal.seal({"key": "hunter2 é"})
    assert "hunter2" not in token
    assert seal.open(token) == {"key": "hunter2 é"}
    assert seal.seal({}) is None and seal.open(None) == {}
    with pytest.raises(CohortError, match="key has changed"):
        Seal("cd" * 32).open(token)
    for key in ("", "ab", "zz" * 32):
        with pytest.raises(CohortError, match="is damaged"):
            Seal(key)
