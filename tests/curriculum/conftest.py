"""One container of the workspace image for all proofs, and the proofs themselves, made once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from curriculum.build import container
from curriculum.build.course import lessons
from tests.workspace import servers


@pytest.fixture(scope="session")
def box() -> Iterator[container.Box]:
    """The workspace image, running with no network, the curriculum mounted read-only."""
    with container.box(servers.image()) as one:
        yield one


@pytest.fixture(scope="session")
def proofs(box) -> dict[str, dict]:
    """What was found out about every lesson by running it."""
    return container.prove(box, [lesson.name for lesson in lessons()])
