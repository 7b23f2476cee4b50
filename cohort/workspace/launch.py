"""Starts a workspace: ``cohort-workspace`` instead of ``jupyterhub-singleuser``.

The same server with fewer imports before its first answer. If that cannot be, because another
version of JupyterHub or JupyterLab is installed than the one it was measured with, the ordinary
server starts and the log says so.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from pathlib import Path

from cohort.workspace.kinds import KINDS, SETTINGS, read_environment


def main() -> None:
    """Run the server until it is stopped."""
    kind = read_environment().kind
    if kind in KINDS:
        os.environ.setdefault("JUPYTER_CONFIG_PATH", str(SETTINGS / kind))
    # Connection files and cookie secrets are of this container and end with it: not among a
    # team's files, and not on its disk.
    os.environ.setdefault("JUPYTER_RUNTIME_DIR", f"/tmp/jupyter-{os.getuid()}")  # noqa: S108
    # A third of the collector's work at a start is on modules, which never go away. [30 ms]
    gc.disable()
    try:
        from cohort.workspace import lean  # noqa: PLC0415

        lean.check_versions()
        lean.apply()
        from cohort.workspace.server import Workspace  # noqa: PLC0415

        launch = Workspace.launch_instance
    except Exception:
        logging.getLogger("cohort").exception("Starting the ordinary JupyterHub server instead")
        launch = ordinary
    link_shared(Path.home())
    gc.enable()
    gc.freeze()
    launch(sys.argv[1:])


def link_shared(home: Path, shared: Path = Path("/srv")) -> None:
    """Show the lab's data sets, which are read-only, among the person's own files.

    Made here, as the person: a mount point below a home that people write to would be made by
    the engine as root, at a place that they can swap for a link.
    """
    link, target = home / "scenarios", shared / "scenarios"
    if target.is_dir() and not os.path.lexists(link):
        with contextlib.suppress(OSError):
            link.symlink_to(target)


def ordinary(argv: list[str]) -> None:
    """Become ``jupyterhub-singleuser``; the settings files still switch our extension on."""
    # As -m and not as a script, so that it is this Python's.
    args = [sys.executable, "-m", "jupyterhub.singleuser", *argv]
    os.execv(args[0], args)  # noqa: S606


if __name__ == "__main__":
    main()
