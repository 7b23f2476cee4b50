"""``python -m grading.service``: serve until told to stop."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from cohort.errors import CohortError
from cohort.secret_files import read_secrets
from cohort.settings import SERVICE_PORTS
from cohort.settings_file import load_settings
from grading.service.app import create_app
from grading.service.context import SERVICE, create_context, with_autograder


def main() -> int:
    """Serve on the gateway of the users' network, which the proxy reaches too."""
    logging.basicConfig(level=logging.INFO, format="[%(levelname).1s %(asctime)s] %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = load_settings(os.environ["COHORT_SETTINGS"])
    try:
        context = with_autograder(create_context(settings, read_secrets(settings.data)))
    except CohortError as e:
        print(f"cohort: {e}", file=sys.stderr)
        return 1
    uvicorn.run(
        create_app(context),
        host=settings.network.gateway,
        port=SERVICE_PORTS[SERVICE],
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        # The proxy keeps connections for later; one that we close just then is a 503 to somebody.
        timeout_keep_alive=3600,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
