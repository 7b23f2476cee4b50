"""How much output a run may still make."""

from __future__ import annotations

MOST_BYTES = 64 * 1024**2
# What an output weighs beside its content: 200,000 displays of nothing are much as well.
OVERHEAD_BYTES = 100


class Room:
    """Bytes left for the outputs of a run, and what each cell has taken of them."""

    def __init__(self) -> None:
        self._left = MOST_BYTES
        self._taken: dict[int, int] = {}

    def take(self, cell: int, size: int) -> int:
        """Take room for ``size`` bytes, or give some back; how many of them there is room for."""
        kept = min(size, max(0, self._left))
        self._left -= kept
        self._taken[cell] = self._taken.get(cell, 0) + kept
        return kept

    @property
    def is_full(self) -> bool:
        """True when nothing more can be kept."""
        return self._left <= 0

    def give_back(self, cell: int) -> None:
        """A cell's outputs were cleared."""
        self._left += self._taken.pop(cell, 0)
