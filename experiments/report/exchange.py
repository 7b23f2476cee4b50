"""Puts a finished folder in another's place in one step.

Invariant: whoever looks sees the old folder or the new one, also after a kill.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2  # man 2 renameat2; Python's os module does not offer it


def exchange(new: Path, old: Path) -> None:
    """Make ``new`` be ``old``; afterwards ``new`` is what was in its place, or is not there."""
    if not old.exists():
        return new.rename(old) and None
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(old), RENAME_EXCHANGE)
    if done != 0:
        code = ctypes.get_errno()
        if code not in (errno.EINVAL, errno.ENOSYS):
            raise OSError(code, os.strerror(code), str(old))
        _exchange_in_steps(new, old)
    return None


def _exchange_in_steps(new: Path, old: Path) -> None:
    """For file systems that cannot exchange (NFS): a kill between the steps leaves neither.

    The run is then collected again, from the attempt's folder, which is removed only later.
    """
    aside = new.with_name(f"{new.name}.aside")
    old.rename(aside)
    new.rename(old)
    aside.rename(new)
