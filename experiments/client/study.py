"""A notebook and its folder as they are here, before anything of them is handed in.

Invariant: nothing is executed, and a `Study` has parameters that were read by the same rules as
the service's, so that what is wrong is said before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import ExperimentError
from experiments.notebooks import NOTEBOOK_BYTES, validate_notebook
from experiments.parameters import Kind, Parameter, read_parameters

KERNEL = re.compile(r"[A-Za-z0-9._-]{1,63}")


@dataclass(frozen=True)
class Study:
    """A notebook to run: its folder here, its path in it, its parameters and its kernel.

    ``snapshot`` is the hash under which the service has the folder, once it was handed in;
    ``notes`` are sentences on what was left out of it then.
    """

    folder: Path
    notebook: str
    parameters: tuple[Parameter, ...]
    kernel: str
    snapshot: str | None = None
    notes: tuple[str, ...] = ()


def read_study(notebook: str | Path, folder: str | Path | None = None) -> Study:
    """Read a notebook; ``folder`` is what its run needs, the notebook's own without one.

    Raises `ExperimentError` for what is missing, outside of the folder, or no notebook.
    """
    path = Path(notebook).expanduser()
    root = (path.parent if folder is None else Path(folder).expanduser()).resolve()
    # The last part stays as it is: a link to a notebook is called by its own name.
    place = path.parent.resolve() / path.name
    if not place.is_relative_to(root):
        raise ExperimentError(
            f"{path} is not in the folder {root}: name a folder that holds it.",
            code="notebook_missing",
        )
    content = validate_notebook(_read(path))
    return Study(
        folder=root,
        notebook=place.relative_to(root).as_posix(),
        parameters=read_parameters(content),
        kernel=_kernel(content),
    )


def told_parameters(told: Iterable[Mapping]) -> tuple[Parameter, ...]:
    """Parameters as the service tells them (the API's ``Parameter``)."""
    return tuple(
        Parameter(
            name=one["name"],
            kind=Kind(one["type"], one["optional"], choices=tuple(one["choices"])),
            default=one["default"],
            source=one["source"],
            required=one["required"],
            help=one["help"],
        )
        for one in told
    )


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ExperimentError(f"There is no notebook {path}.", code="notebook_missing")
    try:
        with path.open("rb") as file:
            # One byte more than may be: it is refused for its size, and the rest is never read.
            return file.read(NOTEBOOK_BYTES + 1)
    except OSError as error:
        raise ExperimentError(
            f"{path} cannot be read: {error.strerror or error}.", code="file_unreadable"
        ) from None


def _kernel(content: dict) -> str:
    """The kernel that the notebook names; the lab's own where it names none."""
    said = content["metadata"].get("kernelspec")
    name = said.get("name") if isinstance(said, dict) else None
    return name if isinstance(name, str) and KERNEL.fullmatch(name) else "python3"
