"""Exit code 0 if the provider answers: ``python -m idp_health``, the image's health check."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection

PATH = "/services/idp/.well-known/openid-configuration"


def healthy(port: int) -> bool:
    """True if the discovery document comes within three seconds."""
    connection = HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", PATH)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if healthy(int(os.environ["COHORT_IDP_PORT"])) else 1)
