"""The kinds of parameter: from annotations and from defaults.

Invariant: an annotation that says nothing we can check makes a parameter that takes any value,
never one that is refused.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

NAMES = {
    "int": "int", "float": "float", "bool": "bool", "str": "str", "None": "none",
    "list": "list", "List": "list", "Sequence": "list", "tuple": "list", "Tuple": "list",
    "dict": "dict", "Dict": "dict", "Mapping": "dict",
    "Any": "any", "object": "any", "Secret": "secret", "secret": "secret",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What a parameter takes.

    ``name`` is int, float, bool, str, list, dict, choice, secret or any; ``item`` is the kind of
    a list's items or a dict's values; ``choices`` are a choice's values; ``optional`` adds null.
    """

    name: str
    optional: bool = False
    item: str = "any"
    choices: tuple = ()


NONE = Kind("none")  # of the annotation None: a member of a union, no kind of its own


def kind_of_value(value: object) -> Kind:
    """The kind that a default of this value suggests."""
    for kind in (bool, int, float, str, dict):  # bool first: it is an int
        if isinstance(value, kind):
            return Kind(kind.__name__)
    if isinstance(value, list | tuple):
        return Kind("list")
    return Kind("any", optional=value is None)


def kind_of_annotation(node: ast.expr) -> Kind | None:
    """The kind that an annotation says; None if it says nothing that is known here.

    Raises `RecursionError` for one that is nested beyond reason.
    """
    kind = _kind(node)
    return Kind("any", optional=True) if kind == NONE else kind


def _kind(node: ast.expr) -> Kind | None:
    match node:
        case ast.Constant(value=value):
            return NONE if value is None else _quoted(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return Kind(NAMES[name]) if name in NAMES else None
        case ast.BinOp(op=ast.BitOr()):
            return _union([node.left, node.right])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inside):
            return _subscript(name, inside.elts if isinstance(inside, ast.Tuple) else [inside])
    return None


def _quoted(text: object) -> Kind | None:
    try:
        return _kind(ast.parse(text.strip(), mode="eval").body) if isinstance(text, str) else None
    except (SyntaxError, ValueError, MemoryError):
        return None


def _subscript(name: str, items: list[ast.expr]) -> Kind | None:
    if name == "Literal":
        return _choice(items)
    if name in ("Union", "Optional"):
        kind = _union(items)
        return replace(kind, optional=True) if name == "Optional" else kind
    if name in ("Annotated", "Final"):
        return _kind(items[0])
    kind = NAMES.get(name)
    if kind == "dict":
        return Kind("dict", item=_item(items[1:]))
    return Kind("list", item=_item(items)) if kind == "list" else None


def _item(nodes: list[ast.expr]) -> str:
    """The kind of all items, if it is one and simple: not of ``tuple[int, str]``."""
    kinds = {_kind(node) for node in nodes if not _is_ellipsis(node)}
    kind = next(iter(kinds)) if len(kinds) == 1 else None
    simple = kind and not (kind.optional or kind.choices or kind.name in ("none", "secret"))
    return kind.name if simple else "any"


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _choice(items: list[ast.expr]) -> Kind | None:
    try:
        values = [ast.literal_eval(item) for item in items]
    except (ValueError, TypeError):
        return None
    choices = tuple(value for value in values if value is not None)
    if not choices or not all(isinstance(value, str | int) for value in choices):
        return None
    return Kind("choice", optional=None in values, choices=choices)


def _union(nodes: list[ast.expr]) -> Kind:
    members = [_kind(node) or Kind("any") for node in nodes]
    kinds = [member for member in members if member != NONE]
    optional = len(kinds) < len(members) or any(member.optional for member in kinds)
    if len(kinds) == 1:
        return replace(kinds[0], optional=optional)
    if kinds and {member.name for member in kinds} <= {"int", "float"}:
        return Kind("float", optional=optional)
    return Kind("any", optional=optional)
