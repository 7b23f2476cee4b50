"""A process that runs the student's cells, forks before tests, and in forks runs the tests.

Invariant: a verdict leaves through the channel with its hash, after the test has returned and
nowhere else; nothing that student code is handed leads to the channel.
"""

from __future__ import annotations

import _signal
import builtins
import ctypes
import gc
import os
import signal
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket
from _thread import _count as thread_count
from importlib import import_module
from marshal import loads
from sys import _current_frames
from types import ModuleType

from grading.autograder.inside.channel import KEY_BYTES, Channel
from grading.autograder.inside.origin import is_library_file
from grading.autograder.inside.pristine import Kept, Pristine
from grading.autograder.inside.run_cell import describe, run_cell
from grading.autograder.inside.show import Shell, Shown, set_handler, subclasses
from grading.autograder.inside.watch import Watch

__builtins__ = dict(vars(builtins))

fork, leave = os.fork, os._exit
SET_DUMPABLE = 4  # of prctl
INSIDE = "grading.autograder.inside."


class Child:
    """One process; a fork of it is the same object with another channel."""

    def __init__(self, start: dict) -> None:
        self._address: bytes = start["address"]
        self._pristine = Pristine(start["modules"])
        self._imports: dict = start["imports"]
        self._shadows = frozenset(start["shadows"])
        self._kept: dict[str, Kept] = {}
        values = fresh("values")
        self._looker = values.Looker(set(start["compared"]), start["mocks"])
        self._freeze = values.freeze
        self._for_tests = {**self._pristine.builtins, start["look"]: self._looker.look}
        self._watch = Watch(self._address)
        self._channel = self._connect(start["key"])
        module = ModuleType("__main__")
        sys.modules["__main__"] = module
        self._names = vars(module)
        self._shown = Shown()
        self._shell = Shell(self._names, self._shown.display)
        self._names.update(__builtins__=builtins, display=self._shown.display,
                           get_ipython=self._shell.get)  # fmt: skip
        self._out, self._err = sys.stdout, sys.stderr
        self._threads = thread_count()

    def serve(self) -> None:
        """Do what the conductor asks, until it hangs up."""
        sys.addaudithook(self._watch.hook)
        _signal.signal = signal.signal = set_handler
        self._watch.hide(Child)
        # The type's own dictionary, which Python only shows; whoever has looked in it looks anew.
        gc.get_referents(type.__dict__)[0]["__subclasses__"] = subclasses
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(type))
        self._watch.on = True
        todo = {"run": self._run, "fork": self._fork, "restore": self._restore, "test": self._test}
        while (order := self._channel.receive()) is not None:
            answer = todo[order["op"]](order)
            answer["seen"], self._watch.seen = self._watch.seen, []
            self._channel.send(answer)

    def _connect(self, key: bytes) -> Channel:
        sock = socket(AF_UNIX, SOCK_STREAM)
        sock.connect(self._address)
        if not key:  # of a fork: nobody else has this connection, so that it can come through it
            while len(key) < KEY_BYTES:
                key += sock.recv(KEY_BYTES - len(key)) or leave(1)
        return Channel(sock, key)

    def _run(self, order: dict) -> dict:
        error = run_cell(order["source"], order["file"], self._names, self._shown.display)
        try:
            self._shown.figures()
        except BaseException as failed:
            error = error or describe(failed)
        self._flush()
        for name in order["keep"]:
            if name in self._names:
                self._kept[name] = Kept(self._names[name])
        return {"error": error, "shell": self._shell.changed(), "shown": self._shown.take(),
                "threads": self._students_threads()}  # fmt: skip

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr, self._out, self._err):
            try:
                stream.flush()
            except BaseException:  # noqa: S112  the student's own stream
                continue

    def _students_threads(self) -> int:
        """Threads that still run code of the student's."""
        if thread_count() <= self._threads:
            return 0
        found = 0
        for top in _current_frames().values():
            frame = top
            while frame is not None and is_library_file(frame.f_code.co_filename):
                frame = frame.f_back
            found += frame is not None
        return found

    def _fork(self, order: dict) -> dict:
        pid = fork()
        if pid:
            return {"pid": pid}
        self._channel.sock.close()
        self._channel = self._connect(b"")
        return {"pid": 0}

    def _restore(self, order: dict) -> dict:
        """Put back what was imported, and what the instructor's cells defined."""
        gc.callbacks.clear()
        replaced = self._pristine.restore()
        for name, kept in self._kept.items():
            if self._names.get(name) is not kept.value or kept.is_altered():
                kept.restore()
                self._names[name] = kept.value
                replaced.append(name)
        for name, (module, member) in self._imports.items():
            real = self._pristine.imported(module, member)
            found = self._names.get(name, real)
            if type(real) is ModuleType and found is not real and type(found) is not ModuleType:
                self._names[name] = real
                replaced.append(name)
        return {"replaced": replaced[:50]}

    def _scope(self, order: dict) -> dict:
        """The names that a test sees.

        Its own names are not the student's to read: else a function could return what the test
        is about to compare it with. Unless the instructor's functions read them, too.
        """
        if order["shared"]:
            names = self._names
        else:
            # The names that earlier tests of this group have bound are in the scope they left.
            names = getattr(self, "_private", None) or dict(self._names)
            self._private = names
        for name in self._pristine.builtins:
            if name in names and name not in self._shadows and not name.startswith("__"):
                del names[name]
        for name, (module, member) in self._imports.items():
            real = self._pristine.imported(module, member)
            if name in names and real is not None:
                names[name] = real
        names["__builtins__"] = self._for_tests
        for name, dotted in order["frozen"].items():
            self._for_tests[name] = self._freeze(names, dotted)
        return names

    def _test(self, order: dict) -> dict:
        self._pristine.restore()  # an earlier test of this group may have called what replaces it
        codes = [loads(code) for code in order["codes"]]  # noqa: S302  from the conductor
        names = self._scope(order)
        value, answer = None, {"passed": False}
        try:
            for code in codes:
                value = eval(code, names)  # noqa: S307
        except BaseException as error:
            answer = {
                "passed": False,
                "forged": type(error) is self._looker.forged,
                "line": _line(error),
            }
            answer["error"] = describe(error)
        else:
            number = value if order["valued"] and type(value) in (int, float) else None
            # Whoever replaces a library's function while it is tested has its reasons.
            answer = {"passed": True, "value": number, "replaced": self._pristine.restore()}
        answer["threads"] = self._students_threads()
        return answer


def _line(error: BaseException) -> int:
    """The line of the test that did not hold; 0 if that cannot be told."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith("<test "):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def fresh(name: str) -> ModuleType:
    """A module of ours that shares nothing with the one that the grader itself uses.

    A test is given functions of it, and through those student code may come to its globals.
    """
    for path in [path for path in sys.modules if path.startswith(INSIDE)]:
        del sys.modules[path]
    return import_module(INSIDE + name)


def main() -> None:
    """Take what the conductor says first, and serve."""
    # No other process of this user reads our memory, or what we have open.
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)
    start = loads(sys.stdin.buffer.read())  # noqa: S302  from the conductor
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(start["folder"])
    sys.argv = [""]
    sys.path.insert(0, "/grade/files")
    one = Child(start)
    sys.path.insert(1, "")
    for path in [path for path in sys.modules if path.partition(".")[0] == "grading"]:
        del sys.modules[path]  # whoever imports these gets others than those at work
    try:
        one.serve()
    finally:
        leave(0)


if __name__ == "__main__":
    main()
