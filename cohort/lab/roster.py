"""Brings the roster into the bundled provider: one command in its container, one transaction."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.idp import CLIENT_ID
from cohort.people import Person, groups_of
from cohort.settings import Settings

Run = Callable[[list[str], str], str]
FIRST_LOGINS = "first-logins.csv"


@dataclass(frozen=True)
class Changes:
    """What a sync did, by login; ``new`` holds the first passwords and is nowhere else."""

    new: dict[str, str] = field(default_factory=dict, repr=False)
    changed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.left or self.returned)


def client_of(settings: Settings, secrets: Mapping[str, str]) -> dict:
    """The hub as the provider's client; needs the secret ``idp_client_secret``."""
    url = settings.address.url
    return {
        "id": CLIENT_ID,
        "name": settings.lab.name,
        "uri": url,
        "secret": secrets["idp_client_secret"],
        "redirect_uris": [f"{url}/hub/oauth_callback"],
        "post_logout_redirect_uris": [f"{url}/hub/login", f"{url}/hub/logout", f"{url}/"],
    }


def sync_roster(
    people: Iterable[Person], run: Run, settings: Settings, secrets: Mapping[str, str]
) -> Changes:
    """Make the provider's accounts, groups and client what the roster and the settings say.

    ``run`` executes a command in the provider's container with the given stdin and returns
    its stdout. People no longer listed are locked out at once, their accounts kept.

    Raises `CohortError` (from ``run``, or here if the answer makes no sense); nothing was
    changed then.
    """
    rows = [
        {"login": p.login, "name": p.name, "email": p.email, "groups": groups_of(p)} for p in people
    ]
    if not rows:
        raise CohortError(
            "The roster is empty, which would lock everybody out; nothing was changed."
        )
    wanted = {"people": rows, "client": client_of(settings, secrets)}
    answer = run(["python", "-m", "idp_sync"], json.dumps(wanted))
    try:
        got = json.loads(answer)
        return Changes(
            dict(got["new"]), tuple(got["changed"]), tuple(got["left"]), tuple(got["returned"])
        )
    except (ValueError, KeyError, TypeError) as e:
        raise CohortError("The identity provider gave no answer; see `make logs`.") from e


def reset_password(login: str, run: Run) -> str:
    """Give an account a new random password, end its sessions' tokens, and return it."""
    return json.loads(run(["python", "-m", "idp_sync", "reset", login], ""))["new"][login]


def keep_first_logins(data: Path, new: Mapping[str, str]) -> Path:
    """Append first passwords to ``<data>/idp/first-logins.csv``, mode 0600; returns its path."""
    path = data / "idp" / FIRST_LOGINS
    if not new:
        return path
    # The folder belongs to the provider's user: never write through a link found in it.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "a", encoding="utf-8", newline="") as file:
        os.fchmod(file.fileno(), 0o600)
        writer = csv.writer(file, lineterminator="\n")
        if os.fstat(file.fileno()).st_size == 0:
            writer.writerow(("login", "password"))
        writer.writerows(new.items())
    return path


def bring_in_people(
    settings: Settings,
    secrets: Mapping[str, str],
    people: Iterable[Person],
    execute: Callable[[str, list[str], str], str],
    report: Callable[[str], None],
) -> Changes:
    """Sync the roster, keep the first passwords, and report what changed, a line each.

    ``execute(service, command, stdin)`` runs a command in a service's container.
    """
    changes = sync_roster(people, lambda line, text: execute("idp", line, text), settings, secrets)
    path = keep_first_logins(settings.data, changes.new)
    for login, password in changes.new.items():
        report(f"First log-in: {login}  {password}")
    if changes.new:
        report(f"First passwords are kept in {path}: hand them out, then delete it.")
    for what, logins in (
        ("Changed", changes.changed), ("Came back", changes.returned), ("Locked out", changes.left),
    ):  # fmt: skip
        if logins:
            report(f"{what}: {', '.join(logins)}")
    return changes
