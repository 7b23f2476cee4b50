"""Asks the service whether it answers; the container's health check."""

from __future__ import annotations

import os
import urllib.request

from cohort.settings import SERVICE_PORTS
from cohort.settings_file import load_settings

if __name__ == "__main__":
    gateway = load_settings(os.environ["COHORT_SETTINGS"]).network.gateway
    url = f"http://{gateway}:{SERVICE_PORTS['grading']}/services/grading/health"
    urllib.request.urlopen(url, timeout=4).close()
