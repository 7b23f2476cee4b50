"""What people ask for, as they write it: a run, a sweep, a schedule.

Invariant: an object of these classes has passed every check that needs no database; each length,
count and size has a cap. What is wrong is refused with one sentence that names the field, before
anything is stored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from cohort.settings_types import parse_size
from experiments import checks
from experiments.errors import ExperimentError

SECRETS_BYTES = 16 * 1024
WEEK_S = 7 * 24 * 3600

Line = Annotated[str, AfterValidator(checks.check_text)]
Text = Annotated[Line, StringConstraints(strip_whitespace=True)]
Title = Annotated[Text, Field(max_length=200)]
Tag = Annotated[Text, Field(min_length=1, max_length=50)]
ParameterName = Annotated[str, Field(max_length=100), AfterValidator(checks.check_name)]
Value = Annotated[Any, AfterValidator(checks.check_value)]
SecretValue = Annotated[str, Field(max_length=8000), AfterValidator(checks.check_secret)]
Notebook = Annotated[Line, Field(max_length=400), AfterValidator(checks.check_notebook)]
Memory = Annotated[str, Field(max_length=20), AfterValidator(checks.check_memory)]
Webhook = Annotated[Line, Field(max_length=1000), AfterValidator(checks.check_url)]
Email = Annotated[str, Field(max_length=254), AfterValidator(checks.check_email)]
# No colon: keys with one are the service's own, of a sweep's members and a schedule's times.
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/=-]{1,100}$")]
Cron = Annotated[Text, Field(min_length=1, max_length=100)]
Zone = Annotated[Text, Field(min_length=1, max_length=64)]
Missed = Literal["skip", "one", "all"]
Overlap = Literal["forbid", "queue", "replace"]

M = TypeVar("M", bound="Request")


class Request(BaseModel):
    """Frozen, and closed to unknown fields."""

    # A traceback of a refusal must not hold a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Notify(Request):
    """Who is told when a run has ended."""

    webhook: Webhook | None = None
    email: Email | None = None


class RunRequest(Request):
    """One run of a notebook."""

    notebook: Notebook = Field(description="path inside the snapshot")
    snapshot: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the folder handed in")
    title: Title = Field("", description="what people see; the notebook's name without one")
    parameters: dict[ParameterName, Value] = Field({}, max_length=500)
    secrets: dict[ParameterName, SecretValue] = Field({}, max_length=20, repr=False)
    tags: tuple[Tag, ...] = Field((), max_length=20)
    cpus: float = Field(1, ge=0.1, le=512)
    memory: Memory = Field("2G", description='limit, "512M" or "8G"')
    gpus: int = Field(0, ge=0, le=64)
    time_limit_s: int = Field(3600, ge=10, le=WEEK_S)
    cell_limit_s: int = Field(0, ge=0, le=WEEK_S, description="of each cell; 0: none")
    kernel: str = Field("python3", pattern=r"^[A-Za-z0-9._-]{1,63}$")
    image: str = Field(
        "", pattern=r"^[A-Za-z0-9._/:@-]{0,255}$", description="the lab's own without one"
    )
    network: bool = False
    not_before: AwareDatetime | None = Field(None, description="it waits at least until then")
    idempotency_key: Key | None = Field(None, description="the same key twice is one run")
    max_attempts: int = Field(3, ge=1, le=4)
    notify: Notify = Notify()

    @field_validator("parameters")
    @classmethod
    def _check_parameters(cls, value: dict[str, Any]) -> dict[str, Any]:
        return checks.check_size(value)

    @field_validator("secrets")
    @classmethod
    def _check_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        if sum(len(text.encode()) for text in value.values()) > SECRETS_BYTES:
            raise ValueError(f"expected at most {SECRETS_BYTES // 1024} kB in all")
        if len({name.upper() for name in value}) < len(value):
            # They travel in environment variables, whose names are upper case.
            raise ValueError("expected names that differ in more than their case")
        return value

    @field_validator("tags")
    @classmethod
    def _each_tag_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))

    @field_validator("not_before")
    @classmethod
    def _check_not_before(cls, value: AwareDatetime | None) -> AwareDatetime | None:
        if value is not None and not 2000 <= value.year < 3000:
            raise ValueError("expected a time of this millennium")
        return value

    @property
    def memory_bytes(self) -> int:
        return parse_size(self.memory)

    def stored(self) -> dict:
        """All of it as JSON, but for the key and the secrets, whose names alone are in it."""
        body = self.model_dump(mode="json", exclude={"secrets", "idempotency_key"})
        return body | {"secrets": sorted(self.secrets)}

    @classmethod
    def restored(cls, body: dict, secrets: dict[str, str], **changes) -> RunRequest:
        """The request that `stored` gave this body; refused if a secret's value is missing."""
        missing = sorted(set(body["secrets"]) - set(secrets))
        if missing:
            raise ExperimentError(
                f"The secrets of a run are not kept after it: give {', '.join(missing)} again.",
                code="secrets_needed",
                field="secrets",
            )
        kept = {name: secrets[name] for name in body["secrets"]}
        return parse(cls, body | {"secrets": kept} | changes)


class SweepRequest(Request):
    """Many runs of one notebook; ``spec`` holds the axes as they were written."""

    run: RunRequest
    spec: dict[str, Value] = Field(max_length=100)
    max_running: int = Field(4, ge=1, le=1000, description="how many of them run at once")
    idempotency_key: Key | None = None

    @field_validator("spec")
    @classmethod
    def _check_spec(cls, value: dict[str, Any]) -> dict[str, Any]:
        return checks.check_size(value)


class ScheduleRequest(Request):
    """A run at each of the times that a cron expression names."""

    run: RunRequest
    cron: Cron = Field(description="minute, hour, day of month, month, day of week")
    timezone: Zone = "Asia/Hong_Kong"
    missed: Missed = Field("one", description="what to do on times that passed unnoticed")
    overlap: Overlap = Field("forbid", description="what to do while the run before goes on")


class ScheduleChange(Request):
    """What may be altered in a schedule; what is left out stays."""

    title: Title | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    missed: Missed | None = None
    overlap: Overlap | None = None


def parse(model: type[M], data: object) -> M:
    """Return a checked request; raises `ExperimentError` that names the first wrong field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise refusal(error) from None


def refusal(error: ValidationError) -> ExperimentError:
    """The first thing that is wrong with a request, in one sentence, without any value of it."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = [str(part) for part in first["loc"] if part != "[key]"]
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    said = said[:1].lower() + said[1:]
    if not place:
        return ExperimentError(f"The request is not valid: {said}.", code="request_invalid")
    field = "".join(c if c.isprintable() else "?" for c in ".".join(place)[:120])
    sentence = f'The field "{field}" is not valid: {said}.'
    details = {"field": field}
    if "parameters" in place[:-1]:
        name = field.partition("parameters.")[2]
        return ExperimentError(sentence, code="parameter_invalid", parameter=name, **details)
    return ExperimentError(sentence, code="request_invalid", **details)
