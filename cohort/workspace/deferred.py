"""Imports that happen when they are first needed, not when a server starts.

A module named to `defer` is not run when somebody imports it: ``import X`` gives a stand-in,
``from X import name`` gives a stand-in for the name. The first use of either runs the module
for real and puts the real objects where the stand-ins were. Nothing is removed: whatever asks
later finds the module as it always was, only later.

Python 3.11 has `importlib.util.LazyLoader`, but ``from X import name`` runs the module at once
there, and nearly every import of Jupyter's is of that form.
"""

from __future__ import annotations

import importlib
import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# What Python itself looks for on a module while it imports it.
IMPORT_SYSTEM = {"__path__", "__file__", "__cached__", "__loader__", "__spec__", "__package__"}

_lock = threading.RLock()
_waiting: set[str] = set()
# What a deferred module imports is imported at once: it needs it now.
_loading: list[str] = []


def defer(*names: str) -> None:
    """Run these modules at first use; one that is imported already stays as it is."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    _waiting.update(name for name in names if name not in sys.modules)


def load(name: str) -> ModuleType:
    """Run a deferred module now and return it; also the way back to ordinary imports."""
    with _lock:
        stand_in = sys.modules.get(name)
        if type(stand_in) is not StandIn:
            _waiting.discard(name)
            return importlib.import_module(name)
        _waiting.discard(name)
        del sys.modules[name]
        _loading.append(name)
        try:
            real = importlib.import_module(name)
        except BaseException:
            sys.modules[name] = stand_in
            raise
        finally:
            _loading.remove(name)
        object.__setattr__(stand_in, "_real", real)
        _put_in_place(stand_in, real)
        return real


def _put_in_place(stand_in: StandIn, real: ModuleType) -> None:
    """Replace a stand-in and its names in every module that imported them."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict) or type(module) is StandIn:
            continue
        for key, value in list(names.items()):
            if value is stand_in:
                names[key] = real
            elif type(value) in (Name, _ErrorMeta) and value._stand_in is stand_in:
                names[key] = getattr(real, value._name)


class StandIn(ModuleType):
    """What ``import X`` gives for a deferred module."""

    _real: ModuleType | None = None

    def __getattr__(self, name: str):
        if self._real is not None:
            return getattr(self._real, name)
        if name in IMPORT_SYSTEM:
            raise AttributeError(name)
        if name.startswith("__"):
            return getattr(load(self.__name__), name)
        if name.endswith(("Error", "Exception")):
            # `except X.Error:` takes nothing but a class of exceptions. Until the module is
            # loaded nothing can raise the real one, so a class that never matches is right.
            return _ErrorMeta(name, (Exception,), {"_stand_in": self, "_name": name})
        return Name(self, name)


class Name:
    """What ``from X import name`` gives: any use of it loads X and goes to the real object."""

    __slots__ = ("_name", "_stand_in")

    def __init__(self, stand_in: StandIn, name: str) -> None:
        self._stand_in, self._name = stand_in, name

    def _get(self):
        real = self._stand_in._real or load(self._stand_in.__name__)
        return getattr(real, self._name)

    def __getattr__(self, name: str):
        return getattr(self._get(), name)

    def __call__(self, *args, **kwargs):
        return self._get()(*args, **kwargs)

    def __getitem__(self, key):
        return self._get()[key]

    def __iter__(self):
        return iter(self._get())

    def __or__(self, other):
        return self._get() | other

    def __ror__(self, other):
        return other | self._get()

    def __eq__(self, other):
        return self._get() == other

    def __hash__(self):
        return hash(self._get())

    def __mro_entries__(self, bases):
        return (self._get(),)

    def __instancecheck__(self, instance):
        return isinstance(instance, self._get())

    def __subclasscheck__(self, cls):
        return issubclass(cls, self._get())


class _ErrorMeta(type):
    """Class of the stand-ins for exceptions; making one of them makes the real one."""

    def __call__(cls, *args, **kwargs):
        real = cls._stand_in._real or load(cls._stand_in.__name__)
        return getattr(real, cls._name)(*args, **kwargs)


class _Finder:
    """Finds deferred modules; stands before Python's own finders.

    Finder and loader by their methods alone: importing `importlib.abc` takes 12 ms.
    """

    def find_spec(self, fullname, path=None, target=None):
        parent = fullname.rpartition(".")[0]
        if parent and type(sys.modules.get(parent)) is StandIn and fullname not in _waiting:
            load(parent)
            return None
        if fullname not in _waiting or _loading:
            return None
        real = PathFinder.find_spec(fullname, path)
        if real is None:
            return None
        spec = ModuleSpec(
            fullname, self, origin=real.origin, is_package=bool(real.submodule_search_locations)
        )
        spec.submodule_search_locations = real.submodule_search_locations
        spec.has_location = real.has_location
        return spec

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        """Nothing yet: that is the point."""
