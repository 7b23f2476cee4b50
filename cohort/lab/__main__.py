"""``python -m cohort.lab up|down|status|logs|people|password|clean``: what the Makefile calls."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab import up as lab
from cohort.lab.compose import Compose
from cohort.lab.images import ensure_images, image_names, remove_images
from cohort.lab.leavers import end_sessions_of_leavers
from cohort.lab.roster import bring_in_people, reset_password
from cohort.people import load_people
from cohort.secret_files import read_secrets
from cohort.settings_file import load_settings

START = time.monotonic()
ACTIONS = ("up", "down", "status", "logs", "people", "password", "images", "clean")


def report(text: str) -> None:
    """Print progress with the seconds since the start, at once even into a pipe."""
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="cohort.lab", description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("--settings", type=Path, default=Path("cohort.toml"))
    parser.add_argument("--people", type=Path, default=Path("people.csv"))
    parser.add_argument("--login", default="", help="whose password is set anew")
    parser.add_argument("--yes", action="store_true", help="clean without asking")
    return parser.parse_args(arguments)


def up(options: argparse.Namespace) -> int:
    """Bring the lab up and say where it is."""
    settings = lab.up(options.settings, options.people, report)
    report(f"The lab is at {settings.address.url}")
    return 0


def people(options: argparse.Namespace) -> int:
    """Bring a changed people.csv into a running lab."""
    settings = load_settings(options.settings)
    roster = load_people(options.people)
    if settings.login.provider != "bundled":
        raise CohortError("People come from the provider that [login] names; people.csv is unused.")
    compose = Compose(settings, image_names()[1])
    if not lab.is_running(settings):
        raise CohortError("The lab is down: run `make up`, which brings people.csv in too.")
    changes = bring_in_people(settings, read_secrets(settings.data), roster, compose.exec, report)
    gone = end_sessions_of_leavers(roster, compose.exec, report)
    if not changes and not gone:
        report("people.csv holds nothing new.")
    return 0


def password(options: argparse.Namespace) -> int:
    """Set a new password for one person of the bundled provider, and print it this once."""
    settings, login = load_settings(options.settings), options.login
    if not login:
        raise CohortError("Say whose password to set: `make password LOGIN=ada`.")
    if settings.login.provider != "bundled":
        raise CohortError("Passwords are the affair of the provider that [login] names: set it there.")  # noqa: E501  # fmt: skip
    if not lab.is_running(settings):
        raise CohortError("The lab is down: run `make up`, then set the password.")
    compose = Compose(settings, image_names()[1])
    what = f"Setting a password for {login}"
    new = reset_password(login, lambda line, text: compose.exec("idp", line, text, what=what))
    compose.exec("hub", ["python", "-m", "hub_config.end_sessions", login], what=what)
    print(f"New password of {login}: {new}")
    print(f"Whoever was logged in as {login} no longer is; servers and files are as they were.")
    return 0


def clean(options: argparse.Namespace) -> int:
    """Remove the lab's data and images, once a person has typed its name."""
    settings = load_settings(options.settings)
    if not options.yes:
        print(f"This removes {settings.data} with everybody's work, and the lab's images.")
        if input(f"Type {settings.lab.project} to go on: ").strip() != settings.lab.project:
            print("Nothing was changed.")
            return 1
    lab.clean(options.settings, report)
    remove_images()
    return 0


def main() -> int:
    """Run one action; an expected failure is one sentence and exit code 1."""
    options = parse(sys.argv[1:])
    actions = {
        "up": up,
        "people": people,
        "password": password,
        "clean": clean,
        "down": lambda o: lab.down(o.settings, report) or 0,
        "status": lambda o: 0 if lab.status(o.settings, print) else 3,
        "logs": lambda o: lab.logs(o.settings) or 0,
        "images": lambda o: ensure_images(report) and 0,
    }
    try:
        return actions[options.action](options)
    except CohortError as e:
        print(f"cohort: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncohort: stopped; run the same command to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
