"""Ends what people who left still have: sessions, API tokens, desk, and the hub's account.

``python -m hub_config.leavers`` runs in the hub's container with a JSON list of everybody who
belongs on stdin. Invariant: it removes whoever is not in that list and nobody else, never a
team's or course's account, and no file; run again it goes on where it was cut off.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from cohort.membership import is_reserved
from cohort.secret_files import read_secrets
from cohort.settings import HUB_PORT
from cohort.settings_file import load_settings

PAGE = 200  # accounts an answer; the most that the hub gives
PATIENCE = 60.0  # seconds for a desk to stop


class Hub:
    """The hub's REST API, as the service ``roster``."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def call(self, method: str, path: str) -> tuple[int, bytes]:
        """Return status and body; raises `OSError` if the hub does not answer."""
        request = urllib.request.Request(self._url + path, method=method)  # noqa: S310
        request.add_header("Authorization", f"token {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()

    def people(self) -> set[str]:
        """Names of all accounts that are people's."""
        names: list[str] = []
        while len(names) % PAGE == 0:
            status, body = self.call("GET", f"/users?limit={PAGE}&offset={len(names)}")
            if status != 200:
                raise OSError(f"the hub answered {status}")
            page = [user["name"] for user in json.loads(body)]
            names += page
            if not page:
                break
        return {name for name in names if not is_reserved(name)}

    def remove(self, name: str) -> bool:
        """Stop a person's desk and remove the account; False if that does not come to an end."""
        end = time.monotonic() + PATIENCE
        path = f"/users/{quote(name, safe='')}"
        while time.monotonic() < end:
            # A desk that is still starting is only ended by the first of the two.
            self.call("DELETE", f"{path}/server")
            if self.call("DELETE", path)[0] in (204, 404):
                return True
            time.sleep(0.3)
        return False


def main() -> int:
    """Remove whoever is not in the list; one sentence and exit code 2 if that fails."""
    belong = set(json.load(sys.stdin))
    settings = load_settings(os.environ["COHORT_SETTINGS"])
    token = read_secrets(settings.data)["roster_token"]
    hub = Hub(f"http://{settings.network.gateway}:{HUB_PORT}/hub/api", token)
    try:
        gone = sorted(hub.people() - belong)
        with ThreadPoolExecutor(8) as pool:
            done = list(pool.map(hub.remove, gone))
    except OSError as e:
        print(f"{e}; nobody new comes in, but run `make people` again.", file=sys.stderr)
        return 2
    stay = [name for name, removed in zip(gone, done, strict=True) if not removed]
    if stay:
        print(f"{', '.join(stay)}: not stopped; run `make people` again.", file=sys.stderr)
        return 2
    json.dump(gone, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
