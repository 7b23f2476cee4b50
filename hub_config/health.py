"""Asks the hub whether it answers; the container's health check."""

from __future__ import annotations

import os
import urllib.request

from cohort.settings import HUB_PORT
from cohort.settings_file import load_settings

if __name__ == "__main__":
    gateway = load_settings(os.environ["COHORT_SETTINGS"]).network.gateway
    urllib.request.urlopen(f"http://{gateway}:{HUB_PORT}/hub/health", timeout=4).close()
