"""Whether figures show something."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from nbformat import NotebookNode
from PIL import Image

INK = 0.005  # share of an image that must not be background; a frame with ticks has about 0.01


def emptiness(figure: Figure) -> list[str]:
    """What is empty in a figure: all of it, or axes that show a frame and nothing in it."""
    if not figure.axes:
        return ["a figure with no axes"]
    bare = [ax for ax in figure.axes if not (ax.has_data() or ax.texts or ax.patches or ax.artists)]
    return [f"a figure with {len(bare)} empty axes"] if bare else []


def images(cell: NotebookNode) -> list[bytes]:
    """The PNG images that a cell has drawn."""
    data = [output.get("data", {}).get("image/png") for output in cell.get("outputs", [])]
    return [base64.b64decode(one) for one in data if one]


def is_blank(png: bytes) -> bool:
    """True for an image of (nearly) one colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    differs = np.abs(pixels - pixels[0, 0]).max(axis=2) > 24
    return bool(differs.mean() < INK)
