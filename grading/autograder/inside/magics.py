"""IPython's own syntax turned into Python, for cells that are not plain Python.

Invariant: a cell that Python can read is never touched. Magics become calls of the small shell
in `show`; nothing here looks at objects, so that the conductor can do it.
"""

from __future__ import annotations

import ast
import re

LINE = re.compile(r"^(\s*)(?:([\w, ]+?)\s*=\s*)?([%!]{1,2})(.*)$")
HELP = re.compile(r"^\s*\?{0,2}[\w.]+\?{1,2}\s*$")


def is_python(source: str) -> bool:
    """True if it parses, top-level ``await`` included."""
    try:
        compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def to_python(source: str) -> str:
    """The cell as Python; unchanged if it is that, or cannot be made that."""
    if is_python(source):
        return source
    if source.lstrip().startswith("%%"):
        head, _, body = source.lstrip().partition("\n")
        name, _, line = head[2:].partition(" ")
        if name in ("time", "timeit", "capture", "prun"):
            return to_python(body)
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})"
    return "\n".join(_line(line) for line in source.split("\n"))


def _line(line: str) -> str:
    if HELP.match(line):
        return ""
    found = LINE.match(line)
    if not found:
        return line
    indent, target, mark, rest = found.groups()
    if mark[0] == "!":
        call = f"get_ipython().getoutput({rest!r})" if target else f"get_ipython().system({rest!r})"
    else:
        name, _, words = rest.strip().partition(" ")
        if name in ("time", "timeit") and words and not words.startswith("-"):
            return f"{indent}{words}"
        call = f"get_ipython().run_line_magic({name!r}, {words!r})"
    return f"{indent}{target} = {call}" if target else f"{indent}{call}"
