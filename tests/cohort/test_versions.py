"""No lock file pins a version with a known hole; each floor says which.

A floor is the lowest version of the line we use that has the fix. Raise one when an advisory
comes out; never lower one to make a lock pass.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]

FLOORS = {
    # The hub and what its pages and log-ins go through.
    # GHSA-c4gm-pwx9-9w8j (scripts in share links) and GHSA-69wv-m5fw-2fhp (filtered admin
    # roles), mended in 5.5.1 before 6.0 came out; before them CVE-2026-54338 (a name fills the
    # log), CVE-2026-40864 (XSRF bypass), CVE-2026-33709 (open redirect).
    "jupyterhub": "6.1.1",
    # CVE-2026-33175: its Auth0 log-in believes an address that nobody has confirmed.
    "oauthenticator": "17.4.0",
    # CVE-2026-82397 (one form body stalls the server); before it CVE-2026-49853 (credentials
    # sent along on redirects), -49854 (reads past a buffer) and -49855 (unbounded gzip),
    # CVE-2026-31958 (multipart bodies of too many parts).
    "tornado": "6.5.8",
    # CVE-2026-101918 (a payload that recurses for ever) and CVE-2026-102275; before them
    # CVE-2026-48522 to -48526, among them forged tokens that were accepted.
    "pyjwt": "2.15.1",
    # CVE-2026-69247 (PKCS#7 oracle); before it CVE-2026-69248 (name constraints escaped) and
    # CVE-2026-69249 (certificate paths without end).
    "cryptography": "50.0.0",
    # CVE-2025-27516: a template leaves the sandbox.
    "jinja2": "3.1.6",
    # CVE-2026-41205 and CVE-2026-44307: templates read from outside their folder.
    "mako": "1.3.12",
    # The workspace: what shows people one another's notebooks.
    # CVE-2026-73415 and CVE-2026-73417 (scripts in images and overrides.json) and
    # GHSA-h5v5-8746-g7mm (locked plug-ins); before them CVE-2026-42557 (commands in HTML) and
    # CVE-2026-42266 (extensions that were not allowed).
    "jupyterlab": "4.6.2",
    # CVE-2026-44727 (stored scripts in converted notebooks); before it CVE-2026-35397
    # (paths), CVE-2026-40110 (origins), CVE-2026-40934 (cookies outlive a password).
    "jupyter-server": "2.20.0",
    # CVE-2026-40171 and CVE-2026-42557: scripts in notebooks.
    "notebook": "7.5.6",
    # CVE-2026-39377 and CVE-2026-39378: paths in notebooks; before them CVE-2025-53000, on
    # Windows.
    "nbconvert": "7.17.1",
    # CVE-2026-49851: Markdown, that of notebooks say, that takes all time.
    "mistune": "3.3.0",
    # CVE-2026-49476 and CVE-2026-49477: a selector that takes all memory or time.
    "soupsieve": "2.8.4",
    # No advisory: 0.9.6 is the release that our exchange and autograder were written against.
    "nbgrader": "0.9.6",
    # No advisory: 2.7.0 is the release whose engine our runner builds on.
    "papermill": "2.7.0",
    # CVE-2025-30167: on Windows, configuration read from a folder that others may write.
    "jupyter-core": "5.8.1",
    # PYSEC-2026-2253 to PYSEC-2026-2257 (fonts and images that take all memory, a command in a
    # file's name); before them CVE-2026-40192 and CVE-2026-25990.
    "pillow": "12.3.0",
    # CVE-2025-66034: a font file writes outside its folder.
    "fonttools": "4.60.2",
    # CVE-2026-4539: a lexer that takes all time.
    "pygments": "2.20.0",
    # What fetches things.
    # CVE-2026-97687 to -97689 (a proxy's TLS, a chunk without end); before them CVE-2026-44431
    # (credentials sent along on redirects), CVE-2026-44432 and CVE-2026-21441 (bombs in
    # compressed answers).
    "urllib3": "2.8.0",
    # CVE-2026-25645: a file in the temporary folder taken for its own.
    "requests": "2.33.0",
    # CVE-2026-69244 (reads past a buffer); before it CVE-2026-69243 (smuggled requests),
    # CVE-2026-59881, CVE-2026-34993 (a cookie file that runs code).
    "aiohttp": "3.14.3",
    # CVE-2026-45409: a host name that takes all time.
    "idna": "3.15",
    # CVE-2025-43859: requests smuggled in chunked bodies.
    "h11": "0.16.0",
    # CVE-2025-47273: a package index writes outside the download folder.
    "setuptools": "78.1.1",
    # The bundled identity provider.
    # No advisory: 0.3.6 is the release whose behaviour behind a proxy was tried.
    "canaille": "0.3.6",
    # CVE-2026-44681 (open redirect); before it CVE-2026-41425 (forged requests), CVE-2026-27962
    # (a key of the attacker's own choice), CVE-2026-28498 (an algorithm nobody knows).
    "authlib": "1.6.12",
    # GHSA-5jhw-7jv7-qcqq (tokens with padding); before it CVE-2026-49852 (empty keys) and
    # CVE-2026-48990 (payloads of any size).
    "joserfc": "1.7.2",
    # CVE-2026-102598; before it CVE-2026-27199, CVE-2026-21860 and CVE-2025-66221, all four the
    # names of Windows' devices.
    "werkzeug": "3.1.9",
    # CVE-2026-27205: pages of a session that a cache gives to others.
    "flask": "3.1.3",
    # CVE-2026-28684: a link in the place of .env is followed.
    "python-dotenv": "1.2.2",
}

NODE_FLOORS = {
    # No advisory: 5.3 is the line that was tried with our Node.
    "configurable-http-proxy": "5.3.0",
}

PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
LOCKS = sorted([*ROOT.glob("requirements*.txt"), *ROOT.glob("images/*/requirements.txt")])
NODE_LOCKS = sorted(ROOT.glob("images/**/package-lock.json"))


def pins(path: Path) -> list[tuple[str, Version]]:
    """Return every pin of a lock; a package may have several, one per Python version."""
    found = PIN.findall(path.read_text(encoding="utf-8"))
    return [(re.sub(r"[-_.]+", "-", name).lower(), Version(version)) for name, version in found]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_check():
    assert LOCKS
    assert {"jupyterhub", "jupyterlab", "tornado"} <= {p for lock in LOCKS for p, _ in pins(lock)}


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_no_package_is_below_its_floor(lock):
    found = pins(lock)
    assert found
    low = [
        f"{package} {version} is below {FLOORS[package]}"
        for package, version in found
        if package in FLOORS and version < Version(FLOORS[package])
    ]
    assert low == []


@pytest.mark.parametrize("lock", NODE_LOCKS, ids=name)
def test_no_node_package_is_below_its_floor(lock):
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    assert packages
    low = [
        f"{package} {entry['version']} is below {NODE_FLOORS[package]}"
        for path, entry in packages.items()
        if (package := path.rpartition("node_modules/")[2]) in NODE_FLOORS
        and Version(entry["version"]) < Version(NODE_FLOORS[package])
    ]
    assert low == []
