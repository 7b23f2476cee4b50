"""``result.json``, the runner's last word, as data that nobody vouches for.

Invariant: what comes out fits the database and a page: short strings without characters that
PostgreSQL refuses, whole numbers of 64 bits, bounded lists. How the run ended must be sound or
there is no result; of what it says beside that, a field or metric that is not is left out.
"""

from __future__ import annotations

import json
import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WrapValidator,
)

from experiments.states import Reason

MAX_BYTES = 1 << 20
MAX_METRICS = 200
# NUL and lone surrogates are legal in JSON and refused by PostgreSQL; the rest upsets terminals.
UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def _text(longest: int) -> Any:
    def clean(value: object) -> object:
        return UNWANTED.sub("\ufffd", value)[:longest] if isinstance(value, str) else value

    return Annotated[str, BeforeValidator(clean)]


def _otherwise(default: object) -> WrapValidator:
    """What is not as it should be is taken for this."""

    def validate(value: object, handler: Any) -> object:
        try:
            return handler(value)
        except ValidationError:
            return default

    return WrapValidator(validate)


def _metrics(value: object) -> object:
    """Only what a metric can be; numbers that JSON has no name for are written as words."""
    kept = {}
    for name, metric in value.items() if isinstance(value, dict) else ():
        if isinstance(metric, float) and not math.isfinite(metric):
            metric = str(metric)  # noqa: PLW2901
        try:
            kept[_NAME.validate_python(name)] = _METRIC.validate_python(metric)
        except ValidationError:
            continue
    return dict(list(kept.items())[:MAX_METRICS])


Word = _text(200)
Sentence = _text(2000)
Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Moment = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]  # unix seconds
Metric = Annotated[bool, Field(strict=True)] | Whole | Annotated[float, Field(strict=True)] | Word
_NAME, _METRIC = TypeAdapter(Word), TypeAdapter(Metric)


class _Data(BaseModel):
    # A newer runner may say more than this version knows: ignored, not refused.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Environment(_Data):
    """What the run ran on, as it looked from inside the container."""

    python: Annotated[Word, _otherwise("")] = ""
    packages: Annotated[dict[Word, Word], Field(max_length=2000), _otherwise({})] = {}
    cpu: Annotated[Word, _otherwise("")] = ""
    cores: Annotated[float | None, Field(ge=0, le=1e6), _otherwise(None)] = None
    gpu: Annotated[list[Word], Field(max_length=64), _otherwise([])] = []
    driver: Annotated[Word | None, _otherwise(None)] = None


class LeftOut(_Data):
    """A file that the notebook wrote and the runner did not take."""

    path: Word
    why: Word


class RunnerResult(_Data):
    """How a run ended, what it measured and where it ran."""

    outcome: Literal["succeeded", "failed", "cancelled", "timed out"]
    reason: Annotated[Reason | None, Field(strict=False)] = None
    message: Sentence | None = None
    cell: Count | None = None
    ename: Sentence | None = None
    evalue: Sentence | None = None
    started: Moment
    ended: Moment
    cells_total: Count
    cells_done: Count
    metrics: Annotated[dict[str, Metric], BeforeValidator(_metrics)] = {}
    environment: Annotated[Environment, _otherwise(Environment())] = Environment()
    seed: Annotated[Whole | None, _otherwise(None)] = None
    left_out: Annotated[list[LeftOut], Field(max_length=1000), _otherwise([])] = []


def read_result(data: bytes) -> RunnerResult | None:
    """The result in these bytes; None if there is none that can be believed."""
    if len(data) > MAX_BYTES:
        return None
    try:
        return RunnerResult.model_validate(json.loads(data))
    except (ValueError, RecursionError):  # a ValidationError is a ValueError
        return None
