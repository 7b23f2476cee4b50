"""Why a container ended: one sentence for the person, the evidence for the operator's log."""

from __future__ import annotations

OPERATOR = "The lab's operator finds the details in the hub's log."
CUT_OFF = "The lab itself was restarted while this was starting. Start it again."

ENGINE_REFUSED = (
    "The container engine could not start it. Try again in a minute; if it goes on, tell the "
    "lab's operator, who finds the details in the hub's log."
)


def reason(state: dict, memory: str) -> str:
    """Return the sentence for a container's ``State`` as ``docker inspect`` gives it.

    ``memory`` is the profile's limit as people know it, ``"4G"``.
    """
    code = state.get("ExitCode")
    if state.get("OOMKilled"):
        return (
            f"It ran out of memory (the limit is {memory}) and was stopped; your files are safe. "
            "Start it again with less data in memory, or with a larger profile."
        )
    if state.get("Error"):
        return f"The container could not be started. {OPERATOR}"
    if code == 137:
        return f"It was killed from outside; your files are safe. Start it again. {OPERATOR}"
    if code in (0, 143):
        return "It was stopped; your files are safe."
    return f"It ended by itself (exit code {code}); your files are safe. {OPERATOR}"


def unused(minutes: float) -> str:
    """Sentence for a server that was stopped because nobody used it for so long."""
    return (
        f"It was stopped because nothing had run in it for {minutes:g} "
        f"minute{'' if minutes == 1 else 's'}; your files are safe."
    )


def missing_image(image: str) -> str:
    """Sentence for an image that is not on this machine."""
    return (
        f"The image {image} is not on this machine, so nothing was started. "
        "Ask the lab's operator to run `make up`."
    )
