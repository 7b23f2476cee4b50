"""The table in the README: rows are put in, replaced and taken out one by one."""

from __future__ import annotations

from curriculum.build import table
from curriculum.build.course import HOME, lessons

ONE = str(lessons()[0].notebook.relative_to(HOME))
OTHER = str(lessons()[1].notebook.relative_to(HOME))


def test_rows_are_kept_in_order_and_rows_of_lessons_that_are_gone_go(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{table.BEGIN}{table.END}\nafter\n", encoding="utf-8")
    rows = {file: f"| [title]({file}) | < 5 s |\n" for file in (OTHER, ONE, "gone.ipynb")}
    table.keep(rows, readme)
    assert list(table.kept(readme)) == [ONE, OTHER]
    table.keep({ONE: f"| [new]({ONE}) | < 10 s |\n"}, readme)
    assert table.kept(readme) == {ONE: f"| [new]({ONE}) | < 10 s |\n", OTHER: rows[OTHER]}
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{table.BEGIN}{table.HEAD}| [new]")
    assert text.endswith(f"{table.END}\nafter\n")


def test_run_times_are_rounded_up_and_not_compared():
    assert [table.under(seconds) for seconds in (0.2, 4.8, 4.95, 12)] == [
        "< 5 s", "< 5 s", "< 10 s", "< 15 s",
    ]  # fmt: skip
    assert table.without_times("| a | < 5 s |") == table.without_times("| a | < 15 s |")
