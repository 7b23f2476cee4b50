"""A build that fails: one sentence with the cause, and everything it said in a file."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

import pytest

from cohort.errors import CohortError
from cohort.lab.images import ensure_images
from cohort.lab.run import cause_in, follow

DOCKERFILE = """
FROM {base}
ARG http_proxy
RUN echo "through $http_proxy"
RUN for i in $(seq 50); do echo "line $i"; done; echo "No matching distribution."; exit 3
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """An empty folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_failed_build_is_one_sentence_and_a_log(tmp_path, temporary):
    base = ensure_images(print, only=("idp",)).idp
    (tmp_path / "Dockerfile").write_text(DOCKERFILE.format(base=base))
    line = ["docker", "buildx", "build", "--progress", "plain", "--no-cache",
            "--build-arg", "http_proxy=http://ada:hunter2@proxy.example:3128", "-f",
            str(tmp_path / "Dockerfile"), str(temporary)]  # fmt: skip
    seen: list[str] = []
    with pytest.raises(CohortError) as e:
        follow(line, seen.append, what="Building cohort/tiny:1")
    (log,) = temporary.iterdir()
    assert sentence(e) == (
        "Building cohort/tiny:1 failed (No matching distribution): "
        f"see {log}, mend it and run this again."
    )
    text = log.read_text()
    assert text.splitlines() == seen
    assert "line 1\n" in text
    assert "exit code: 3" in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "through http://…@proxy.example:3128" in text
    assert "hunter2" not in text


def test_a_good_run_leaves_nothing(temporary):
    seen: list[str] = []
    follow(["printf", r"one\ntwo\n"], seen.append, what="Printing")
    assert seen == ["one", "two"]
    assert list(temporary.iterdir()) == []


def test_what_no_step_says_is_said_by_the_last_line(temporary):
    with pytest.raises(CohortError) as e:
        follow(["sh", "-c", "echo beginning; echo the end.; echo; exit 1"], print, what="Trying")
    assert re.match(r"Trying failed \(the end\): see \S+\.log, mend it", sentence(e))
    assert cause_in([]) == "it said nothing"
    assert cause_in(["#3 [internal] load", "#3 ERROR: no such host", "ERROR: failed"]) == (
        "ERROR: failed"
    )


def test_a_long_cause_is_cut(temporary):
    with pytest.raises(CohortError) as e:
        follow([sys.executable, "-c", "raise SystemExit('x' * 5000)"], print, what="Trying")
    assert len(sentence(e)) < 400


def test_what_is_stopped_by_hand_leaves_nothing(temporary):
    def stop(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(["sh", "-c", "echo line; exit 1"], stop, what="Trying")
    assert list(temporary.iterdir()) == []
