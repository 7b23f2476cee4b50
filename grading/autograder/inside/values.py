"""Looks at values that student code hands to a test: are they what they say they are?

Invariant: a value is returned as it came, or `Forged` is raised; looking calls no method of a
class of the student's, but the one that is asked whether it equals something it cannot know.
"""

from __future__ import annotations

import builtins

from grading.autograder.inside.origin import is_students_class

__builtins__ = dict(vars(builtins))

PLAIN = frozenset({
    int, float, complex, bool, str, bytes, bytearray, type(None), range, slice, type(...),
    type(len), type(lambda: 0), type, type(builtins),
})  # fmt: skip
# Methods by which an object decides what a test finds out about it.
DECIDING = frozenset({
    "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__len__",
    "__contains__", "__hash__", "__float__", "__int__", "__index__", "__array__",
    "__array_ufunc__", "__array_function__", "__array_priority__", "__array_interface__",
    "__array_struct__", "__dataframe__", "__torch_function__", "__class__", "__getattribute__",
    "__getattr__", "__sub__", "__rsub__", "__abs__", "__instancecheck__", "__subclasscheck__",
    "__complex__", "__round__", "__iter__", "__getitem__",
})  # fmt: skip
STAND_INS = frozenset({"unittest.mock", "mock"})
MOST, DEEPEST = 200, 3


class Forged(AssertionError):
    """A value that would say yes to anything."""


class Looker:
    """``allowed``: names of classes whose own way of comparing the instructor asks for."""

    forged = Forged

    def __init__(self, allowed: set[str], mocks: bool) -> None:
        self._allowed, self._mocks = allowed, mocks
        self._fine = set(PLAIN)

    def look(self, value: object) -> object:
        """Return the value; raises `Forged`."""
        kind = type(value)
        if kind not in PLAIN:
            self._see(value, kind, 0)
        elif kind is type:
            self._see_class(value)
        return value

    def _see_class(self, value: type) -> None:
        meta = type(value)
        if meta is not type and is_students_class(meta):
            raise Forged(f"The class {value.__name__} decides itself what belongs to it.")

    def _see(self, value: object, kind: type, depth: int) -> None:
        if kind not in self._fine:
            self._see_kind(value, kind)
        if depth >= DEEPEST:
            return
        for one in _inside(value, kind):
            of_one = type(one)
            if of_one not in PLAIN:
                self._see(one, of_one, depth + 1)

    def _see_kind(self, value: object, kind: type) -> None:
        if issubclass(kind, type):
            if is_students_class(kind):
                raise Forged(f"A class of the kind {kind.__name__} decides what belongs to it.")
            return
        if not is_students_class(kind):
            self._see_library(value, kind)
            return
        own = {name for base in kind.__mro__ if is_students_class(base) for name in vars(base)}
        deciding = sorted(own & DECIDING - {"__hash__"})
        if deciding == ["__eq__"] and "__dataclass_fields__" in own:
            deciding = []
        if deciding and kind.__name__ not in self._allowed:
            raise Forged(f"A value of the class {kind.__name__}, which decides itself by "
                         f"{', '.join(deciding)} what is found out about it.")  # fmt: skip
        if "__eq__" in own:
            self._ask(value, kind)
            return  # asked each time: the next object of it may answer otherwise
        self._fine.add(kind)

    def _see_library(self, value: object, kind: type) -> None:
        module = kind.__module__ if type(kind.__module__) is str else ""
        if module in STAND_INS and not self._mocks:
            raise Forged(f"A stand-in ({kind.__name__} of {module}) in place of a value.")
        if module == "numpy.ma" or module.startswith("numpy.ma."):
            if bool(getattr(value, "mask", False) is not False):
                raise Forged("A masked array, of which comparisons leave out what is masked.")
            return
        self._fine.add(kind)

    def _ask(self, value: object, kind: type) -> None:
        try:
            same = kind.__eq__(value, object())
        except Exception:
            return
        if same is True or (same is not NotImplemented and same is not False and bool(same)):
            raise Forged(f"A value of the class {kind.__name__} says that it equals anything.")


def freeze(names: dict, dotted: str) -> object:
    """What a test calls as ``np.isclose``, as it is now.

    Only if each step is a module's: what stands behind ``sys.stdout`` changes, and is asked for
    when it is called.
    """
    root, *path = dotted.split(".")
    found = names.get(root)
    for part in path:
        if type(found) is not type(builtins) or not hasattr(found, part):
            return _late(names, root, path)
        found = getattr(found, part)
    return found


def _late(names: dict, root: str, path: list[str]):
    def call(*args, **kwargs):
        if root not in names:
            raise NameError(f"name '{root}' is not defined")
        found = names[root]
        for part in path:
            found = getattr(found, part)
        return found(*args, **kwargs)

    return call


def _inside(value: object, kind: type) -> list:
    if kind in (list, tuple, set, frozenset):
        return [one for one, _ in zip(value, range(MOST), strict=False)]
    if kind is dict:
        return [one for pair, _ in zip(dict.items(value), range(MOST), strict=False)
                for one in pair]  # fmt: skip
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray":
        return value.ravel()[:MOST].tolist() if value.dtype.kind == "O" else []
    if kind.__name__ in ("DataFrame", "Series", "Index") and kind.__module__.startswith("pandas"):
        return _inside_table(value)
    return []


def _inside_table(value) -> list:
    columns = [value] if not hasattr(value, "columns") else [value[c] for c in value.columns[:50]]
    found: list = []
    for column in columns:
        if str(getattr(column, "dtype", "")) == "object":
            found += list(column.to_numpy().ravel()[:MOST])
    return found
