"""A notebook's parameters, and the values and secrets that people give them.

Invariant: what is returned has passed every check, and nothing has started before; a refusal
names the parameter, and repeats no secret.
"""

from __future__ import annotations

import difflib
import json
import keyword
from typing import NoReturn

from experiments.parameter_cell import TAG, Parameter, ParameterError, read_parameters
from experiments.parameter_kinds import Kind
from experiments.parameter_values import TEXT_BYTES, WrongValueError, fit, parse

__all__ = [
    "Kind", "Parameter", "ParameterError", "check_secrets", "check_value", "check_values",
    "find_parameter", "parse_text", "read_parameters",
]  # fmt: skip

SECRET_CHARACTERS = 8_000  # a private key has 3,000; Linux takes 128 kB in one variable


def find_parameter(parameters: tuple[Parameter, ...], name: object) -> Parameter:
    """The parameter of this name.

    Raises `ParameterError` ``parameter_name`` for what can be no parameter's name, and
    ``parameter_unknown``.
    """
    for parameter in parameters:
        if parameter.name == name:
            return parameter
    said = _shown(name)
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        _refuse(f"{said} cannot be a parameter: it is no name of a variable.", "name",
                said.strip('"'))  # fmt: skip
    if name.startswith("_"):
        _refuse(f"{name[:60]} cannot be a parameter: no parameter begins with _.", "name", name)
    if not parameters:
        _refuse(
            f"The notebook has no parameters, so {name[:60]} cannot be passed: give the cell that "
            f"assigns it the tag {TAG} (in JupyterLab: the gear at the top right, Cell Tags).",
            "unknown", name,
        )  # fmt: skip
    names = [parameter.name for parameter in parameters]
    close = difflib.get_close_matches(name[:60], names, n=1)
    hint = f"did you mean {close[0]}" if close else f"there is {', '.join(names[:10])}"
    _refuse(f"The notebook has no parameter {name[:60]}: {hint}?", "unknown", name)


def check_values(parameters: tuple[Parameter, ...], values: dict) -> dict:
    """Values by name, each of its parameter's kind, in the parameters' order.

    Only what was given is returned: for the rest the notebook's defaults stand. Raises
    `ParameterError` for the first name or value that is refused, secrets among them.
    """
    if not isinstance(values, dict):
        raise ParameterError(
            "Parameters are an object of names and values.", code="parameters_invalid"
        )
    for name in values:
        if find_parameter(parameters, name).kind.name == "secret":
            _refuse(
                f"The parameter {name} is a secret: hand it over among the secrets instead, where "
                "it is not written down.",
                "secret", name,
            )  # fmt: skip
    _check_required([p for p in parameters if p.kind.name != "secret"], values)
    fitted = {p.name: check_value(p, values[p.name]) for p in parameters if p.name in values}
    sizes = {name: len(json.dumps(value)) for name, value in fitted.items()}
    if sum(sizes.values()) > TEXT_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        _refuse(
            f"The parameters are larger than {TEXT_BYTES // 1024} kB together, most of it in "
            f"{largest}: put that into a file of the folder.",
            "too_large", largest,
        )  # fmt: skip
    return fitted


def check_secrets(parameters: tuple[Parameter, ...], secrets: dict[str, str]) -> dict[str, str]:
    """Secrets by name, in the parameters' order; raises `ParameterError`, never with a value."""
    for name, value in secrets.items():
        if find_parameter(parameters, name).kind.name != "secret":
            _refuse(
                f'The parameter {name} is no secret: write {name}: "secret" = "" in the notebook, '
                "or pass it as a parameter.",
                "not_secret", name,
            )  # fmt: skip
        try:
            fitted = str(fit(Kind("secret"), value))
        except WrongValueError as error:
            _refuse(f"The secret {name} expects {error}.", error.code, name)
        # Secrets travel in environment variables.
        if "\0" in fitted or len(fitted) > SECRET_CHARACTERS:
            most = f"at most {SECRET_CHARACTERS:,} characters"
            _refuse(f"The secret {name} expects {most}, and no NUL.", "too_large", name)
    _check_required([p for p in parameters if p.kind.name == "secret"], secrets)
    return {p.name: secrets[p.name] for p in parameters if p.name in secrets}


def check_value(parameter: Parameter, value: object) -> object:
    """The value as its parameter's kind has it; raises `ParameterError`."""
    try:
        return fit(parameter.kind, value)
    except WrongValueError as error:
        _refuse_value(parameter, value, error)


def parse_text(parameter: Parameter, text: str) -> object:
    """The value that a text in a form or behind ``-p name=`` means; raises `ParameterError`.

    How it is read is said at `experiments.parameter_values.parse`.
    """
    try:
        return parse(parameter.kind, text)
    except WrongValueError as error:
        _refuse_value(parameter, text, error)


def _refuse_value(parameter: Parameter, value: object, error: WrongValueError) -> NoReturn:
    null = " or null" if parameter.kind.optional and error.code == "parameter_type" else ""
    secret = parameter.kind.name == "secret"
    said = "" if secret else f", not {_shown(value)}"
    _refuse(f"The parameter {parameter.name} expects {error}{null}{said}.", error.code,
            parameter.name)  # fmt: skip


def _check_required(parameters: list[Parameter], given: dict) -> None:
    for parameter in parameters:
        if parameter.required and parameter.name not in given:
            _refuse(
                f"The parameter {parameter.name} has no default in the notebook: give it a value.",
                "required", parameter.name,
            )  # fmt: skip


def _refuse(sentence: str, code: str, name: str) -> NoReturn:
    code = f"parameter_{code.removeprefix('parameter_')}"
    raise ParameterError(sentence, code=code, parameter=name[:100])


def _shown(value: object) -> str:
    """A value in a sentence: short, and with nothing in it that a terminal would act on."""
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 60 else value[:59] + "…", ensure_ascii=True)
    if isinstance(value, list | tuple | dict):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 64:
        return "a longer one"
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)[:60]
