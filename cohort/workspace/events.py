"""Schemas of server events, read when the first event is checked against them.

A server registers three schemas at its start and checks each against a schema of schemas: YAML,
jsonschema and what these import, 75 ms of CPU and 9 MB for events that nobody listens to until
a page is open.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from jupyter_events.logger import EventLogger
from jupyter_events.schema_registry import SchemaRegistry
from traitlets import default

ID = re.compile(rb'^"?\$id"?:\s*"?([^\s"]+)"?\s*$', re.MULTILINE)


class LateSchema:
    """A schema file whose id is known; the rest is an `EventSchema`, made at first use."""

    def __init__(self, path: PurePath, id_: str) -> None:
        self._path, self.id, self._schema = path, id_, None

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        if self._schema is None:
            from jupyter_events.schema import EventSchema  # noqa: PLC0415

            self._schema = EventSchema(self._path)
        return getattr(self._schema, name)


class LateSchemas(SchemaRegistry):
    """The registry of `EventLogger`, which reads a file when it is needed."""

    def register(self, schema):
        """Register a schema; a file's id is found without parsing the rest of it."""
        found = ID.search(schema.read_bytes()) if isinstance(schema, PurePath) else None
        if found is None:
            return super().register(schema)
        late = LateSchema(schema, found[1].decode())
        self._add(late)
        return late


class LateEventLogger(EventLogger):
    """Jupyter's event logger with `LateSchemas`."""

    @default("schemas")
    def _default_schemas(self):
        return LateSchemas()
