"""The process that reads hostile notebooks, so that the service does not.

Invariant: it holds no secret and no open file of the service, may write no file, use no more
memory than it was given, and is nobody when the service is root. It answers one request after
another on its standard output until its standard input ends; whoever started it minds the clock.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
import time
import warnings

from experiments.errors import ExperimentError
from experiments.report.compare import compare
from experiments.report.executed import read_notebook
from experiments.report.frames import receive, send
from experiments.report.layout import lay_out
from experiments.report.verify import judge

NOBODY = 65534
MAX_REQUEST = 1 << 30


def render(notebook: bytes) -> list[bytes]:
    """Laid-out cells, with code and without."""
    read = read_notebook(notebook)
    return [lay_out(read, code=code).encode() for code in (True, False)]


def compared(one: bytes, other: bytes) -> list[bytes]:
    """Two notebooks side by side, as JSON."""
    return [_json(compare(read_notebook(one), read_notebook(other)))]


def judged(one: bytes, other: bytes, facts: bytes) -> list[bytes]:
    """What a second run says about a first, as JSON."""
    return [_json(judge(read_notebook(one), read_notebook(other), json.loads(facts)))]


def _json(value: dict) -> bytes:
    # PostgreSQL takes no NUL, and verdicts are kept in a row.
    return json.dumps(value).replace("\\u0000", "\\ufffd").encode()


ANSWERS = {"render": render, "compare": compared, "verify": judged}


def confine(memory: int) -> None:
    """Give up what is not needed to lay out a page; for good."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def answer(operation: str, blobs: list[bytes]) -> tuple[dict, list[bytes]]:
    """Do what was asked; every failure is an answer as well."""
    try:
        return {}, ANSWERS[operation](*blobs)
    except ExperimentError as e:
        return {"code": e.code, "message": str(e)}, []
    except MemoryError:
        message = "The notebook needs too much memory to be laid out: download it."
        return {"code": "notebook_too_much", "message": message}, []
    except Exception as e:
        # Whatever a library trips over in a notebook is the notebook's fault here.
        message = f"The notebook cannot be laid out ({type(e).__name__}): download it."
        return {"code": "notebook_unreadable", "message": message}, []


def main(memory: int, seconds: int) -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up among the answers
    render(b'{"cells": [{"cell_type": "code", "source": "1"}, {"cell_type": "markdown"}]}')
    confine(memory)
    send(answers, {"ready": True})
    while True:
        try:
            head, blobs = receive(requests, MAX_REQUEST)
        except EOFError:
            return
        # The service kills who is late; this is for the worker of a service that was killed.
        spent = math.ceil(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (spent + 2 * seconds, resource.RLIM_INFINITY))
        head, blobs = answer(head["operation"], blobs)
        send(answers, head, *blobs)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
