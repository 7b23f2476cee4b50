"""What the conductor reads from the instructor's version before any cell runs.

Invariant: all of it comes from the instructor's text alone, by Python's own parser, in a process
in which no student code runs.
"""

from __future__ import annotations

import ast
import builtins
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from marshal import dumps

from grading.autograder.inside.instrument import Guard
from grading.autograder.inside.magics import to_python
from grading.autograder.inside.merge import HIDDEN, Cell, is_answer

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass
class Plan:
    """``modules`` are imported before the student's code; ``imports`` is {name: (module, member)}
    of what the instructor's cells bind by import; ``defined`` are functions and classes of locked
    and test cells; ``bound`` every name that the instructor's cells without tests bind;
    ``reads`` the globals that functions of theirs read; ``compared`` classes that compare in a
    way of their own; ``look`` names the function that looks at values in tests."""

    modules: list[str] = field(default_factory=list)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    defined: list[str] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    compared: list[str] = field(default_factory=list)
    # Not two underscores first: in a class those would be another name.
    look: str = field(default_factory=lambda: f"_{secrets.token_hex(12)}")

    @property
    def shadows(self) -> list[str]:
        """Builtins that the instructor means to be redefined."""
        return sorted(self.bound & set(vars(builtins)))


def parse(source: str) -> ast.Module:
    """The cell's tree; an empty one if it cannot be read."""
    try:
        return ast.parse(to_python(source))
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], [])


def read_plan(instructor: dict) -> Plan:
    """Read the instructor's notebook."""
    plan = Plan()
    for cell in instructor["cells"]:
        if cell["cell_type"] != "code":
            continue
        tree = parse(cell["source"])
        plan.modules += _modules(tree)
        given = cell["nbgrader"]
        test = bool(given.get("grade") and not given.get("solution"))
        _imports(tree, plan)
        if not is_answer(cell):
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            plan.defined += [node.name for node in tree.body if isinstance(node, kinds)]
        if not test:
            plan.bound |= bound(tree)
            plan.reads |= _read_in_functions(tree)
            plan.compared += _compared(tree)
    plan.modules = sorted(set(plan.modules))
    return plan


def bound(tree: ast.AST) -> set[str]:
    """Names that a cell binds or deletes at its top level, or changes an item of."""
    found: set[str] = set()
    for node in _top(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            found |= _owner(node)
    return found


def _owner(node: ast.AST) -> set[str]:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def needed_before(tests: list[Cell]) -> dict[str, list[str]]:
    """For each test, earlier tests whose hidden parts bind what it reads."""
    needed: dict[str, list[str]] = {}
    hidden: dict[str, set[str]] = {}
    for cell in tests:
        tree = parse(cell.whole)
        loads = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        needed[cell.name] = [name for name, names in hidden.items() if names & loads]
        hidden[cell.name] = _hidden_names(cell)
    return needed


def _hidden_names(cell: Cell) -> set[str]:
    parts = "\n".join(found[0] for found in HIDDEN.finditer(cell.whole))
    tree = parse(parts)
    names = {alias.asname or alias.name.partition(".")[0] for node in ast.walk(tree)
             if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}  # fmt: skip
    return bound(tree) | names


def compile_test(cell: Cell, plan: Plan, *, twin: str = "") -> dict:
    """A test as the main line's forks take it; raises SyntaxError.

    ``twin`` is a text that the last line of a twin raises: a test that must not pass.
    """
    tree = ast.parse(to_python(cell.whole))
    names = bound(tree)
    if twin:
        tree.body.append(ast.parse(f"raise AssertionError({twin!r})").body[0])
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    guard = Guard(plan.look, frozenset(plan.imports) - names)
    codes = [guard.code(part, f"<test {cell.name}>") for part in (tree, last) if part is not None]
    return {"codes": [dumps(code) for code in codes], "valued": last is not None,
            "frozen": guard.frozen}  # fmt: skip


def is_shared(cell: Cell, plan: Plan) -> bool:
    """True if a test binds what functions of the instructor's read: then it runs among them."""
    return bool(bound(parse(cell.whole)) & plan.reads)


def hidden_lines(cell: Cell) -> list[tuple[int, int]]:
    """The first and last line of each hidden part, counted from 1."""
    spans = []
    for found in HIDDEN.finditer(cell.whole):
        first = cell.whole.count("\n", 0, found.start()) + 1
        spans.append((first, first + found[0].rstrip("\n").count("\n")))
    return spans


def _top(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run in the cell's own scope."""
    todo = list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            todo += ast.iter_child_nodes(node)


def _modules(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module]
    return found


def _imports(tree: ast.Module, plan: Plan) -> None:
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                plan.imports[alias.asname or module] = (module, "")
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if alias.name != "*":
                    plan.imports[alias.asname or alias.name] = (node.module, alias.name)


def _read_in_functions(tree: ast.AST) -> set[str]:
    return {node.id for function in ast.walk(tree) if isinstance(function, FUNCTIONS)
            for node in ast.walk(function) if isinstance(node, ast.Name)}  # fmt: skip


def _compared(tree: ast.AST) -> list[str]:
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
            and any(isinstance(part, ast.FunctionDef) and part.name.startswith("__")
                    and part.name != "__init__" for part in node.body)]  # fmt: skip
