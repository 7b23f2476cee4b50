"""The glossary: every row is complete and there once; what is wrong with one is named."""

from __future__ import annotations

import pytest

from curriculum.build.glossary import GLOSSARY, problems

TEXT = GLOSSARY.read_text(encoding="utf-8")
GOOD = "| accuracy | 準確率 | Share of answers that are right | 2 |"


def test_every_row_is_complete_and_unique():
    assert problems(TEXT) == []


def test_too_few_terms_are_not_enough():
    few = "\n".join(TEXT.splitlines()[:100])
    assert any("terms, at least 120" in what for what in problems(few))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "| accuracy | 準確率 | Share of answers that are right |",
            "'accuracy' has not four cells",
        ),
        (GOOD.replace("準確率", " "), "'accuracy' has not four cells"),
        (GOOD.replace("Share of answers that are right", ""), "'accuracy' has not four cells"),
        (GOOD.replace("準確率", "hit rate"), "has no Chinese in 'hit rate'"),
        (GOOD.replace("準確率", "训练率"), "has '训', which is not written so"),
        (GOOD.replace("right", "對"), "has Chinese in an English cell"),
        (GOOD.replace("right", "right" * 20), "is explained in"),
        (GOOD.replace("| 2 |", "| 99 |"), "is at home in lesson '99'"),
        (f"{GOOD}\n{GOOD}", "'accuracy' stands twice"),
        (GOOD.replace("| accuracy", "| Ablation"), "'ablation' stands twice"),
        (GOOD.replace("準確率", "消融實驗"), "'消融實驗' stands twice"),
        (GOOD.replace("| accuracy", "| zeal"), "stands after 'zeal'"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(row, said):
    assert GOOD in TEXT
    assert any(said in what for what in problems(TEXT.replace(GOOD, row)))
