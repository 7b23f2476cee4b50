"""A server that ends says why: a sentence for the person, the evidence for the operator."""

from pathlib import Path

from tests.attacks.scenes import message_of, press_start, visit
from tests.kernels import Kernel
from tests.labs import docker, eventually


def server_pid(lab, account):
    """Host's process id of JupyterLab: the only child of the container's init."""
    init = docker("inspect", "--format", "{{.State.Pid}}", lab.container(account))
    return int(Path(f"/proc/{init}/task/{init}/children").read_text().split()[0])


def what_home_says(lab, account):
    """The reason on the card, once the server is gone."""
    visitor = visit(lab, "ada")
    found = eventually(
        lambda: (t := visitor.http.get(f"{lab.url}/hub/home/cards").text)
        and 'class="lab-ended"' in t and t, 40, "the card says why",
    )  # fmt: skip
    visitor.close()
    return found


def test_a_server_that_crashed_says_so(fresh):
    fresh.start("ada", "desk")
    fresh.sh("ada", f"kill -9 {fresh.sh('ada', 'pgrep -P 1')}")
    page = what_home_says(fresh, "ada")
    assert "It was killed from outside; your files are safe." in page
    assert "u-ada ended: " in fresh.hub_log()
    assert '"ExitCode": 137' in fresh.hub_log()


def test_a_server_that_ran_out_of_memory_says_so(fresh):
    fresh.start("ada", "desk")
    # The kernel picks the largest process; for this once the server is the one it prefers.
    Path(f"/proc/{server_pid(fresh, 'ada')}/oom_score_adj").write_text("1000")
    fresh.sh("ada", "python -c 'x = bytearray(3 << 30)'", check=False)
    page = what_home_says(fresh, "ada")
    assert "It ran out of memory (the limit is 1G)" in page
    assert '"OOMKilled": true' in fresh.hub_log()


def test_a_missing_image_says_what_to_do(fresh):
    ada = visit(fresh, "ada")
    page = press_start(ada, "team-apollo", "team-lost")
    assert message_of(page).startswith("The image cohort/never-built:1 is not on this machine")
    assert "make up" in message_of(page)
    assert "Image cohort/never-built:1 is missing" in fresh.hub_log()
    assert not fresh.server("team-apollo")
    ada.close()


def test_a_kernel_that_ate_all_memory_leaves_the_server_running(fresh):
    fresh.start("ada", "desk")
    kernel = Kernel(fresh, "ada")
    kernel.run("import subprocess, sys")
    printed = kernel.run(
        "done = subprocess.run([sys.executable, '-c', 'x = bytearray(3 << 30)'])\n"
        "print('ended with', done.returncode)"
    )
    assert printed == "ended with -9\n"
    assert fresh.server("ada")["ready"]
    # Which JupyterLab then says: to itself the kernel merely died.
    assert fresh.request("GET", "/user/ada/cohort/status").json()["memory"]["kills"] == 1
