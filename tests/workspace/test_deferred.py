"""Deferred imports: nothing runs before it is used, and then everything is the real thing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HEAVY = """
print("heavy runs")
class HeavyError(Exception): pass
class Base: kind = "real"
class Child(Base): pass
VALUE = {"a": 1}
def call(x): return x + 1
def fail(): raise HeavyError("no")
"""

USER = """
import heavy
from heavy import Base, HeavyError, VALUE, call, fail
def uses():
    try:
        fail()
    except HeavyError:
        return "caught"
def unrelated():
    try:
        raise KeyError
    except HeavyError:
        return "wrong"
    except KeyError:
        return "right"
"""


@pytest.fixture
def run(tmp_path):
    """Run lines in a fresh Python that defers ``heavy``; what they print."""
    (tmp_path / "heavy.py").write_text(HEAVY)
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "broken.py").write_text("raise ValueError('broken inside')")

    def run(lines: str) -> list[str]:
        start = f"""
            import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]
            from cohort.workspace.deferred import defer; defer("heavy", "broken", "absent")
            import user
        """
        code = textwrap.dedent(start) + textwrap.dedent(lines)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_importing_runs_nothing(run):
    assert run("print('imported')") == ["imported"]


@pytest.mark.parametrize(
    "use",
    [
        "user.heavy.call(1)",
        "user.call(1)",
        "user.VALUE['a']",
        "user.Base()",
        "user.Base.kind",
        "isinstance(3, user.Base)",
        "issubclass(int, user.Base)",
        "list(user.VALUE)",
        "user.Base | None",
        "class A(user.Base): pass",
        "user.HeavyError('x')",
        "import heavy; heavy.__name__; heavy.__dict__; heavy.VALUE.items()",
    ],
)
def test_any_use_runs_it_once(run, use):
    assert run(f"{use}\n{use}") == ["heavy runs"]


def test_after_the_first_use_the_importer_holds_the_real_objects(run):
    lines = run("""
        user.call(1)
        import heavy
        assert user.heavy is heavy and type(heavy).__name__ == "module"
        assert user.Base is heavy.Base and user.HeavyError is heavy.HeavyError
        assert issubclass(heavy.Child, user.Base) and user.VALUE is heavy.VALUE
    """)
    assert lines == ["heavy runs"]


def test_exceptions_are_caught_by_name_before_and_after(run):
    assert run("print(user.unrelated()); print(user.uses()); print(user.unrelated())") == [
        "right", "heavy runs", "caught", "right",
    ]  # fmt: skip


def test_a_module_that_fails_fails_as_ever_and_may_be_tried_again(run):
    lines = run("""
        import broken
        for _ in range(2):
            try:
                broken.anything.at_all
            except ValueError as e:
                print(e)
    """)
    assert lines == ["broken inside", "broken inside"]


def test_an_absent_module_is_absent_at_once(run):
    lines = run("""
        try:
            import absent
        except ModuleNotFoundError as e:
            print(e)
    """)
    assert lines == ["No module named 'absent'"]


def test_two_threads_run_it_once(run):
    lines = run("""
        import threading
        threads = [threading.Thread(target=lambda: user.call(1)) for _ in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
    """)
    assert lines == ["heavy runs"]
