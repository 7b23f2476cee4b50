"""Every setting is described, and the README's table is the one that the models give."""

from cohort.settings_table import put_into, rows
from tests.labs import ROOT


def test_every_setting_says_what_it_is():
    undescribed = [key for key, _, text in rows() if not text]
    assert undescribed == []
    assert len(list(rows())) > 40


def test_the_readme_has_the_table_of_the_code():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "`[lab] name`" in readme
    assert put_into(readme) == readme
