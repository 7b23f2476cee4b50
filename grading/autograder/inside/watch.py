"""Watches what student code asks of the interpreter, and refuses what only a forger needs.

Invariant: the hook cannot be taken away, and whatever it refuses it has told before. It is told
to the conductor at the latest with the next message, so that silencing the line silences the
verdict as well.
"""

from __future__ import annotations

import builtins
from _signal import signal as set_signal
from _thread import get_ident
from collections.abc import Callable
from posix import getpid
from sys import _getframe

from grading.autograder.inside.origin import acts_for_student, is_library_file

__builtins__ = dict(vars(builtins))

subclasses = type.__subclasses__
OURS = __name__.rpartition(".")[0]

REFUSED = {
    "sys._getframe": "stack-inspection",
    "sys._current_frames": "stack-inspection",
    "sys._current_exceptions": "stack-inspection",
    "gc.get_objects": "memory-search",
    "gc.get_referrers": "memory-search",
    "gc.get_referents": "memory-search",
    "sys.settrace": "trace-function",
    "sys.setprofile": "trace-function",
    "sys.addaudithook": "audit-hook",
    "marshal.loads": "made-up-code",
    "os.kill": "signals-to-processes",
    "os.killpg": "signals-to-processes",
    "os.fork": "fork",
    "os.forkpty": "fork",
}
FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
CODE = frozenset({"__code__", "__defaults__", "__kwdefaults__"})
OTHER_STACKS = frozenset({
    "_xxsubinterpreters", "_xxinterpchannels", "_interpreters", "_testcapi", "_testinternalcapi",
    "_ctypes_test", "_testmultiphase", "greenlet",
})  # fmt: skip
OF_MINE = ("mem", "environ", "fd", "fdinfo", "map_files", "syscall", "stack")
PUBLIC = ("self", "thread-self", "cpuinfo", "meminfo", "stat", "mounts", "version", "sys", "uptime",
          "loadavg", "filesystems", "net", "devices", "interrupts", "modules", "driver",
          "cgroups", "vmstat", "diskstats", "partitions", "swaps")  # fmt: skip


class Watch:
    """``seen`` is what was refused: {"name", "detail"}; ``address`` the conductor's socket."""

    def __init__(self, address: bytes) -> None:
        self.seen: list[dict] = []
        self.on = False
        self._hidden: frozenset[int] = frozenset()
        self._looking: set[int] = set()  # threads in which the hook itself asks for a frame
        self._special: dict[str, Callable[[tuple], str]] = {
            "object.__getattr__": lambda args: "stack-inspection" if args[1] in FRAMES else "",
            "object.__setattr__": lambda args: "patched-function" if args[1] in CODE else "",
            "code.__new__": lambda args: "disguised-code" if is_library_file(args[1]) else "",
            "compile": lambda args: "disguised-code" if _is_name(args[1]) else "",
            "import": lambda args: "other-stacks" if args[0] in OTHER_STACKS else "",
            "cohort.signal": lambda args: "signal-handler",
            "socket.connect": lambda args: "grader-channel" if args[1] == address else "",
        }

    def hide(self, *classes: type) -> None:
        """Leave these, and all of the grader's other classes, out of every list of subclasses."""
        todo, found = [object], [*classes]
        while todo:
            for one in subclasses(todo.pop()):
                if not issubclass(one, type):
                    todo.append(one)
                if str(one.__module__).startswith(OURS):
                    found.append(one)
        self._kept, self._hidden = found, frozenset(map(id, found))

    def hook(self, event: str, args: tuple) -> None:
        """Given to sys.addaudithook."""
        if not self.on:
            return
        name = REFUSED.get(event)
        if name is None:
            if event == "open":
                name = _reads_process(args[0])
                if name:
                    self._refuse(name, event)
                return
            special = self._special.get(event)
            name = special(args) if special else _native(event)
        if name and self._by_student():
            self._refuse(name, event)
        if event == "cohort.signal":
            args[2].append(set_signal(args[0], args[1]))
        elif event == "cohort.subclasses":
            args[1].append([one for one in subclasses(args[0]) if id(one) not in self._hidden])

    def _by_student(self) -> bool:
        me = get_ident()
        if me in self._looking:
            return False
        self._looking.add(me)
        try:
            return acts_for_student(_getframe(2))
        finally:
            self._looking.discard(me)

    def _refuse(self, name: str, event: str) -> None:
        if len(self.seen) < 100:
            self.seen.append({"name": name, "detail": event})
        raise PermissionError(f"{event} is not available while work is graded.")


def _native(event: str) -> str:
    return "native-code" if event.startswith(("ctypes.", "cffi.")) else ""


def _is_name(filename: object) -> bool:
    if type(filename) is bytes:
        filename = filename.decode("utf-8", "replace")
    return type(filename) is str and is_library_file(filename)


def _reads_process(path: object) -> str:
    """Files by which a process looks into another or into itself."""
    if type(path) is bytes:
        path = path.decode("utf-8", "replace")
    if type(path) is not str:
        return ""
    if path.startswith("/grade/order"):
        return "grader-files"
    while "//" in path:
        path = path.replace("//", "/")
    if not path.startswith("/proc/"):
        return "grader-files" if "/proc/" in path and ".." in path else ""
    parts = path.split("/")[2:]
    if ".." in parts or any(part in OF_MINE for part in parts[1:]):
        return "process-memory"
    return "" if parts[0] in (*PUBLIC, str(getpid()), "") else "process-memory"
