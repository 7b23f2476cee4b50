"""A run as an RO-Crate: a zip that says in a standard way what was run, by whom, with what.

Invariant: a crate is made from the record and the files alone, asks nobody, holds no more of a
file in memory than a piece of it, and is there whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from experiments.report.crate_entities import describe

METADATA = "ro-crate-metadata.json"
PIECE = 1 << 20


@dataclass(frozen=True)
class Contents:
    """The files of a crate: ``files`` are paths beneath ``kept``, ``sources`` in the snapshot."""

    kept: Path
    files: Sequence[str]
    sources: Sequence[str]
    open_source: Callable[[str], BinaryIO]


def write_crate(target: Path, record: dict, contents: Contents) -> None:
    """Write the crate of the run with this provenance record, in place of what was there."""
    sources, files = sorted(contents.sources), sorted(contents.files)
    metadata = describe(record, files, sources).metadata.generate()
    beside = target.with_name(f".{target.name}.new")
    try:
        # Not by rocrate's own writer: it gives an empty file the name of its URL.
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(METADATA, json.dumps(metadata, indent=1))
            for path in sources:
                with contents.open_source(path) as source:
                    _copy(archive, f"snapshot/{path}", source)
            for path in files:
                with open(contents.kept / path, "rb") as source:
                    _copy(archive, path, source)
        beside.rename(target)
    finally:
        beside.unlink(missing_ok=True)


def _copy(archive: zipfile.ZipFile, name: str, source: BinaryIO) -> None:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, PIECE)
