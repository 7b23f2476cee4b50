"""``record`` in a real IPython shell, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from experiments import record

MIME = "application/scrapbook.scrap.json+json"


class Scalar:
    """A NumPy number or a tensor of one element, as far as `record` looks."""

    ndim = 0

    def __init__(self, value) -> None:
        self.value = value

    def item(self):
        return self.value


@pytest.fixture
def displayed(tmp_path, monkeypatch):
    """What a shell has displayed so far."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell.instance()
    before, shell.display_pub = shell.display_pub, CapturingDisplayPublisher()
    yield shell.display_pub.outputs
    shell.display_pub = before
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0.25, 0.25),
        (3, 3),
        (True, True),
        ("adam", "adam"),
        (Fraction(1, 4), 0.25),
        (Scalar(2.5), 2.5),
        (Scalar(False), False),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_value_is_displayed_in_scrapbooks_format(displayed, value, data):
    record("accuracy", value)
    (output,) = displayed
    assert output["data"] == {
        MIME: {"name": "accuracy", "data": data, "encoder": "json", "version": 1},
        "text/plain": f"accuracy = {data}",
    }
    assert type(output["data"][MIME]["data"]) is type(data)
    assert output["metadata"]["scrapbook"]["name"] == "accuracy"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("loss", [1.0], "not list"),
        ("loss", None, "not NoneType"),
        ("loss", 1j, "not complex"),
        ("loss", Scalar(None), "not NoneType"),
        ("loss", "x" * 201, "longer than 200"),
        ("", 1, "1 to 200"),
        ("x" * 201, 1, "1 to 200"),
        (3, 1, "not 3"),
    ],
)
def test_what_is_no_metric_is_refused_and_shows_nothing(displayed, name, value, words):
    with pytest.raises(ValueError, match=words):
        record(name, value)
    assert displayed == []


def test_importing_experiments_imports_nothing_but_the_standard_library():
    code = (
        "import sys; before = set(sys.modules); import experiments\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) == {"experiments"}
