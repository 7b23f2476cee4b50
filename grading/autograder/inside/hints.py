"""What in a student's text an instructor should look at; read, never run.

Invariant: a hint takes no points away. It is there for what the watch cannot see, such as a
process that ends itself, and for what could hide anything, such as code made from text.
"""

from __future__ import annotations

import ast

from grading.autograder.inside.magics import to_python

NAMES = {
    "_exit": "process-exit", "abort": "process-exit", "raise_signal": "process-exit",
    "ast_transformers": "ast-transformer", "NodeTransformer": "ast-transformer",
    "input_transformers_cleanup": "input-transformer",
    "input_transformers_post": "input-transformer",
    "input_transformer_manager": "input-transformer",
    "showtraceback": "silenced-tracebacks", "_showtraceback": "silenced-tracebacks",
    "set_custom_exc": "silenced-tracebacks", "excepthook": "silenced-tracebacks",
    "_getframe": "stack-inspection", "currentframe": "stack-inspection",
    "f_back": "stack-inspection", "f_globals": "stack-inspection", "f_locals": "stack-inspection",
    "tb_frame": "stack-inspection", "gi_frame": "stack-inspection",
    "walk_stack": "stack-inspection",
    "settrace": "trace-function", "setprofile": "trace-function",
    "_current_frames": "stack-inspection", "get_objects": "memory-search",
    "get_referrers": "memory-search", "ctypes": "native-code", "cffi": "native-code",
    "as_strided": "native-code", "__globals__": "hidden-names", "__closure__": "hidden-names",
    "__self__": "hidden-names", "__subclasses__": "hidden-names", "__code__": "hidden-names",
    "__builtins__": "patched-builtins", "builtins": "patched-builtins",
    "__import__": "code-from-text", "exec": "code-from-text", "eval": "code-from-text",
    "importlib": "code-from-text", "marshal": "code-from-text", "fork": "fork",
    "register_at_fork": "fork", "subprocess": "starts-processes", "popen": "starts-processes",
    "system": "starts-processes", "Popen": "starts-processes", "setitimer": "signals",
    "mock": "stand-ins", "meta_path": "code-from-text",
}  # fmt: skip
# As attributes they are something else: a model's eval(), a table's.
ONLY_NAMES = frozenset({"exec", "eval"})


def read_hints(source: str) -> list[tuple[str, str]]:
    """``(name, word)`` for each suspect word, once."""
    try:
        tree = ast.parse(to_python(source))
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: dict[tuple[str, str], None] = {}
    for node in ast.walk(tree):
        for word in _words(node):
            if word in NAMES:
                found[NAMES[word], word] = None
    return list(found)


def _words(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [] if node.attr in ONLY_NAMES else [node.attr]
    if isinstance(node, ast.Import):
        return [part for alias in node.names for part in alias.name.split(".")]
    if isinstance(node, ast.ImportFrom):
        return [*(node.module or "").split("."), *(alias.name for alias in node.names)]
    # A whole text that is such a word: given to getattr, or put together from it.
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
        return [node.value] if node.value.startswith("_") else []
    return []
