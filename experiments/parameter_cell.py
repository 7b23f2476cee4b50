"""Reads a notebook's parameters from its cell tagged ``parameters``, without running it.

Invariant: nothing of the cell is executed; a default is a value only if it is a literal that
JSON can hold, else it is shown as it is written.

    lr = 0.1                                  # a number, by its default
    epochs: int = 3                           # a whole number, by its annotation
    optimiser: Literal["adam", "sgd"] = "adam"    # a choice
    layers: list[int] = [64, 32]
    limit: int | None = None                  # may be null
    seed: int                                 # has to be given
    steps = 2 * epochs                        # no literal: takes any value
    api_key: "secret" = ""                    # handed over apart, never written down

The comment behind an assignment, or else the lines just above it, is its help. Chained and tuple
assignments are read as Python does; of two assignments to a name the last counts. Names that
begin with ``_``, attributes, and what is not at the cell's top level are no parameters.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace

from experiments.errors import ExperimentError
from experiments.notebooks import source_of, tags_of
from experiments.parameter_kinds import Kind, kind_of_annotation, kind_of_value
from experiments.parameter_values import WrongValueError, plain

TAG = "parameters"
CELL_CHARACTERS = 20_000  # a page of parameters is 2,000
MOST = 200
HELP_LINES = 10
HELP_CHARACTERS = 500
MAGIC = re.compile(r"\s*[%!?]|\s*\w+\s*=\s*[%!]|.*\?\s*$")  # IPython's, not Python's


class ParameterError(ExperimentError):
    """A parameter or a value for it that is refused; ``details["parameter"]`` is its name."""

    def __init__(self, message: str, *, code: str, parameter: str | None = None) -> None:
        details = {} if parameter is None else {"parameter": parameter}
        super().__init__(message, code=code, **details)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook.

    ``default`` is its value if ``literal``, else None; ``source`` is the default as written, and
    None if the parameter is ``required``. ``help`` is the comment that goes with it.
    """

    name: str
    kind: Kind
    default: object = None
    literal: bool = False
    source: str | None = None
    required: bool = False
    help: str = ""


def read_parameters(notebook: dict) -> tuple[Parameter, ...]:
    """The parameters of a notebook that `validate_notebook` returned, in the cell's order.

    As papermill does, only the first cell with the tag counts; without one there are none, and
    none either if the notebook's language is not Python. Raises `ParameterError`
    ``parameters_cell_invalid`` or ``secret_default``.
    """
    cell = next((cell for cell in notebook["cells"] if TAG in tags_of(cell)), None)
    if cell is None or not _is_python(notebook["metadata"]):
        return ()
    if cell["cell_type"] != "code":
        raise _invalid("it is no code cell: take the tag off it")
    try:
        parameters = _parameters(*_parse(source_of(cell)))
    except RecursionError:
        raise _invalid("it is nested too deep") from None
    _check_secrets(parameters)
    return parameters


def _is_python(metadata: dict) -> bool:
    for part, key in (("language_info", "name"), ("kernelspec", "language")):
        said = metadata.get(part)
        if isinstance(said, dict) and isinstance(language := said.get(key), str) and language:
            return language.lower() in ("python", "ipython")
    return True


def _parse(source: str) -> tuple[str, ast.Module]:
    """The cell's source, as far as it is Python, and its syntax tree."""
    if len(source) > CELL_CHARACTERS:
        raise _invalid(f"it is longer than {CELL_CHARACTERS:,} characters")
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    # Lines are emptied, not removed: comments are found by their line's number.
    lines = ["" if MAGIC.match(line) else line for line in source.split("\n")]
    for text in (source, "\n".join(lines)):
        try:
            return text, ast.parse(text)
        except SyntaxError as error:
            line = error.lineno
        except (ValueError, MemoryError):  # NUL or half a character; too deep for the parser
            line = None
    raise _invalid("it is not valid Python" + (f" in line {line}" if line else ""))


def _parameters(source: str, tree: ast.Module) -> tuple[Parameter, ...]:
    comments, lines = _comments(source), source.encode().split(b"\n")
    found: dict[str, Parameter] = {}
    declared: dict[str, Kind | None] = {}
    for statement in tree.body:
        words = _help(statement, comments)
        for name, value in _assignments(statement):
            if name.startswith("_"):
                continue
            if isinstance(statement, ast.AnnAssign):
                declared[name] = kind_of_annotation(statement.annotation)
            old = found.get(name, Parameter(name, Kind("any")))
            new = replace(_parameter(name, declared.get(name), value), help=words or old.help)
            found[name] = new if value is None else replace(new, source=_segment(lines, value))
        if len(found) > MOST:
            raise _invalid(f"it has more than {MOST} parameters")
    return tuple(found.values())


def _segment(lines: list[bytes], node: ast.expr) -> str:
    """The node's source. `ast.get_source_segment` goes through the whole text each time."""
    part = lines[node.lineno - 1 : node.end_lineno]
    part[-1] = part[-1][: node.end_col_offset]
    part[0] = part[0][node.col_offset :]
    return b"\n".join(part).decode()


def _assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a statement binds, each with the expression that it gets, or None if none."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            yield name, value
        case ast.AugAssign(target=ast.Name(id=name) as target):
            yield name, ast.copy_location(_unknown(target), statement)
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _unpack(target, value)


def _unpack(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match target:
        case ast.Name(id=name):
            yield name, value
        case ast.Starred(value=inner):
            yield from _unpack(inner, _unknown(value))
        case ast.Tuple(elts=inner) | ast.List(elts=inner):
            for each, item in zip(inner, _items(inner, value), strict=True):
                yield from _unpack(each, item)


def _items(targets: list[ast.expr], value: ast.expr) -> list[ast.expr]:
    """What each of several targets gets of a value."""
    items = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    starred = any(isinstance(item, ast.Starred) for item in (*targets, *items))
    return items if len(items) == len(targets) and not starred else [_unknown(value)] * len(targets)


def _unknown(value: ast.expr) -> ast.expr:
    """An expression with the source of the value, but no literal."""
    return ast.copy_location(ast.Call(value, [], []), value)


def _parameter(name: str, declared: Kind | None, value: ast.expr | None) -> Parameter:
    if value is None:
        return Parameter(name, declared or Kind("any"), required=True)
    default, literal, inferred = _literal(value)
    kind = declared or inferred
    if literal and default is None:
        kind = replace(kind, optional=True)
    return Parameter(name, kind, default, literal)


def _literal(node: ast.expr) -> tuple[object, bool, Kind]:
    """The node's value if JSON can hold it, whether it can, and the kind that it suggests."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return None, False, Kind("any")
    try:
        return plain(value), True, kind_of_value(value)
    except WrongValueError:
        return None, False, kind_of_value(value)


def _comments(source: str) -> dict[int, tuple[str, bool]]:
    """Comments by the number of their line, and whether they stand alone on it."""
    comments: dict[int, tuple[str, bool]] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            comments[token.start[0]] = (token.string.lstrip("#: ").rstrip(), alone)
    return comments


def _help(statement: ast.stmt, comments: dict[int, tuple[str, bool]]) -> str:
    for line in (statement.end_lineno, statement.lineno):
        if line in comments and not comments[line][1]:
            return comments[line][0][:HELP_CHARACTERS]
    above = []
    line = statement.lineno - 1
    while line in comments and comments[line][1] and len(above) < HELP_LINES:
        above.insert(0, comments[line][0])
        line -= 1
    return " ".join(above)[:HELP_CHARACTERS]


def _check_secrets(parameters: tuple[Parameter, ...]) -> None:
    variables: dict[str, str] = {}
    for parameter in parameters:
        if parameter.kind.name != "secret":
            continue
        name = parameter.name
        if not parameter.required and not (parameter.literal and parameter.default in ("", None)):
            raise ParameterError(
                f"The secret {name} has a value in the notebook, where everybody reads it: write "
                '"" there, and change that secret wherever it is used.',
                code="secret_default", parameter=name,
            )  # fmt: skip
        # Secrets travel in environment variables, whose names are in upper case.
        if (other := variables.setdefault(name.upper(), name)) != name:
            raise ParameterError(
                f"The secrets {other} and {name} differ in upper and lower case only: rename one.",
                code="parameters_cell_invalid", parameter=name,
            )  # fmt: skip


def _invalid(why: str) -> ParameterError:
    return ParameterError(
        f"The notebook's parameters cannot be read from its cell tagged {TAG}: {why}.",
        code="parameters_cell_invalid",
    )
