"""Which servers' containers run right now, by their labels; asked when the hub starts."""

from __future__ import annotations

import docker

from cohort.gpus import Holder


def live_holders(project: str) -> set[Holder]:
    """Return the holders whose containers exist in this project, running or not.

    A container that has ended still has its devices until it is removed, which the spawner
    does when it looks at it; only then is the claim released.
    """
    client = docker.from_env()
    try:
        found = client.containers.list(
            all=True, filters={"label": [f"cohort.project={project}", "cohort.kind=team"]}
        )
        return {Holder(kind="team", name=c.labels["cohort.account"]) for c in found}
    finally:
        client.close()
