"""Tests compiled so that every value that they take from student code is looked at.

Invariant: a guarded test computes what the plain one does; its lines keep their numbers.
"""

from __future__ import annotations

import ast
from types import CodeType


class Guard(ast.NodeTransformer):
    """Wraps what calls return, what is compared and what is asserted."""

    def __init__(self, name: str, modules: frozenset[str]) -> None:
        self.names = name  # of the looking function, among the builtins
        self._modules = modules  # names by which the test calls modules
        self.frozen: dict[str, str] = {}  # {name among the builtins: "np.isclose"}

    def code(self, tree: ast.AST, filename: str) -> CodeType:
        """Compile a module or an expression."""
        kind = "eval" if isinstance(tree, ast.Expression) else "exec"
        guarded = ast.fix_missing_locations(self.visit(tree))
        # optimize=0: no flag of the interpreter takes the asserts away.
        return compile(guarded, filename, kind, dont_inherit=True, optimize=0)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """What a call returns; and what is given to one that might compare it."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("super", "locals", "vars"):
            return node
        node.func = self._freeze(node.func)
        node.args = [arg if isinstance(arg, ast.Starred) else self._look(arg) for arg in node.args]
        return self._look(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Both sides."""
        self.generic_visit(node)
        node.left = self._look(node.left)
        node.comparators = [self._look(one) for one in node.comparators]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """The truth of a student's object is a student's word; messages are left alone."""
        node.test = self._look(self.visit(node.test))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Texts are for people."""
        return node

    def _freeze(self, node: ast.expr) -> ast.expr:
        """A module's function as it was before the test: what is tested might replace it."""
        path, root = [], node
        while isinstance(root, ast.Attribute):
            path.append(root.attr)
            root = root.value
        if not path or not isinstance(root, ast.Name) or root.id not in self._modules:
            return node
        dotted = ".".join([root.id, *reversed(path)])
        name = f"{self.names}_{dotted.replace('.', '_')}"
        self.frozen[name] = dotted
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def _look(self, node: ast.expr) -> ast.expr:
        if isinstance(node, (ast.Constant, ast.Compare, ast.JoinedStr, ast.Lambda)):
            return node
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == self.names:
            return node
        name = ast.copy_location(ast.Name(self.names, ast.Load()), node)
        return ast.copy_location(ast.Call(name, [node], []), node)
