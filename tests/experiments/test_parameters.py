"""Parameters: read from the cell as Python has it, and values that are refused by name."""

from __future__ import annotations

import ast
import json
import math

import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from papermill.parameterize import parameterize_notebook
from papermill.translators import PythonTranslator

from experiments.parameters import (
    Kind,
    Parameter,
    ParameterError,
    check_secrets,
    check_values,
    parse_text,
    read_parameters,
)

PYTHON = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}


def cell(source: str, *tags: str, kind: str = "code") -> dict:
    more = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "source": source, "metadata": {"tags": list(tags)}, **more}


def notebook(*cells: dict, metadata: dict | None = None) -> dict:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata or PYTHON,
            "cells": list(cells)}  # fmt: skip


def read(source: str) -> dict[str, Parameter]:
    found = read_parameters(notebook(cell(source, "parameters")))
    return {parameter.name: parameter for parameter in found}


def one(source: str) -> Parameter:
    (parameter,) = read(source).values()
    return parameter


def refusal(call, *arguments) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        call(*arguments)
    error = caught.value
    assert str(error).isprintable() and str(error).endswith((".", "?"))
    assert error.body()["error"]["message"] == str(error) and error.status == 422
    return error


@pytest.mark.parametrize(
    ("source", "kind", "default"),
    [
        ("x = 0.1", Kind("float"), 0.1),
        ("x = 3", Kind("int"), 3),
        ("x = -3", Kind("int"), -3),
        ("x = +1e-3", Kind("float"), 0.001),
        ("x = True", Kind("bool"), True),
        ("x = 'a # b = c'", Kind("str"), "a # b = c"),
        ("x = 'a' 'b'", Kind("str"), "ab"),
        ('x = """a\n# no comment\n"""', Kind("str"), "a\n# no comment\n"),
        ("x = None", Kind("any", optional=True), None),
        ("x = [1,\n  2]", Kind("list"), [1, 2]),
        ("x = (1, 2)", Kind("list"), [1, 2]),
        ("x = {'a': [1]}", Kind("dict"), {"a": [1]}),
        ("x: float = 1", Kind("float"), 1),
        ("x: 'float' = 1", Kind("float"), 1),
        ("x: int | None = 3", Kind("int", optional=True), 3),
        ("x: int = None", Kind("int", optional=True), None),
        ("x: Optional[str] = 'a'", Kind("str", optional=True), "a"),
        ("x: typing.Optional['str'] = 'a'", Kind("str", optional=True), "a"),
        ("x: Union[int, float] = 3", Kind("float"), 3),
        ("x: int | str = 3", Kind("any"), 3),
        ("x: Any = 3", Kind("any"), 3),
        ("x: Whatever = 3", Kind("int"), 3),
        ("x: None = None", Kind("any", optional=True), None),
        ("x: list[int] = []", Kind("list", item="int"), []),
        ("x: tuple[int, ...] = (1,)", Kind("list", item="int"), [1]),
        ("x: tuple[int, str] = (1, 'a')", Kind("list"), [1, "a"]),
        ("x: list[Whatever] = []", Kind("list"), []),
        ("x: Dict[str, float] = {}", Kind("dict", item="float"), {}),
        ("x: Literal['a', 'b'] = 'a'", Kind("choice", choices=("a", "b")), "a"),
        ("x: t.Literal[1, -1, None] = 1", Kind("choice", True, choices=(1, -1)), 1),
        ("x: Annotated[int, 'seconds'] = 1", Kind("int"), 1),
        ("x: 'secret' = ''", Kind("secret"), ""),
        ("x: Secret = None", Kind("secret", optional=True), None),
        ("x: cohort.Secret | None = None", Kind("secret", optional=True), None),
    ],
)
def test_kinds_and_defaults(source, kind, default):
    parameter = one(source)
    assert (parameter.kind, parameter.default) == (kind, default)
    assert type(parameter.default) is type(default)
    assert parameter.literal and not parameter.required
    written = ast.parse(f"({parameter.source})", mode="eval").body
    assert ast.dump(written) == ast.dump(ast.parse(source).body[0].value)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("x = 2 * 3", "any"), ("x = os.environ['HOME']", "any"), ("x: int = f(1)", "int"),
        ("x = 1e999", "float"), ("x = {1, 2}", "any"), ("x = {1: 2}", "dict"), ("x = b'a'", "any"),
        ("x = f'{y}'", "any"), ("x = '\\ud800'", "str"), ("x = 1 + 2j", "any"),
        ("x = 1\nx += 1", "any"), ("(x, *_rest) = f()", "any"),
        ("x = " + "[" * 10 + "]" * 10, "list"),
        ("x = 99999999999999999999", "int"),
    ],
)  # fmt: skip
def test_a_default_that_is_no_literal_is_shown_as_written(source, kind):
    parameter = one(source)
    assert (parameter.kind.name, parameter.default, parameter.literal) == (kind, None, False)
    assert parameter.source in source and not parameter.required


def test_chains_tuples_and_repetitions():
    found = read("a = b = -1\n(c, d), [e] = (1, 'x'), [None]\nf, g = h()\na = 2\nc: float\nc = 5")
    assert {name: p.default for name, p in found.items()} == {
        "a": 2, "b": -1, "c": 5, "d": "x", "e": None, "f": None, "g": None,
    }  # fmt: skip
    assert found["f"].source == found["g"].source == "h()"
    assert found["c"].kind == Kind("float") and not found["c"].required


def test_what_is_no_parameter():
    assert read("_x = 1\n__y__ = 2\no.a = 3\nd['k'] = 4\nif True:\n    z = 5\nimport os") == {}


def test_help_is_the_comment_behind_or_else_above():
    found = read(
        "# Optimisation\n\n# Step size,\n# as of Adam\nlr = 0.1\n"
        "epochs = 3  #: passes \u00e9\n"
        "# not of layers\n\nlayers = [1,  # first\n  2]  # units\n"
        "names = [  # who\n  'a#b',\n]\n"
        "text = '# none'\n"
        "a = 1; b = 2  # both\n"
        "b = 3"
    )
    assert {name: p.help for name, p in found.items()} == {
        "lr": "Step size, as of Adam", "epochs": "passes \u00e9", "layers": "units",
        "names": "who", "text": "", "a": "both", "b": "both",
    }  # fmt: skip


def test_ipythons_own_lines_are_passed_over():
    found = read("%matplotlib inline\n!ls\nx = 1  # it\nfiles = !ls\nprint?\ny = 2 % 2")
    assert [name for name in found] == ["x", "y"] and found["x"].help == "it"


@pytest.mark.parametrize(
    "source",
    ["x = ", "x = 1 1", "x = '\0'", "x = '\ud800'", "(" * 300, "-" * 15_000 + "1",
     "x: " + "int|" * 4000 + "int = 1", "x = " + "1+" * 9000 + "1", "#" * 20_001,
     ";".join(f"a{i}=1" for i in range(201))],
    ids=lambda source: source[:8].encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
def test_cells_that_cannot_be_read(source):
    error = refusal(read, source)
    assert error.code == "parameters_cell_invalid"


def test_the_line_of_a_mistake_is_named():
    assert "in line 3" in str(refusal(read, "a = 1\n%time\nb = = 2"))


def test_only_the_first_tagged_cell_counts_as_for_papermill():
    cells = [cell("x = 0"), cell("a = 1", "parameters"), cell("b = 2", "parameters", "hide")]
    found = read_parameters(notebook(*cells))
    assert [parameter.name for parameter in found] == ["a"]
    node = nbformat.from_dict(notebook(*cells))
    node.metadata["papermill"] = {}
    injected = parameterize_notebook(node, {"a": 5}).cells
    assert [c.source.splitlines()[-1] for c in injected] == ["x = 0", "a = 1", "a = 5", "b = 2"]


def test_notebooks_without_parameters():
    assert read_parameters(notebook()) == ()
    assert read_parameters(notebook(cell("a = 1"), cell("x", "parameter"))) == ()
    r = {"language_info": {"name": "R"}}
    assert read_parameters(notebook(cell("a <- 1", "parameters"), metadata=r)) == ()
    # As JupyterLab saves it until the kernel has said what it speaks.
    unsaid = {"language_info": {"name": ""}}
    assert len(read_parameters(notebook(cell("a = 1", "parameters"), metadata=unsaid))) == 1
    markdown = notebook(cell("a = 1", "parameters", kind="markdown"), cell("b = 1", "parameters"))
    assert refusal(read_parameters, markdown).code == "parameters_cell_invalid"
    error = refusal(check_values, (), {"lr": 1})
    assert error.body()["error"]["parameter"] == "lr" and "the tag parameters" in str(error)
    assert check_values((), {}) == {}


def test_sources_as_lists_of_lines():
    code = cell("", "parameters") | {"source": ["a = 1\n", "b = 2"]}
    assert [parameter.name for parameter in read_parameters(notebook(code))] == ["a", "b"]


@pytest.mark.parametrize("source", ["k: 'secret' = 'abc'", "k: Secret = os.environ['K']"])
def test_a_secret_with_a_value_in_the_notebook_is_refused(source):
    error = refusal(read, source)
    assert (error.code, error.details) == ("secret_default", {"parameter": "k"})
    assert "abc" not in str(error)


def test_two_secrets_of_one_environment_variable():
    assert refusal(read, "k: Secret = ''\nK: Secret = ''").details == {"parameter": "K"}


ALL = tuple(
    read(
        "i = 1\nf = 0.5\nb = True\ns = 'a'\nl = []\nd = {}\nany = g()\n"
        "c: Literal['adam', 'sgd', 1] = 'adam'\no: int | None = None\nos: str | None = None\n"
        "li: list[int] = []\ndf: dict[str, float] = {}\nsecret: Secret = ''"
    ).values()
)
NAMED = {parameter.name: parameter for parameter in ALL}


def test_values_come_back_typed_and_in_the_cells_order():
    values = {
        "li": (1, 2.0),
        "f": 1,
        "i": 3.0,
        "o": None,
        "any": {"a": [None]},
        "c": 1,
        "df": {"x": 1},
    }
    typed = check_values(ALL, values)
    assert json.dumps(typed) == (
        '{"i": 3, "f": 1.0, "any": {"a": [null]}, "c": 1, "o": null, "li": [1, 2], '
        '"df": {"x": 1.0}}'
    )
    assert values["li"] == (1, 2.0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("i", 0.5, "a whole number, not 0.5"), ("i", True, "a whole number, not true"),
        ("i", "1", 'a whole number, not "1"'), ("i", None, "a whole number, not null"),
        ("i", 2**63, "64 bits"), ("i", 1e300, "a whole number"),
        ("f", math.nan, "a finite number, not nan"), ("f", math.inf, "a finite number"),
        ("f", False, "a number, not false"), ("f", -(2**63), "64 bits"),
        ("b", 1, "true or false, not 1"), ("b", "true", "true or false"),
        ("s", 1, "text, not 1"), ("s", "\ud800", "valid Unicode"), ("s", ["a"], "text, not a list"),
        ("l", {}, "a list such as [1, 2], not an object"), ("l", "ab", "a list"),
        ("l", [[math.nan]], "a finite number"), ("d", [], "an object"), ("d", {1: 2}, "names"),
        ("any", {"a": {1, 2}}, "numbers, text"), ("any", b"x", "numbers, text"),
        ("any", json.loads("[" * 20 + "]" * 20), "8 levels"), ("any", -math.inf, "finite"),
        ("c", "rmsprop", "one of adam, sgd, 1, not"), ("c", True, "one of adam"),
        ("o", 0.5, "a whole number or null"),
        ("li", [1, "2"], "a list that holds a whole number in each place"),
        ("df", {"a": "x"}, "an object that holds a number in each place"),
    ],
)  # fmt: skip
def test_values_of_the_wrong_kind(name, value, words):
    error = refusal(check_values, ALL, {"s": "fine", name: value})
    assert error.details == {"parameter": name} and error.code.startswith("parameter_")
    assert str(error).startswith(f"The parameter {name} expects") and words in str(error)


@pytest.mark.parametrize(
    ("name", "code"),
    [("__class__", "name"), ("_x", "name"), ("class", "name"), ("a b", "name"), ("", "name"),
     ("1a", "name"), ("a\x1b[2J", "name"), ("\ud800", "name"), (3, "name"),
     ("x" * 300, "unknown"), ("lr", "unknown")],
)  # fmt: skip
def test_names_that_are_refused(name, code):
    error = refusal(check_values, ALL, {name: 1})
    assert error.code == f"parameter_{code}" and len(str(error)) < 300
    named = str(name).encode("unicode_escape").decode()[:100]
    assert error.details["parameter"].replace("\\u00", "\\x") == named


def test_numbers_that_python_will_not_write_out():
    for name in ("i", "f", "any", "o", "c"):
        assert refusal(check_values, ALL, {name: 10**5000}).details == {"parameter": name}


def test_a_name_that_is_nearly_right():
    parameters = tuple(read("learning_rate = 0.1").values())
    error = refusal(check_values, parameters, {"learningrate": 1})
    assert "did you mean learning_rate?" in str(error)


def test_values_that_are_too_large_together():
    error = refusal(check_values, ALL, {"s": "x" * 65_000, "l": [1] * 400})
    assert (error.code, error.details) == ("parameter_too_large", {"parameter": "s"})


def test_a_parameter_without_a_default_has_to_be_given():
    parameters = tuple(read("seed: int\nkey: Secret").values())
    error = refusal(check_values, parameters, {})
    assert (error.code, error.details) == ("parameter_required", {"parameter": "seed"})
    assert check_values(parameters, {"seed": 1}) == {"seed": 1}
    assert refusal(check_secrets, parameters, {}).details == {"parameter": "key"}
    assert check_secrets(parameters, {"key": "k"}) == {"key": "k"}


def test_secrets_go_their_own_way_and_are_never_repeated():
    assert refusal(check_values, ALL, {"secret": "hush"}).code == "parameter_secret"
    assert refusal(check_secrets, ALL, {"s": "hush"}).code == "parameter_not_secret"
    assert refusal(check_secrets, ALL, {"nope": "hush"}).code == "parameter_unknown"
    for value in ("hush\0", "hush" * 3000, ["hush"], "hush\ud800"):
        error = refusal(check_secrets, ALL, {"secret": value})
        assert "hush" not in str(error) and error.details == {"parameter": "secret"}
    assert check_secrets(ALL, {"secret": "a\nkey"}) == {"secret": "a\nkey"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("i", " 42 ", 42), ("i", "1e3", 1000), ("i", "-7", -7), ("f", "1e-3", 0.001),
        ("f", "3", 3.0), ("b", "TRUE", True), ("b", "no", False), ("b", "1", True),
        ("s", " a b ", " a b "), ("s", "3", "3"), ("s", "None", "None"), ("os", "", ""),
        ("os", "null", None), ("o", "None", None), ("o", "5", 5), ("l", "[1, 2]", [1, 2]),
        ("l", "('a', 1)", ["a", 1]), ("l", "1,2", [1, 2]), ("li", "[1, 2.0]", [1, 2]),
        ("d", '{"a": 1}', {"a": 1}), ("d", "{'a': None}", {"a": None}), ("c", "sgd", "sgd"),
        ("c", "1", 1), ("any", "true", True), ("any", "None", None), ("any", "null", None),
        ("any", "1.5", 1.5), ("any", "it", "it"), ("any", '"1"', "1"),
    ],
)  # fmt: skip
def test_what_a_text_means(name, text, value):
    parsed = parse_text(NAMED[name], text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("i", "abc"), ("i", "1.5"), ("i", ""), ("f", "nan"), ("f", "1e400"), ("f", "0x10"), ("b", "2"),
     ("l", "1"), ("l", "{}"), ("d", "[1]"), ("c", "Adam"), ("o", "none"), ("any", "{1, 2}"),
     ("any", "NaN"), ("s", "x" * 70_000), ("i", "9" * 5000),
     ("l", "[" * 99 + "]" * 99)],
    ids=lambda value: value[:8],
)  # fmt: skip
def test_texts_that_mean_nothing(name, text):
    error = refusal(parse_text, NAMED[name], text)
    assert error.details == {"parameter": name} and len(str(error)) < 300


@pytest.mark.parametrize("text", ["[" * 5000, "-" * 60_000 + "1"], ids=["brackets", "signs"])
def test_where_anything_goes_what_python_cannot_nest_is_text(text):
    assert parse_text(NAMED["any"], text) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL), VALUES)
def test_any_value_is_refused_by_name_or_reaches_the_kernel_as_it_was(parameter, value):
    if parameter.kind.name == "secret":
        return
    try:
        typed = check_values(ALL, {parameter.name: value})
    except ParameterError as error:
        assert error.details == {"parameter": parameter.name} and str(error).isprintable()
        return
    stored = json.dumps(typed, allow_nan=False).encode()
    assert json.loads(stored) == typed == check_values(ALL, typed)
    kernel: dict = {}
    exec(PythonTranslator.codify(typed), kernel)
    assert kernel[parameter.name] == typed[parameter.name]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ALL), st.text(max_size=30) | st.from_regex(r"[-+\[\]{}0-9e.,:'\"a ]{0,12}"))
def test_any_text_is_refused_by_name_or_is_a_value(parameter, text):
    try:
        value = parse_text(parameter, text)
    except ParameterError as error:
        assert error.details == {"parameter": parameter.name} and str(error).isprintable()
        return
    json.dumps(value, allow_nan=False).encode()


@settings(max_examples=150, deadline=None)
@example("x = (yield)")
@example("x = 'a\x0cb'\x0c# c\ny = 1")
@given(st.lists(st.sampled_from(
    ["x", "y", "=", "==", ":", "int", "[", "]", "(", ")", ",", "'a#'", '"""', "# c", "\n", "\\\n",
     "\r", "\x0c", ";", "1", "-", "None", "*", "é", "lambda", "%", " ", "    ", "if", "+="]
), max_size=25).map(" ".join))  # fmt: skip
def test_any_cell_is_read_as_python_has_it_or_refused(source):
    try:
        found = read(source)
    except ParameterError:
        return
    names = set()
    try:
        tree = ast.parse(source.replace("\r", "\n"))
    except SyntaxError:
        return  # it has lines for IPython
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    assert set(found) <= names
    for parameter in found.values():
        if parameter.literal:
            assert parameter.kind.name == "list" or ast.literal_eval(parameter.source) == (
                parameter.default
            )
