"""What a workspace does not import at its start, and why.

Each entry was measured with ``python -X importtime`` on the versions in the image's lock.
`tests/workspace/test_lean.py` fails when one of them no longer saves anything or when a new
heavy module comes in.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

from cohort.workspace import deferred

# Run at first use. Milliseconds of CPU saved at the start, in brackets.
DEFERRED = (
    "aiohttp",  # [95] jupyterhub.utils names two of its exceptions
    "requests",  # [40] jupyterlab_server fetches lists of allowed extensions; we have none
    "jsonschema",  # [60] with the two after it: events, notebooks and settings are checked later
    "jupyter_events.validators",
    "jupyter_events.schema",
    "nbformat.json_compat",  # [5]
    "yaml",  # [9] schemas of events
    "babel",  # [4] names of languages
)

# jupyterhub.log and jupyterhub.scopes, which a single-user server needs for one function each,
# import the hub's own handlers and database. [450]
HUB_ONLY = (
    "sqlalchemy",
    "sqlalchemy.exc",
    "jupyterhub.orm",
    "jupyterhub.roles",
    "jupyterhub.metrics",
    "jupyterhub.handlers",
    "jupyterhub.handlers.pages",
)

# Measured with these; what is taken apart here may look different in another.
VERSIONS = {"jupyterhub": "6.1.", "jupyter_server": "2.21."}


class UnknownVersionError(Exception):
    """A package is of another version than the one this was measured with."""


def check_versions() -> None:
    """Raise `UnknownVersionError` unless the packages are those of the image's lock."""
    for package, version in VERSIONS.items():
        found = import_module(f"{package}._version").__version__
        if not found.startswith(version):
            raise UnknownVersionError(f"{package} is {found}, expected {version}*")


def apply() -> None:
    """Make the imports of this process lean; call it before any import of Jupyter's."""
    deferred.defer(*DEFERRED)
    _skip_the_hub()


def _skip_the_hub() -> None:
    """Import JupyterHub's single-user extension without the hub behind it.

    Afterwards the real modules can be imported as ever (formgrader needs SQLAlchemy).
    """
    import jupyterhub  # noqa: PLC0415

    from cohort.workspace import hub_http  # noqa: PLC0415

    sys.modules["jupyterhub.httpclient"] = hub_http
    # Its __init__ imports the older, subclassing way of doing the same. [40]
    package = ModuleType("jupyterhub.singleuser")
    package.__path__ = [f"{jupyterhub.__path__[0]}/singleuser"]
    sys.modules["jupyterhub.singleuser"] = package
    added = [name for name in HUB_ONLY if name not in sys.modules]
    sys.modules.update({name: _nothing(name) for name in added})
    try:
        import jupyterhub.singleuser.extension  # noqa: PLC0415
    finally:
        for name in added:
            del sys.modules[name]
    for name in ("orm", "roles", "metrics", "handlers"):
        vars(jupyterhub).pop(name, None)


def _nothing(name: str) -> ModuleType:
    """A module that holds the few names which the imports above ask for."""
    module = ModuleType(name)
    module.__path__ = []
    if name == "sqlalchemy.exc":
        module.SQLAlchemyError = type("SQLAlchemyError", (Exception,), {})
    if name == "jupyterhub.handlers.pages":
        module.HealthCheckHandler = type("HealthCheckHandler", (), {})
    if name == "jupyterhub.metrics":
        # Counts requests for the hub's own /metrics; jupyter_server counts ours.
        module.prometheus_log_method = lambda handler: None
    return module
