"""CDI specs: what the engine would hand out, and nothing twice."""

from __future__ import annotations

import json
import logging
import secrets
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from cohort.cdi import UnknownDeviceError, discover, resolve_devices, write_simulated
from cohort.settings import Gpus


def spec(kind: str, nodes: dict[str, list[str]]) -> dict:
    """A spec whose devices have these device nodes."""
    return {
        "cdiVersion": "0.5.0",
        "kind": kind,
        "devices": [
            {"name": name, "containerEdits": {"deviceNodes": [{"path": p} for p in paths]}}
            for name, paths in nodes.items()
        ],
    }


def write(folder: Path, name: str, content: dict | str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text)
    return folder


def qualified(*names: str) -> tuple[str, ...]:
    return tuple(f"nvidia.com/gpu={name}" for name in names)


def test_names_of_json_and_yaml_in_natural_order(tmp_path):
    write(tmp_path, "a.json", spec("nvidia.com/gpu", {"10": ["/dev/g10"], "9": ["/dev/g9"]}))
    write(tmp_path, "b.yaml", yaml.safe_dump(spec("amd.com/gpu", {"0": ["/dev/dri/card1"]})))
    write(tmp_path, "notes.txt", "no spec")
    assert discover([tmp_path]) == ("amd.com/gpu=0", *qualified("9", "10"))


def test_folders_that_are_not_there_hold_nothing(tmp_path):
    assert discover([tmp_path / "absent"]) == ()


def test_a_gpu_with_an_index_and_a_uuid_counts_once_and_all_never(tmp_path):
    nodes = {
        "GPU-5a3c1f": ["/dev/nvidia0"],
        "0": ["/dev/nvidia0"],
        "1": ["/dev/nvidia1"],
        "GPU-77aa02": ["/dev/nvidia1"],
        "all": ["/dev/nvidia0", "/dev/nvidia1"],
    }
    write(tmp_path, "nvidia.yaml", spec("nvidia.com/gpu", nodes))
    assert discover([tmp_path]) == qualified("0", "1")


def test_slices_of_one_gpu_are_devices_of_their_own(tmp_path):
    caps = "/dev/nvidia-caps/nvidia-cap"
    nodes = {
        "0:0": ["/dev/nvidia0", f"{caps}12", f"{caps}13"],
        "MIG-1": ["/dev/nvidia0", f"{caps}12", f"{caps}13"],
        "0:1": ["/dev/nvidia0", f"{caps}21", f"{caps}22"],
    }
    write(tmp_path, "nvidia.yaml", spec("nvidia.com/gpu", nodes))
    assert discover([tmp_path]) == qualified("0:0", "0:1")
    assert resolve_devices(Gpus(devices=qualified("0:0", "0:1")), [tmp_path])


def test_only_gpus(tmp_path):
    write(tmp_path, "net.json", spec("vendor.com/net", {"eth0": ["/dev/net0"]}))
    write(tmp_path, "mig.json", spec("vendor.com/mig-slice", {"a": ["/dev/m0"]}))
    assert discover([tmp_path]) == ("vendor.com/mig-slice=a",)


def test_a_later_folder_stands_in_for_an_earlier_one(tmp_path):
    etc = write(tmp_path / "etc", "a.json", spec("nvidia.com/gpu", {"0": ["/dev/a"], "1": ["/b"]}))
    run = write(tmp_path / "run", "a.json", spec("nvidia.com/gpu", {"0": ["/b"]}))
    # In the later folder 0 is the same hardware as 1: the override is what counts.
    assert discover([etc, run]) == qualified("0")
    assert discover([run, etc]) == qualified("0", "1")


def test_a_device_that_two_files_of_a_folder_define_is_nobodys(tmp_path, caplog):
    write(tmp_path, "a.json", spec("nvidia.com/gpu", {"0": ["/dev/a"], "1": ["/dev/b"]}))
    write(tmp_path, "b.json", spec("nvidia.com/gpu", {"0": ["/dev/c"]}))
    assert discover([tmp_path]) == qualified("1")
    assert "nvidia.com/gpu=0" in caplog.text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "neither JSON nor YAML"),
        ("- a list", "no cdiVersion"),
        ("", "no cdiVersion"),
        ({**spec("nvidia.com/gpu", {"0": ["/a"]}), "extra": 1}, "extra"),
        (spec("gpu", {"0": ["/a"]}), "not <vendor>/<class>"),
        (spec("9vendor/gpu", {"0": ["/a"]}), "not <vendor>/<class>"),
        (spec("nvidia.com/gpu", {}), "no devices"),
        (spec("nvidia.com/gpu", {"a b": ["/a"]}), "'a b' is not a device's name"),
        (spec("nvidia.com/gpu", {"-a": ["/a"]}), "'-a' is not a device's name"),
        (
            {"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0"}]},
            "changes nothing",
        ),
        (
            "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n"
            "devices: [{name: 0, containerEdits: {env: [A=1]}}]",
            "0 is not a device's name",
        ),
    ],
)
def test_files_that_the_engine_would_reject_are_skipped_with_a_warning(
    tmp_path, caplog, content, why
):
    write(tmp_path, "bad.yaml", content)
    write(tmp_path, "good.json", spec("nvidia.com/gpu", {"7": ["/dev/nvidia7"]}))
    with caplog.at_level(logging.WARNING):
        assert discover([tmp_path]) == qualified("7")
    assert why in caplog.text and "bad.yaml" in caplog.text


def test_two_devices_of_one_name_make_a_file_invalid(tmp_path, caplog):
    content = spec("nvidia.com/gpu", {"0": ["/dev/a"]})
    content["devices"] *= 2
    write(tmp_path, "bad.json", content)
    assert discover([tmp_path]) == ()
    assert "two devices of one name" in caplog.text


def test_what_the_settings_say(tmp_path):
    write(tmp_path, "a.json", spec("nvidia.com/gpu", {"0": ["/dev/a"], "1": ["/dev/b"]}))
    write_simulated(tmp_path / "sim.json", 2)
    assert resolve_devices(Gpus(devices="auto"), [tmp_path]) == qualified("0", "1")
    assert resolve_devices(Gpus(devices="none"), [tmp_path]) == ()
    chosen = ("sim.cohort/gpu=1", "nvidia.com/gpu=0")
    assert resolve_devices(Gpus(devices=chosen), [tmp_path]) == chosen


def test_a_listed_device_that_the_engine_does_not_know(tmp_path):
    write(tmp_path, "a.json", spec("nvidia.com/gpu", {"0": ["/dev/a"], "1": ["/dev/b"]}))
    with pytest.raises(UnknownDeviceError) as caught:
        resolve_devices(Gpus(devices=("nvidia.com/gpu=7",)), [tmp_path])
    assert str(caught.value) == (
        "cohort.toml: gpus.devices: the container engine does not know nvidia.com/gpu=7; "
        "it knows nvidia.com/gpu=0, nvidia.com/gpu=1."
    )
    with pytest.raises(UnknownDeviceError, match="no device at all"):
        resolve_devices(Gpus(devices=("nvidia.com/gpu=7",)), [tmp_path / "absent"])


@pytest.mark.parametrize("second", ["GPU-5a3c1f", "all"])
def test_a_list_with_the_same_gpu_twice(tmp_path, second):
    nodes = {"0": ["/dev/a"], "GPU-5a3c1f": ["/dev/a"], "all": ["/dev/a", "/dev/b"]}
    write(tmp_path, "a.json", spec("nvidia.com/gpu", nodes))
    with pytest.raises(UnknownDeviceError, match="are the same GPU or part of it"):
        resolve_devices(Gpus(devices=qualified("0", second)), [tmp_path])


def test_simulated_gpus_are_found_only_when_asked_for(tmp_path):
    write_simulated(tmp_path / "cdi" / "sim.json", 11)
    assert discover([tmp_path / "cdi"]) == ()
    found = discover([tmp_path / "cdi"], simulated=True)
    assert found == tuple(f"sim.cohort/gpu={i}" for i in range(11))
    assert [p.name for p in (tmp_path / "cdi").iterdir()] == ["sim.json"]


def test_the_engine_gives_a_container_its_simulated_gpu_and_no_other(tmp_path, request):
    """On the real engine: the variable, the device node, and nothing of the neighbour's."""
    image = "cohort/base:latest"
    if run("docker", "image", "inspect", image).returncode:
        pytest.fail(f"The image {image} is missing: the lab's images have not been built.")
    # A kind of its own, because a lab may be using simulated GPUs on this engine.
    kind = f"t{secrets.token_hex(4)}.cohort/gpu"
    write_simulated(tmp_path / "sim.json", 2)
    install_spec((tmp_path / "sim.json").read_text().replace("sim.cohort/gpu", kind), request)
    script = "env; ls /dev; test -c /dev/simgpu1 && echo x > /dev/simgpu1 && echo wrote"
    done = run_with_device(
        "docker", "run", "--rm", "--network=none", "--cap-drop=ALL", "--user=1000:1000",
        f"--device={kind}=1", image, "sh", "-c", script,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert "COHORT_SIM_GPU_1=1" in words and "simgpu1" in words and "wrote" in words
    assert "COHORT_SIM_GPU_0=1" not in words and "simgpu0" not in words


def install_spec(text: str, request: pytest.FixtureRequest) -> None:
    """Put a spec where the engine looks, whole at once, until the test ends."""
    path = Path("/etc/cdi", f"cohort-test-{secrets.token_hex(4)}.json")
    path.parent.mkdir(exist_ok=True)
    request.addfinalizer(lambda: path.unlink(missing_ok=True))
    path.with_suffix(".tmp").write_text(text)
    path.with_suffix(".tmp").rename(path)


def run_with_device(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a container once the engine, which watches the folder, knows the device."""
    deadline = time.monotonic() + 20
    while True:
        done = run(*command)
        if "unresolvable CDI devices" not in done.stderr or time.monotonic() > deadline:
            return done


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
