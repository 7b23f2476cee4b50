"""Named attacks on grading, each the answer that a student hands in to one small assignment.

An attack succeeds if it earns any point, or if what is not the student's to see, or a change of
somebody else's mark, is found afterwards. None of them squares a number.
"""

from __future__ import annotations

import json

from tests.grading.judging import code, gap, locked, notebook, test

# Found in the hidden tests alone, in the tests' and neighbours' files: nobody may print it.
TOKEN = "hidden-71f3c0de"
NEIGHBOUR = "answer-of-ben-5e11"

SOURCE = notebook(
    locked("import numpy as np\ndef close(a, b):\n    assert abs(a - b) < 1e-9", "setup"),
    gap("def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION", "square"),
    test(
        "assert square(2) == 4\n### BEGIN HIDDEN TESTS\n"
        "for n, wanted in ((3, 9), (12, 144), (-5, 25)):\n"
        f"    assert square(n) == wanted, '{TOKEN}'\n### END HIDDEN TESTS",
        "exact", 3,
    ),
    test(
        "assert np.isclose(square(1.5), 2.25)\n### BEGIN HIDDEN TESTS\n"
        "assert np.isclose(square(0.25), 0.0625)\n### END HIDDEN TESTS", "near", 2,
    ),
    test("close(square(3.5), 12.25)\n### BEGIN HIDDEN TESTS\nclose(square(7.5), 56.25)\n"
         "### END HIDDEN TESTS", "helper", 2),
    test("assert all(square(n) == n * n for n in range(5))\n### BEGIN HIDDEN TESTS\n"
         "assert all(square(n) == n * n for n in range(20, 30))\n### END HIDDEN TESTS", "all", 2),
)  # fmt: skip
RIGHT = "def square(x):\n    return x * x"
WRONG = "def square(x):\n    return 4\n"
FRAME = "\n    return frame.f_globals.get('wanted', 4)"

VALUES = {
    "an object that equals everything": """
class Yes:
    def __eq__(self, other): return True
    __sub__ = __rsub__ = lambda self, other: 0
def square(x): return Yes()""",
    "a float that equals everything": """
class Yes(float):
    def __eq__(self, other): return True
def square(x): return Yes(4)""",
    "a class whose metaclass says yes": """
class Meta(type):
    def __eq__(cls, other): return True
    def __hash__(cls): return 1
class Yes(metaclass=Meta): pass
def square(x): return Yes""",
    "unittest.mock.ANY": "from unittest.mock import ANY\ndef square(x): return ANY",
    "an object in a library's name": """
class Yes:
    def __eq__(self, other): return True
Yes.__module__, Yes.__qualname__ = 'numpy', 'float64'
def square(x): return Yes()""",
}

PATCHES = {
    "numpy.isclose replaced": "np.isclose = lambda *a, **k: True\n" + WRONG,
    "numpy.isclose hollowed out":
        "inner = getattr(np.isclose, '_implementation', np.isclose)\n"
        "inner.__code__ = (lambda a, b, rtol=0, atol=0, equal_nan=False: True).__code__\n" + WRONG,
    "the name np replaced": """
class Fake:
    def __getattr__(self, name): return lambda *a, **k: True
np = Fake()
""" + WRONG,
    "numpy replaced in sys.modules": """
import sys, types
fake = types.ModuleType('numpy'); fake.isclose = lambda *a, **k: True
sys.modules['numpy'] = fake
import numpy as np
""" + WRONG,
    "the instructor's helper redefined": "def close(a, b): pass\n" + WRONG,
    "the instructor's helper hollowed out":
        "close.__code__ = (lambda a, b: None).__code__\n" + WRONG,
    "all() patched in builtins":
        "import builtins\nbuiltins.all = lambda values: True\n" + WRONG,
    "all() shadowed": "all = lambda values: True\n" + WRONG,
    "abs() patched for the helper":
        "import builtins\nbuiltins.abs = lambda value: 0\n" + WRONG,
    "range() emptied": "import builtins\nbuiltins.range = lambda *a: ()\n" + WRONG,
    "a patch made by the function that is tested": """
def square(x):
    np.isclose = lambda *a, **k: True
    import builtins
    builtins.all = lambda values: True
    return 4""",
    "the visible case answered, then a patch": """
def square(x):
    known = {2: 4, 1.5: 2.25, 3.5: 12.25, 0: 0, 1: 1, 3: 9, 4: 16}
    if x in known: return known[x]
    np.isclose = lambda *a, **k: True
    return 4""",
    "the visible case answered, and the instructor's helper hollowed out": """
def square(x):
    if x == 3.5:
        close.__code__ = (lambda a, b: None).__code__
        return 12.25
    return 4""",
}  # fmt: skip

TRANSFORMERS = {
    "an AST transformer that drops asserts": """
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Drop())
""" + WRONG,
    "an input transformer that drops asserts": """
def drop(lines): return [line.replace('assert', 'str') for line in lines]
get_ipython().input_transformers_post.append(drop)
""" + WRONG,
    "run_cell replaced": """
shell = get_ipython()
run = shell.run_cell
shell.run_cell = lambda source, *a, **k: run('', *a, **k)
""" + WRONG,
    "run_cell_async replaced": """
shell = get_ipython()
run = shell.run_cell_async
shell.run_cell_async = lambda source, *a, **k: run('', *a, **{**k, 'transformed_cell': ''})
""" + WRONG,
    "the shell's compiler replaced": """
import ast
compiler = get_ipython().compile
compiler.ast_parse = lambda *a, **k: ast.parse('')
""" + WRONG,
    "silenced tracebacks": "get_ipython().showtraceback = lambda *a, **k: None\n" + WRONG,
    "an exception handler of its own":
        "get_ipython().set_custom_exc((AssertionError,), lambda *a, **k: None)\n" + WRONG,
    "the kernel's answer replaced": """
kernel = get_ipython().kernel
async def do_execute(*a, **k):
    return {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {}}
kernel.do_execute = do_execute
""" + WRONG,
    "a partial mark in the name of the test":
        "import builtins\nbuiltins.AssertionError = type('X', (BaseException,), {})\n" + WRONG,
}  # fmt: skip

FRAMES = {
    "what is wanted, read from the globals":
        "def square(x): return globals().get('wanted', x and 4)",
    "what is wanted, by its name":
        "def square(x):\n    try: return wanted\n    except NameError: return 4",
    "what is wanted, from __main__":
        "def square(x):\n    import __main__\n    return getattr(__main__, 'wanted', 4)",
    "the caller's frame":
        "import sys\ndef square(x):\n    frame = sys._getframe(1)" + FRAME,
    "the caller's frame by inspect":
        "import inspect\ndef square(x):\n    frame = inspect.currentframe().f_back" + FRAME,
    "the caller's frame by inspect.stack":
        "import inspect\ndef square(x):\n    frame = inspect.stack()[1].frame" + FRAME,
    "the caller's frame by a traceback": """
def square(x):
    try: 1 / 0
    except ZeroDivisionError as error: frame = error.__traceback__.tb_frame.f_back""" + FRAME,
    "the caller's frame by a generator": """
def square(x):
    def steps(): yield one.gi_frame.f_back.f_back
    one = steps()
    frame = next(one)""" + FRAME,
    "the caller's frame by a signal": """
import signal
def square(x):
    found = []
    signal.signal(signal.SIGUSR1, lambda number, frame: found.append(frame))
    signal.raise_signal(signal.SIGUSR1)
    frame = found[0].f_back""" + FRAME,
    "the caller's frame by code in a library's name": """
import os
place = {}
exec(compile('import sys\\ndef up(): return sys._getframe(2)', os.__file__, 'exec'), place)
def square(x):
    frame = place['up']()""" + FRAME,
    "a trace function that leaves asserts out": """
import sys
def trace(frame, event, arg):
    if event == 'line':
        try: frame.f_lineno = frame.f_lineno + 1
        except ValueError: pass
    return trace
def square(x):
    sys.settrace(trace)
    sys._getframe(1).f_trace = trace
    return 4""",
    "a search of all objects": """
import gc
def square(x):
    for one in gc.get_objects():
        if type(one) is dict and 'wanted' in one: return one['wanted']
    return 4""",
}  # fmt: skip

PROCESSES = {
    "os._exit in a cell": "import os\nos._exit(0)",
    "os._exit while it is tested": "import os\ndef square(x): os._exit(0)",
    "sys.exit while it is tested": "import sys\ndef square(x): sys.exit(0)",
    "a fork that goes on in its place":
        "import os\ndef square(x):\n    if os.fork(): os._exit(0)\n    return 4",
    "the grader's modules patched": """
import sys
import grading
YES = {'passed': True, 'value': None, 'replaced': []}
from grading.autograder.inside import channel
for found in (channel, grading.autograder.inside.channel):
    send = found.Channel.send
    found.Channel.send = lambda self, message, send=send: send(self, {**message, **YES})
""" + WRONG,
    "the grader's classes patched": """
YES = {'passed': True, 'value': None, 'replaced': []}
todo, seen = [object], set()
while todo:
    for one in type.__subclasses__(todo.pop()):
        if one in seen or issubclass(one, type): continue
        seen.add(one); todo.append(one)
        if one.__name__ == 'Channel' and hasattr(one, 'send'):
            send = one.send
            one.send = lambda self, message, send=send: send(self, {**message, **YES})
""" + WRONG,
    "every descriptor written to": """
import os
def square(x):
    for number in range(3, 100):
        try: os.write(number, b'{"passed": true, "status": "ok"}' * 9)
        except OSError: pass
    return 4""",
    "a thread that patches later": """
import threading, time
def later():
    for _ in range(400):
        np.isclose = lambda *a, **k: True
        time.sleep(0.01)
threading.Thread(target=later).start()
""" + WRONG,
    "finalizers that raise nothing": """
class Late:
    def __del__(self): raise SystemExit(0)
def square(x): return Late() and 4""",
    "ctypes": """
import ctypes
def square(x):
    ctypes.pythonapi.PyErr_Clear()
    ctypes.memset(id(AssertionError) + 24, 0, 8)
    return 4""",
    "the grader's memory by /proc": """
import glob, os
for path in glob.glob('/proc/[0-9]*/mem'):
    try: open(path, 'r+b').read(1)
    except OSError: continue
    if str(os.getpid()) not in path: print('read', path)
""" + WRONG,
}  # fmt: skip

LOOK = """
import os
for top in ('/', ):
    for folder, below, names in os.walk(top):
        below[:] = [b for b in below if os.path.join(folder, b) not in ('/sys', '/usr', '/opt')]
        if folder == '/proc': below[:] = [b for b in below if b.isdigit()]
        for name in names:
            if not (name.endswith(ENDS)): continue
            try:
                text = open(os.path.join(folder, name), 'rb').read(1 << 22)
            except OSError: continue
            for word in (b'hidden-71f3' + b'c0de', b'answer-of-ben' + b'-5e11'):
                if word in text: print(name, text[text.index(word):][:40])
"""
THEFTS = {
    "hidden tests and neighbours in notebooks on disk": f"ENDS = '.ipynb'{LOOK}{WRONG}",
    "hidden tests in the gradebook": f"ENDS = '.db'{LOOK}{WRONG}",
    "hidden tests in the grader's own files":
        f"ENDS = ('order', 'key', 'expected', 'environ', 'cmdline', 'json'){LOOK}{WRONG}",
    "hidden tests in the memory of the process": """
import gc
def square(x):
    for one in gc.get_objects():
        if type(one) in (tuple, list, dict):
            text = str(one)[:100000]
            if 'hidden-71f3' + 'c0de' in text: print(text); break
    return 4
""",
    "hidden tests through the tests' own message": """
import sys
def square(x):
    code = sys._getframe(1).f_code
    print(code.co_consts)
    return 4""",
    "the gradebook written": """
import glob, sqlite3
TOPS = ('/dev/shm', '/grade', '/home', '/srv')
for path in [p for top in TOPS for p in glob.glob(top + '/**/gradebook.db', recursive=True)]:
    book = sqlite3.connect(path)
    book.execute('UPDATE grade SET manual_score = 9')
    book.commit()
""" + WRONG,
    "another's submission changed": """
import glob
TOPS = ('/dev/shm', '/grade', '/home', '/srv')
for path in [p for top in TOPS for p in glob.glob(top + '/**/ben/**/*.ipynb', recursive=True)]:
    try: open(path, 'w').write('{}')
    except OSError: pass
""" + WRONG,
    "the instructor's version changed": """
import glob
TOPS = ('/dev/shm', '/grade', '/home', '/srv')
for path in [p for top in TOPS for p in glob.glob(top + '/**/*.ipynb', recursive=True)]:
    try: open(path, 'w').write('{}')
    except OSError: pass
""" + WRONG,
    "the verdict's file written": """
for path in ('/grade/order', '/grade/verdict.json', '/dev/shm/verdict.json'):
    try: open(path, 'w').write('{"notebooks": {}}')
    except OSError: pass
""" + WRONG,
}  # fmt: skip

ANSWERS = {**VALUES, **PATCHES, **TRANSFORMERS, **FRAMES, **PROCESSES, **THEFTS}


def edited(source: dict, answer: str) -> dict[str, dict]:
    """Attacks by editing the notebook; a student's notebook for each."""

    def change(alter) -> dict:
        one = json.loads(json.dumps(source))
        one["cells"][1]["source"] = answer
        alter(one["cells"])
        return one

    def each_test(key: str, value) -> dict:
        def alter(cells: list) -> None:
            for cell in cells[2:]:
                cell["metadata"]["nbgrader"][key] = value

        return change(alter)

    def emptied(cells: list) -> None:
        for cell in cells[2:]:
            cell["source"] = "pass"

    return {
        "tests deleted": change(lambda cells: cells.__delitem__(slice(2, None))),
        "tests emptied": change(emptied),
        "tests doubled by empty ones": change(
            lambda cells: cells.extend(test("pass", name, 3) for name in ("exact", "near"))
        ),
        "tests made solutions": each_test("solution", True),
        "tests made ungraded": each_test("grade", False),
        "points of the tests raised": each_test("points", 100),
        "tests moved before the answer": change(lambda cells: cells.insert(0, cells.pop(2))),
        "tests of its own added": change(lambda cells: cells.append(test("pass", "more", 50))),
        "a cell that ends the process before the tests": change(
            lambda cells: cells.insert(2, code("import os\nos._exit(0)"))
        ),
    }
