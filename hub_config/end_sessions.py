"""``python -m hub_config.end_sessions LOGIN`` in the hub's container: logs a person out."""

from __future__ import annotations

import os
import sys
from urllib.parse import quote

from cohort.secret_files import read_secrets
from cohort.settings import HUB_PORT
from cohort.settings_file import load_settings
from hub_config.leavers import Hub


def main() -> int:
    """Ask the hub; one sentence and exit code 2 if it does not do it."""
    settings = load_settings(os.environ["COHORT_SETTINGS"])
    token = read_secrets(settings.data)["roster_token"]
    hub = Hub(f"http://{settings.network.gateway}:{HUB_PORT}/hub/api", token)
    try:
        status, _ = hub.call("DELETE", f"/users/{quote(sys.argv[1], safe='')}/sessions")
    except OSError as e:
        status = e
    if status in (204, 404):
        return 0
    print(f"the hub answered {status}; run the same command again.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
