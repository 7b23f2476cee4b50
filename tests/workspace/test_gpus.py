"""What the status bar is told of a GPU."""

import asyncio

import pytest

from cohort.workspace.gpus import Gpus, label_of, parse

GIB = 2**30


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("nvidia.com/gpu=0", "GPU 0"),
        ("nvidia.com/gpu=1:0", "GPU 1:0"),
        ("sim.cohort/gpu=1", "GPU 1"),
        ("nvidia.com/gpu=GPU-5c89", "GPU-5c89"),
    ],
)
def test_label_is_what_people_call_it(name, label):
    assert label_of(name) == label


def test_parse_gives_bytes_and_shares_and_none_for_what_is_not_told():
    assert parse("1024, 81920, 45\n[N/A], 1024, [N/A]\n") == [
        (GIB, 80 * GIB, pytest.approx(0.45)),
        (None, GIB, None),
    ]


def test_simulated_devices_have_names_alone():
    assert Gpus(("sim.cohort/gpu=0",)).status() == [
        {
            "name": "sim.cohort/gpu=0",
            "label": "GPU 0",
            "memory_used": None,
            "memory_total": None,
            "utilisation": None,
        }
    ]


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Put a program of our own where ``nvidia-smi`` would be."""

    def put(script: str) -> None:
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return put


def statuses(gpus: Gpus) -> list[list[dict]]:
    """The answer before and after the tool was asked."""

    async def ask():
        before = gpus.status()
        await gpus._task
        return [before, gpus.status()]

    return asyncio.run(ask())


def test_the_tool_is_asked_in_the_background(tool):
    tool("echo 1024, 81920, 45")
    before, after = statuses(Gpus(("nvidia.com/gpu=0",)))
    assert before[0]["memory_used"] is None
    assert (after[0]["memory_used"], after[0]["memory_total"]) == (GIB, 80 * GIB)


@pytest.mark.parametrize("script", ["exit 9", "echo 1, 2, 3; echo 1, 2, 3", "echo nonsense"])
def test_a_tool_that_fails_leaves_the_names(tool, script):
    tool(script)
    _, after = statuses(Gpus(("nvidia.com/gpu=0",)))
    assert after[0]["memory_used"] is None
