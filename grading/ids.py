"""Names and ids: of submissions, of assignments, of those who hand in.

Invariant: a name that passed its check is one part of a path and of a URL, nothing more.
"""

from __future__ import annotations

import re
import secrets
from typing import Annotated

from pydantic import StringConstraints

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# nbgrader allows more; a "+" stands between names in its folders, a leading dot hides a folder.
ASSIGNMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")

AssignmentName = Annotated[str, StringConstraints(pattern=rf"^{ASSIGNMENT.pattern}$")]
# Whatever the lab's identity provider calls people; the hub's own names are no longer.
Owner = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20/\\\x7f]{1,255}$")]
# Of a submission or a job, whichever it is; what it looks like is no promise.
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,31}$")]
# What databases can store: they end at a NUL, or refuse it.
NO_NUL = r"^[^\x00]*$"
# Of a client, which makes one for each hand-in and sends it again when it tries again.
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~+/=-]{1,100}$")]


def new_submission_id() -> str:
    """An id such as ``sub-k3m9x2pqh7wa``: 58 bits, no letters that look alike."""
    return "sub-" + "".join(secrets.choice(ALPHABET) for _ in range(12))


def is_team(owner: str) -> bool:
    """Whether an owner is a team's account and not a person."""
    return owner.startswith("team-")


def title_of(owner: str) -> str:
    """What an owner is called in a sentence: ``team apollo`` for ``team-apollo``."""
    return f"team {owner.removeprefix('team-')}" if is_team(owner) else owner
