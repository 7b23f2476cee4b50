"""What jupyter-scheduler's panel offers: one environment, its two kinds of hardware, its files.

Invariant: nothing is offered that the service could not do.
"""

from __future__ import annotations

import os

from jupyter_scheduler.environments import EnvironmentManager
from jupyter_scheduler.models import JobFeature, RuntimeEnvironment

# Kind of file -> its name among what is kept of a run, and what the panel calls it.
FILES = {"ipynb": ("notebook.ipynb", "Notebook"), "html": ("report.html", "Report")}
CPU, GPU = "CPU", "GPU"
CAN = (
    JobFeature.job_name, JobFeature.parameters, JobFeature.output_formats,
    JobFeature.job_definition, JobFeature.tags, JobFeature.stop_job,
)  # fmt: skip


def untagged(image: str) -> str:
    """An image's name without its version: a job of last month can be created again."""
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return folder + slash + name.partition(":")[0]


# DockerSpawner's word for the image that this server runs from.
IMAGE = untagged(os.environ.get("JUPYTER_IMAGE_SPEC") or "workspace")


class WorkspaceEnvironment(EnvironmentManager):
    """The workspace's image: runs have the packages that people have here."""

    def list_environments(self) -> list[RuntimeEnvironment]:
        """The one; the panel looks environments up by name and by label, so both are equal."""
        environment = RuntimeEnvironment(
            name=IMAGE,
            label=IMAGE,
            description="The image of this workspace",
            file_extensions=["ipynb"],
            output_formats=list(FILES),
            compute_types=[CPU, GPU],
            default_compute_type=CPU,
            utc_only=False,
        )
        return [environment]

    def manage_environments_command(self) -> str:
        """There is none."""
        return ""

    def output_formats_mapping(self) -> dict[str, str]:
        """What the panel calls the files."""
        return {kind: title for kind, (_, title) in FILES.items()}


class Features:
    """Stands for an execution manager, of which the panel's server asks for nothing else."""

    def supported_features(self) -> dict[JobFeature, bool]:
        """Which of the features that jupyter-scheduler knows there are."""
        return {feature: feature in CAN for feature in JobFeature}
