"""What the status bar is told of memory."""

from cohort.workspace.memory import memory_status


def test_files_that_were_read_do_not_count_as_used(tmp_path):
    (tmp_path / "memory.current").write_text("5000\n")
    (tmp_path / "memory.stat").write_text("anon 3000\ninactive_file 1500\n")
    (tmp_path / "memory.max").write_text("8000\n")
    (tmp_path / "memory.events").write_text("low 0\noom 2\noom_kill 1\n")
    assert memory_status(tmp_path) == {"used": 3500, "limit": 8000, "kills": 1}


def test_a_machine_that_tells_nothing_gives_none(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_status(tmp_path) == {"used": None, "limit": None, "kills": None}
