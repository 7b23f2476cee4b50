"""JupyterHub's configuration: load the settings, apply them, and let ``conf.d`` add to it."""

import os
import runpy
from pathlib import Path

from cohort.cdi import resolve_devices
from cohort.database import ensure_schema, open_database
from cohort.gpus import GpuLedger
from cohort.secret_files import read_secrets
from cohort.settings_file import load_settings
from hub_config.apply import apply_config
from hub_config.leftovers import live_holders

c = get_config()  # noqa: F821 - JupyterHub defines it

settings = load_settings(os.environ["COHORT_SETTINGS"])
engine = open_database(settings.database_url)
ensure_schema(engine)
spec_dirs = [Path(d) for d in os.environ["COHORT_CDI_DIRS"].split(":")]
ledger = GpuLedger(engine, resolve_devices(settings.gpus, spec_dirs))
# Claims of servers that ended while the hub was away.
ledger.reconcile(live_holders(settings.lab.project))

apply_config(
    c, settings, read_secrets(settings.data), ledger, os.environ.get("COHORT_IMAGE_TAG", "latest")
)

for extra in sorted((settings.data / "hub" / "conf.d").glob("*.py")):
    runpy.run_path(str(extra), {"c": c, "settings": settings})
