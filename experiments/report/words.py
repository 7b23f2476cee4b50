"""How values of a provenance record are written on a page, as plain text."""

from __future__ import annotations

import json
from datetime import UTC, datetime

LONGEST = 500  # characters of a value on a page; the record itself has all of it


def moment(iso: str) -> str:
    """A time as people read it, in UTC: 24 November 2026, 02:00 UTC."""
    at = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.8 s, 12 s, 3 min 5 s, 2 h 4 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def short(value: object) -> str:
    """A metric in at most six digits; the page has the whole value beside it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return _cut(str(value), 60)


def literal(value: object) -> str:
    """A parameter's value as JSON writes it, strings without their quotes."""
    return _cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def provenance_rows(record: dict) -> list[tuple[str, str]]:
    """Label and value of what a report says about where it comes from, nothing empty."""
    run, machine, environment = record["run"], record["machine"], record["environment"]
    limits, git = record["limits"], record["git"] or {}
    rows = [
        ("Run", f"{run['id']}, attempt {run['attempt']}"),
        ("Snapshot", record["snapshot"]["hash"]),
        ("Notebook SHA-256", record["notebook"]["sha256"]),
        ("Git commit", git.get("commit")),
        ("Git patch, SHA-256", git.get("patch_sha256")),
        ("Image", record["image"]["name"]),
        ("Image digest", record["image"]["digest"]),
        ("Seed", record["seed"]),
        ("Python", environment["python"]),
        ("Packages", f"{len(environment['packages'])}, listed in the record"),
        ("CPU", machine["cpu"]),
        ("GPU", ", ".join(machine["gpu"])),
        ("Driver", machine["driver"]),
        ("Devices", ", ".join(machine["devices"])),
        ("Limits", f"{limits['cpus']:g} CPUs, {limits['memory_bytes'] / 2**30:.3g} GiB memory, "
                   f"{limits['gpus']} GPUs, {duration(limits['time_limit_s'])}"),
        ("Input data", ", ".join(i["path"] for i in record["inputs"])),
        ("Not kept", "; ".join(record["left_out"])),
        ("Asked for", moment(record["times"]["asked"])),
    ]  # fmt: skip
    return [(label, _cut(str(value))) for label, value in rows if value not in ("", None)]


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
