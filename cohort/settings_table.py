"""The README's table of settings, made from the models: ``python -m cohort.settings_table``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cohort.settings import Settings
from cohort.settings_types import Model

MARK = re.compile(r"(<!-- settings -->\n).*?(<!-- /settings -->)", re.S)


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield key, default and description of every setting, in the models' order."""
    for name, field in Settings.model_fields.items():
        parts = [field.annotation, *get_args(field.annotation)]
        model = next((p for p in parts if isinstance(p, type) and issubclass(p, Model)), None)
        if model is None:
            yield name, _default(field), field.description or ""
            continue
        section = f"[[{name}]]" if get_args(field.annotation) else f"[{name}]"
        for key, inner in model.model_fields.items():
            yield f"{section} {key}", _default(inner), inner.description or ""


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "must be given"
    if value is None or value in ("", (), {}):
        return ""
    return json.dumps(list(value) if isinstance(value, tuple) else value, default=str)


def render() -> str:
    """The table in Markdown."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    lines += [
        f"| `{key}` | {f'`{default}`' if default else ''} | {text} |"
        for key, default, text in rows()
    ]
    return "\n".join(lines) + "\n"


def put_into(text: str) -> str:
    """Return a README with its table renewed."""
    return MARK.sub(lambda match: match[1] + render() + match[2], text)


if __name__ == "__main__":
    readme = Path(__file__).resolve().parents[1] / "README.md"
    readme.write_text(put_into(readme.read_text(encoding="utf-8")), encoding="utf-8")
