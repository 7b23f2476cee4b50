"""What a kernel writes past the notebook goes to the container's log, without secrets.

A crash's last words come this way, and what programs that the notebook starts write to a
descriptor of their own.
"""

from __future__ import annotations

import codecs
import sys

from experiments.runner.scrub import Scrubber


class KernelLog:
    """Passes bytes on to stderr."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""

    def take(self, data: bytes) -> None:
        """Pass bytes on; none at all are the end."""
        text = self._held + self._decoder.decode(data, final=not data)
        shown, self._held = self._scrubber.split(text) if data else (self._scrubber.text(text), "")
        sys.stderr.write(shown)
        sys.stderr.flush()
