"""What outputs look like in Jupyter's protocol, and so in a notebook's file.

Invariant: an output that passes here makes no notebook that nbformat calls invalid. A notebook
can write what it likes to its kernel's socket.
"""

from __future__ import annotations

STREAMS = ("stdout", "stderr")
DISPLAYS = ("display_data", "execute_result", "update_display_data")


def check(kind: str, content: dict) -> None:
    """Raise ValueError if this can be no content of a message of this kind."""
    if "execution_count" in content and type(content["execution_count"]) is not int:
        raise ValueError("no count")
    if kind == "stream":
        fine = content["name"] in STREAMS and isinstance(content["text"], str)
    elif kind == "error":
        fine = (
            isinstance(content["ename"], str)
            and isinstance(content["evalue"], str)
            and are_texts(content["traceback"])
        )
    elif kind in DISPLAYS:
        fine = (
            isinstance(content["metadata"], dict)
            and isinstance(content["data"], dict)
            and all(is_data(mime, data) for mime, data in content["data"].items())
        )
    else:
        fine = True
    if not fine:
        raise ValueError(f"no {kind}")


def is_data(mime: str, data: object) -> bool:
    """True for what a MIME type may hold: text, or any JSON where its name says JSON."""
    is_json = mime == "application/json" or mime.endswith("+json")
    return is_json or isinstance(data, str) or are_texts(data)


def are_texts(value: object) -> bool:
    """True for a list of strings."""
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
