"""What the libraries were before student code ran, and putting it back before a test.

Invariant: after `Pristine.restore` the builtins, the modules that the instructor's cells import
and the functions in them are the ones that were imported first; what was not is told by name.
"""

from __future__ import annotations

import builtins
import sys
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, ModuleType

from grading.autograder.inside.origin import (
    FLAGS,
    HEAP_TYPE,
    is_library_file,
    is_students_class,
)

__builtins__ = dict(vars(builtins))

ALWAYS = ("math", "operator", "unittest", "functools", "itertools", "collections", "random",
          "statistics", "json", "re")  # fmt: skip


class Pristine:
    """A copy of names; taken when the instructor's imports are done."""

    def __init__(self, modules: list[str]) -> None:
        for name in (*modules, *ALWAYS):
            try:
                import_module(name)
            except Exception:  # noqa: S112  the cell that needs it says so
                continue
        tops = {name.partition(".")[0] for name in (*modules, *ALWAYS)} - {"__main__"}
        self.builtins = dict(vars(builtins))
        loaded = [(k, v) for k, v in sys.modules.items() if type(v) is ModuleType]
        self.modules = {name: m for name, m in loaded if name.partition(".")[0] in tops}
        self._names = {name: {k: v for k, v in vars(module).items() if _is_tool(v)}
                       for name, module in self.modules.items()}  # fmt: skip
        self._classes = {value: dict(vars(value)) for names in self._names.values()
                         for value in names.values() if _can_change(value)}  # fmt: skip

    def restore(self) -> list[str]:
        """Put everything back; names of what had been replaced."""
        replaced: list[str] = []
        self._builtins(replaced)
        for name, module in self.modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                replaced.append(name)
            self._module(name, vars(module), replaced)
        for kind, names in self._classes.items():
            self._class(kind, names, replaced)
        return replaced

    def imported(self, module: str, member: str) -> object | None:
        """What an import of the instructor's gives; None if it gave nothing."""
        found = self.modules.get(module)
        if found is None or not member:
            return found
        return self._names[module].get(member) or self.modules.get(f"{module}.{member}")

    def _builtins(self, replaced: list[str]) -> None:
        now = vars(builtins)
        for name, value in self.builtins.items():
            if now.get(name) is not value:
                now[name] = value
                if name not in ("_", "__build_class__"):
                    replaced.append(f"builtins.{name}")

    def _module(self, module: str, now: dict, replaced: list[str]) -> None:
        for name, value in self._names[module].items():
            found = now.get(name)
            if found is not value and not _is_libraries(found, name):
                now[name] = value
                replaced.append(f"{module}.{name}")

    def _class(self, kind: type, names: dict, replaced: list[str]) -> None:
        now = vars(kind)
        if len(now) == len(names) and all(now[k] is v for k, v in names.items() if k in now):
            return
        for name, value in names.items():
            found = now.get(name)
            if found is not value and _is_tool(value) and not _is_libraries(found, name):
                type.__setattr__(kind, name, value)
                replaced.append(f"{kind.__name__}.{name}")
        for name in [k for k in now if k not in names and not _is_libraries(now[k], k)]:
            if name.startswith("__") and type(now[name]) is FunctionType:
                type.__delattr__(kind, name)
                replaced.append(f"{kind.__name__}.{name}")


class Kept:
    """A function or class that a cell of the instructor's has defined, and what is in it."""

    def __init__(self, value: object) -> None:
        self.value = value
        self._code = self._of()

    def _of(self) -> tuple:
        value = self.value
        if type(value) is FunctionType:
            return value.__code__, value.__defaults__, value.__kwdefaults__
        return tuple(vars(value).items()) if isinstance(value, type) else ()

    def is_altered(self) -> bool:
        """True if it is the same object and no longer does the same."""
        now = self._of()
        return len(now) != len(self._code) or any(
            a is not b and not (type(a) is tuple and a[0] == b[0] and a[1] is b[1])
            for a, b in zip(now, self._code, strict=False)
        )

    def restore(self) -> None:
        """Put back what was in it."""
        value = self.value
        if type(value) is FunctionType:
            value.__code__, value.__defaults__, value.__kwdefaults__ = self._code
        elif isinstance(value, type) and self.is_altered():
            for name, item in self._code:
                if name not in ("__dict__", "__weakref__"):
                    type.__setattr__(value, name, item)


def _is_tool(value: object) -> bool:
    return type(value) is not ModuleType and callable(value)


def _can_change(value: object) -> bool:
    return isinstance(value, type) and bool(FLAGS(value) & HEAP_TYPE)


def _is_libraries(value: object, name: str) -> bool:
    """True for what a library may have put there itself, as some do when they are used first."""
    if type(value) is FunctionType:
        return is_library_file(value.__code__.co_filename) and value.__name__ == name
    if type(value) is BuiltinFunctionType:
        return value.__name__ == name
    if isinstance(value, type):
        return not is_students_class(value) and value.__name__ == name
    return False
