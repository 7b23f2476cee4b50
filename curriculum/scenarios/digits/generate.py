"""Writes the digits that scikit-learn ships as arrays: ``python generate.py FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def write(folder: Path) -> None:
    """Write ``digits.npz``: images (1797, 8, 8) from 0 to 16, and labels (1797,)."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    np.savez(folder / "digits.npz", images=images, labels=labels)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
