"""What the status bar is told of memory."""

import json

import pytest

from cohort.workspace.memory import V1, V2, memory_status
from tests.workspace.servers import python


@pytest.mark.parametrize("names", [V1, V2])
def test_files_that_were_read_do_not_count_as_used(tmp_path, names):
    used, limit, details, ends, given_up = names
    (tmp_path / used).parent.mkdir(exist_ok=True)
    (tmp_path / used).write_text("5000\n")
    (tmp_path / limit).write_text("8000\n")
    (tmp_path / details).write_text(f"rss 3000\n{given_up} 1500\n")
    (tmp_path / ends).write_text("low 0\noom_kill 1\n")
    assert memory_status(tmp_path) == {"used": 3500, "limit": 8000, "kills": 1}


def test_a_machine_that_tells_nothing_gives_none(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_status(tmp_path) == {"used": None, "limit": None, "kills": None}


def test_a_container_counts_what_its_limit_ended():
    found = python(
        "import json, subprocess, sys\n"
        "from cohort.workspace.memory import memory_status\n"
        "subprocess.run([sys.executable, '-c', 'x = bytearray(300 << 20)'])\n"
        "print(json.dumps(memory_status()))",
        "--memory=200m", "--memory-swap=200m",
    )  # fmt: skip
    status = json.loads(found)
    assert status["limit"] == 200 << 20
    assert 0 < status["used"] < 100 << 20
    assert status["kills"] == 1
