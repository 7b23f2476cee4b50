"""One provider for all of these tests, with everybody in it before each."""

from __future__ import annotations

import shutil

import pytest

from cohort.lab.idp import ensure_idp_files
from cohort.lab.images import ensure_images
from cohort.lab.run import run
from tests.idp.provider import PEOPLE, SECRETS, Provider, free_port


@pytest.fixture(scope="session")
def image() -> str:
    if not shutil.which("docker"):
        pytest.fail("these tests need a Docker engine: `make test` sets one up")
    return ensure_images(print, only=("idp",)).idp


@pytest.fixture(scope="session")
def provider(image, tmp_path_factory):
    data = tmp_path_factory.mktemp("lab")
    provider = Provider(image, data, free_port())
    ensure_idp_files(provider.settings, SECRETS)
    # The first sync comes before any server: it makes key, tables and accounts.
    first = provider.sync(how=provider.run_apart)
    assert sorted(first.new) == ["ada", "ben", "olga"] and not first.changed and not first.left
    try:
        provider.start()
        yield provider
    finally:
        run(["docker", "rm", "--force", provider.name])


@pytest.fixture
def idp(provider):
    """The provider with everybody in it, whatever the test before did."""
    if provider.holds != PEOPLE:
        provider.sync()
    yield provider
    assert "Traceback" not in provider.log(), provider.log()


@pytest.fixture
def browser(idp):
    with idp.browser() as browser:
        yield browser
