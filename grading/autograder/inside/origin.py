"""Whose code is this: the libraries' and the grader's, or the student's?

Invariant: only what lies in the folders that the container may not write counts as a library's.
Code made on the spot ("<string>") is whoever's called it.
"""

from __future__ import annotations

import builtins
import sys
from types import FunctionType

__builtins__ = dict(vars(builtins))

HEAP_TYPE = 1 << 9
FLAGS = type.__dict__["__flags__"].__get__  # past any metaclass's own
FRAMEWORKS = tuple({f"{sys.prefix}/lib/", f"{sys.base_prefix}/lib/", "/grade/files/", "<frozen "})
NEUTRAL = ("<string>", "<__array_function__", "<attrs", "<decorator", "<__main__")
# Modules that hand out what they are asked for: what they do is done by whoever called them.
HANDS_OUT = tuple(
    f"/{name}" for name in ("inspect.py", "traceback.py", "bdb.py", "pdb.py", "dis.py",
                            "logging/__init__.py", "ctypes/__init__.py", "ctypes/util.py",
                            "IPython/utils/frame.py", "runpy.py", "code.py", "codeop.py",
                            "numpy/ctypeslib/_ctypeslib.py", "numpy/ctypeslib.py", "inside/show.py")
)  # fmt: skip
IMPORTLIB = "<frozen importlib"


def is_library_file(filename: str) -> bool:
    """True for code that student code can only have run, not written."""
    return type(filename) is str and filename.startswith(FRAMEWORKS)


def acts_for_student(frame) -> bool:
    """True if what happens in this frame is the student's doing."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(NEUTRAL):
            frame = frame.f_back
        elif not is_library_file(name):
            return True
        elif name.endswith(HANDS_OUT) or name.startswith(IMPORTLIB):
            caller = frame.f_back
            return caller is not None and not is_library_file(caller.f_code.co_filename)
        else:
            return False
    return False


def is_students_function(value: object) -> bool:
    """True for a function whose code is not a library's."""
    if type(value) is not FunctionType:
        return False
    name = value.__code__.co_filename
    return not is_library_file(name) and not name.startswith(NEUTRAL)


def is_students_class(kind: type) -> bool:
    """True unless a class is a library's, where it says it is, or has nothing of a student's."""
    if not FLAGS(kind) & HEAP_TYPE:
        return False
    name, path = kind.__module__, kind.__qualname__
    if type(name) is not str or name == "__main__":
        return True
    module = sys.modules.get(name)
    origin = getattr(module, "__file__", None)
    if module is None or (origin is not None and not is_library_file(origin)):
        return True
    found: object = module
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is kind:
        return False
    return any(is_students_function(value) for value in vars(kind).values())
