"""What a notebook expects of IPython: `display`, figures, the last value, a few magics.

Invariant: nothing here is trusted or holds anything of the grader's; student code may do with
these objects what it likes. Whatever it changes in the shell is told by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode

RICH = (("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown"),
        ("_repr_latex_", "text/latex"), ("_repr_svg_", "image/svg+xml"),
        ("_repr_png_", "image/png"), ("_repr_jpeg_", "image/jpeg"))  # fmt: skip
LARGEST, MOST = 4 << 20, 200
MARK = "\x1e"  # a "record separator", which nobody prints
SUSPECT = ("ast_transformers", "input_transformers_cleanup", "input_transformers_post",
           "input_transformer_manager")  # fmt: skip


def set_handler(number: int, handler: object) -> object:
    """What stands in place of signal.signal: a handler is given frames, past any watch.

    The watch itself sets it, if a library asks; from here nothing leads to the real one.
    """
    answer: list = []
    sys.audit("cohort.signal", number, handler, answer)
    return answer[0]


def subclasses(kind: type) -> list[type]:
    """What stands in place of type.__subclasses__: it would lead to the grader's own classes."""
    answer: list = []
    sys.audit("cohort.subclasses", kind, answer)
    return answer[0]


def data_of(value: object) -> dict[str, str]:
    """A value's faces, by media type."""
    found: dict[str, str] = {}
    for method, kind in RICH:
        try:
            face = getattr(value, method)() if hasattr(type(value), method) else None
        except Exception:  # noqa: S112  as IPython does: the other faces are shown
            continue
        if isinstance(face, bytes):
            face = b64encode(face).decode()
        if isinstance(face, str) and len(face) < LARGEST:
            found[kind] = face
    try:
        found["text/plain"] = repr(value)[:LARGEST]
    except Exception as error:
        found["text/plain"] = f"<{type(value).__name__}: {type(error).__name__}>"
    return found


class Shown:
    """Collects what is displayed; figures are drawn when the cell ends.

    Where each stands among what is printed, a mark in the output says.
    """

    def __init__(self) -> None:
        self._shown: list = []

    def take(self) -> list[dict[str, str]]:
        """What was shown since last time, of plain texts alone."""
        shown, self._shown = self._shown, []
        return [{k: v for k, v in one.items() if type(k) is str and type(v) is str}
                for one in shown[:MOST] if type(one) is dict]  # fmt: skip

    def _tell(self, data: dict[str, str]) -> None:
        print(f"{MARK}{len(self._shown)}{MARK}", end="")
        self._shown.append(data)

    def display(self, *values, **_) -> None:
        """IPython's display."""
        for value in values:
            if type(value).__name__ == "Figure" and hasattr(value, "savefig"):
                self.figure(value)
            else:
                self._tell(data_of(value))

    def figure(self, figure) -> None:
        """A figure as the notebook shows it."""
        import io  # noqa: PLC0415

        file = io.BytesIO()
        figure.savefig(file, format="png", bbox_inches="tight", dpi=72)
        data = b64encode(file.getvalue()).decode()
        self._tell({"image/png": data, "text/plain": "<Figure>"})

    def figures(self) -> None:
        """Draw what is open and close it, as Jupyter does after each cell."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None or not pyplot.get_fignums():
            return
        for number in pyplot.get_fignums():
            self.figure(pyplot.figure(number))
        pyplot.close("all")


class Shell:
    """The part of IPython's shell that notebooks use."""

    def __init__(self, names: dict, display) -> None:
        self.user_ns, self.display = names, display
        self.ast_transformers: list = []
        self.input_transformers_cleanup: list = []
        self.input_transformers_post: list = []
        self.events = self
        self._first = frozenset(vars(self)) | {"_first"}

    def get(self) -> Shell:
        """What ``get_ipython()`` gives."""
        return self

    def register(self, event: str, function) -> None:
        """Of ``events``; nothing is called here."""

    def run_line_magic(self, name: str, line: str) -> object:
        """A magic of one line."""
        if name == "cd":
            os.chdir(os.path.expanduser(line.strip() or "~"))
        elif name == "pip":
            print("Packages cannot be installed while work is graded.")
        return None

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        """A magic of a whole cell."""
        if name in ("writefile", "file"):
            with open(line.rsplit(maxsplit=1)[-1], "a" if "-a" in line.split() else "w") as file:
                file.write(body)
        elif name in ("bash", "sh", "script"):
            self.system(body)

    def system(self, command: str) -> None:
        """``!command``."""
        print("\n".join(self.getoutput(command)))

    def getoutput(self, command: str) -> list[str]:
        """``x = !command``."""
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        return (done.stdout + done.stderr).splitlines()

    def changed(self) -> list[str]:
        """Names of what was hung into the shell or replaced in it."""
        found = [name for name in SUSPECT if getattr(self, name, None)]
        return found + sorted(name for name in vars(self) if name not in self._first)
