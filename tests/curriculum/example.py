"""Tiny lessons written as text, for tests of what checks the real ones."""

from __future__ import annotations

from pathlib import Path

from curriculum.build import percent
from curriculum.build.notebooks import save

START = """
# %% [markdown]
# # 0 · Twice
# %% parameters
seed = 1  # of nothing
# %%
import sys
import matplotlib.pyplot as plt
plt.plot([1, 2, 4])
plt.show()
"""
EXERCISE = """
# %% [markdown]
# ### Exercise 1
# *Difficulty 1 of 5 · 2 minutes · 3 points*
# %% solution=twice
def twice(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
# %% tests=twice-values points=2
assert twice(2) == 4, "twice(2) is 4"
### BEGIN HIDDEN TESTS
assert twice(-3) == -6
### END HIDDEN TESTS
# %% tests=twice-words points=1
assert twice("ab") == "abab"
"""
GOOD = START + EXERCISE
BAD = (
    START
    + """
# %% id=empty
plt.subplots()
plt.show()
# %% id=white
plt.plot([1], "w,")
plt.axis("off")
plt.show()
# %% id=raises
1 / 0
# %% id=says
print("careful", file=sys.stderr)
"""
    + EXERCISE.replace("return 2 * x", "return 2 * x if x != -3 else 0").replace(
        'assert twice("ab") == "abab"', "assert twice"
    )
    + "# %%\nseed"
)
WRONG = """
[[wrong]]
exercise = "twice"
why = "squares"
loses = { twice-values = 2, twice-words = 1 }
code = "return x**2"
"""
PROOF = "[parameters]\nseed = 2\n" + WRONG
BAD_PROOF = PROOF + WRONG.replace("squares", "leaves").replace(
    "return x**2", "__import__('os')._exit(0)"
)


def write(course: Path, name: str, lesson: str = GOOD, proof: str = PROOF) -> None:
    """Write a lesson of that name, its assignment (`GOOD`, other names) and its proof sheet."""
    save(percent.read(lesson), course / f"{name}.ipynb")
    other = GOOD.replace("twice", "double")
    save(percent.read(other), course / "source" / name / f"{name}.ipynb")
    (course / "proofs").mkdir(exist_ok=True)
    (course / "proofs" / f"{name}.toml").write_text(proof, encoding="utf-8")
