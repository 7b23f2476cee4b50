"""Runs one cell in the student's namespace, as a notebook does.

Invariant: whatever a cell raises is caught here and told as three texts.
"""

from __future__ import annotations

import ast
import builtins
import linecache
import traceback

__builtins__ = dict(vars(builtins))

COROUTINE = 0x80  # CO_COROUTINE
LONGEST = 4000
OURS = __file__.rpartition("/")[0]


def run_cell(source: str, filename: str, names: dict, display) -> dict | None:
    """Run source; None, or what it raised: {"ename", "evalue", "traceback"}."""
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    try:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, filename, "exec", flags, dont_inherit=True)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _is_silent(source):
            last = ast.Expression(tree.body.pop().value)
        _run(tree, filename, "exec", names)
        if last is not None and (value := _run(last, filename, "eval", names)) is not None:
            display(value)
    except BaseException as error:
        return describe(error)
    return None


def _run(tree: ast.AST, filename: str, kind: str, names: dict) -> object:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(tree, filename, kind, flags, dont_inherit=True)
    value = eval(code, names)  # noqa: S307  running it is what this process is for
    if not code.co_flags & COROUTINE:
        return value
    import asyncio  # noqa: PLC0415  40 ms that few notebooks need

    return asyncio.run(_wait(value))


async def _wait(value):
    return await value


def _is_silent(source: str) -> bool:
    """A semicolon at the end, with which IPython shows nothing."""
    lines = [line for line in source.rstrip().splitlines() if not line.lstrip().startswith("#")]
    return bool(lines) and lines[-1].rstrip().endswith(";")


def describe(error: BaseException) -> dict:
    """An error as texts; the student's own methods may be called for that."""
    found = {"ename": type(error).__name__[:200], "evalue": "", "traceback": ""}
    try:
        found["evalue"] = str(error)[:LONGEST]
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS):
            trace = trace.tb_next
        lines = traceback.format_exception(type(error), error, trace, limit=-8)
        found["traceback"] = "".join(lines)[-2 * LONGEST :]
    except BaseException:
        return found
    return found
