"""Nobody of another team sees, starts, opens or reaches a team's workspace."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from hub_config.apply import HUB_PORT
from tests.attacks.scenes import KNOCK, ask, knock, message_of, own_token, press_start, visit
from tests.labs import Lab, docker, eventually
from tests.visitors import Visitor

APOLLO = "/hub/api/users/team-apollo"
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
# What a member may do with a running workspace: request, and extra headers. None of it stops it.
DOORS = [
    ("GET", "/hub/spawn/team-apollo", {}),
    ("POST", "/hub/spawn/team-apollo", {}),
    ("GET", "/hub/spawn-pending/team-apollo", {}),
    ("GET", "/hub/user/team-apollo/lab", {}),
    ("GET", "/user/team-apollo/lab", {}),
    ("GET", "/user/team-apollo/api/kernels", {}),
    ("GET", "/user/team-apollo/api/contents/plan.txt", {}),
    ("GET", "/user/team-apollo/files/plan.txt", {}),
    ("GET", "/user/team-apollo/api/events/subscribe", UPGRADE),
]
API = [
    ("GET", APOLLO),
    ("GET", f"{APOLLO}/server/progress"),
    ("POST", f"{APOLLO}/server"),
    ("DELETE", f"{APOLLO}/server"),
    ("POST", f"{APOLLO}/activity"),
    ("POST", f"{APOLLO}/tokens"),
    ("GET", f"{APOLLO}/shared"),
    ("GET", "/hub/api/users/ada"),
    ("POST", "/hub/api/users/ada/server"),
    ("POST", "/hub/api/users/ada/tokens"),
    ("GET", "/hub/api/users"),
    ("POST", "/hub/api/users"),
    ("GET", "/hub/api/services"),
    ("GET", "/hub/api/groups"),
    ("GET", "/hub/api/proxy"),
    ("POST", "/hub/api/shutdown"),
]
LISTS = ("/hub/api/users", "/hub/api/groups")


@dataclass
class Scene:
    """Apollo's workspace with a plan in it, and chloe of borealis at her desk."""

    lab: Lab
    ada: Visitor
    chloe: Visitor
    chloe_token: str  # one that she made herself
    server_token: str  # the one that her desk got from the hub


@pytest.fixture(scope="module")
def scene(lab) -> Iterator[Scene]:
    """Both running; stopped afterwards."""
    for user in lab.api("GET", "/users?state=active").json():
        lab.stop(user["name"])
    ada, chloe = visit(lab, "ada"), visit(lab, "chloe")
    ada.start("team-apollo", "team-gpu")
    ada.start("ada", "desk")
    chloe.start("chloe", "desk")
    lab.sh("team-apollo", "echo apollo-only > plan.txt")
    lab.sh("ada", "echo ada-only > diary.txt")
    env = lab.sh("chloe", "echo $JUPYTERHUB_API_TOKEN")
    yield Scene(lab, ada, chloe, own_token(chloe), env)
    ada.close()
    chloe.close()
    for account in ("team-apollo", "ada", "chloe"):
        lab.stop(account)


@pytest.fixture(autouse=True)
def apollo_runs_on(scene):
    """Whatever a test tried, apollo's container is the same one after it and still runs."""
    before = scene.lab.inspect("team-apollo")
    yield
    after = scene.lab.inspect("team-apollo")
    assert (after["Id"], after["State"]["Running"]) == (before["Id"], True)
    assert scene.lab.server("team-apollo")["ready"]


def request(visitor: Visitor, method: str, path: str, **kwargs):
    """Ask as the person's browser does, with cookies and the token against forgery."""
    params = {"_xsrf": visitor.xsrf} if path.startswith("/hub/") else {}
    return visitor.http.request(method, visitor.url + path, params=params, **kwargs)


def test_a_card_is_there_for_members_alone(scene):
    for path in ("/hub/home", "/hub/home/cards"):
        mine, theirs = (v.http.get(scene.lab.url + path).text for v in (scene.ada, scene.chloe))
        assert "card-team-apollo" in mine
        assert "card-team-borealis" in theirs
        assert "card-team-apollo" not in theirs
        assert "spawn/team-apollo" not in theirs


@pytest.mark.parametrize(("method", "path", "headers"), DOORS)
def test_a_door_opens_to_members_alone(scene, method, path, headers):
    mine = request(scene.ada, method, path, headers=headers)
    # 400: it runs already, which only those hear who might start it.
    assert mine.status_code in ((101, 200) if method == "GET" else (400,))
    theirs = request(scene.chloe, method, path, headers=headers)
    assert theirs.status_code in (403, 404)
    assert "apollo-only" not in theirs.text
    assert "jupyter-config-data" not in theirs.text
    if not path.startswith("/hub/"):
        for token in (scene.chloe_token, scene.server_token):
            asked = {**headers, "Authorization": f"token {token}"}
            bare = Visitor(scene.lab.url, "chloe")
            answer = bare.http.request(method, scene.lab.url + path, headers=asked)
            bare.close()
            # A page sends whom it does not know to log in; the API says no.
            assert answer.status_code == 403 or answer.url.path == "/hub/login"


def test_the_hubs_api_refuses_a_stranger_and_a_desks_token(scene):
    # Whom a list may name: the caller and the caller's team; a desk lists nobody.
    visible = {scene.chloe_token: {"chloe", "team-borealis"}, scene.server_token: set()}
    opened = []
    for token, known in visible.items():
        for method, path in API:
            body = {} if method == "POST" else None
            answer = scene.lab.api(method, path.removeprefix("/hub/api"), token=token, json=body)
            if answer.status_code in (403, 404):
                continue
            listed = method == "GET" and path in LISTS and answer.status_code == 200
            if not listed or not {user["name"] for user in answer.json()} <= known:
                opened.append((method, path, answer.status_code, answer.text[:200]))
    assert not opened
    # The same words from somebody who may: the refusals above are not mistakes in the request.
    assert scene.lab.api("GET", "/users/team-apollo", token=own_token(scene.ada)).status_code == 200


def test_a_desks_token_starts_nothing_and_makes_no_tokens(scene):
    for path in ("/users/chloe/server", "/users/chloe/tokens", "/users/team-borealis/server"):
        answer = scene.lab.api("POST", path, token=scene.server_token, json={})
        assert answer.status_code in (403, 404), f"{path}: {answer.status_code} {answer.text}"
    # It does what it is for.
    activity = {"servers": {"": {"last_activity": datetime.now(UTC).isoformat()}}}
    answer = scene.lab.api("POST", "/users/chloe/activity", token=scene.server_token, json=activity)
    assert answer.status_code == 200


def test_a_desks_token_speaks_for_its_own_account_alone(scene):
    def in_it() -> str:
        cards = scene.ada.http.get(f"{scene.lab.url}/hub/home/cards").text
        return cards[cards.index('id="card-team-apollo"') :]

    lie = {"people": ["chloe"], "account": "team-apollo", "name": "team-apollo"}
    for token in (scene.server_token, scene.chloe_token):
        scene.lab.api("POST", "/cohort/presence", token=token, json=lie)
        assert "Chloe" not in in_it()
    apollos = scene.lab.sh("team-apollo", "echo $JUPYTERHUB_API_TOKEN")
    scene.lab.api("POST", "/cohort/presence", token=apollos, json={"people": ["ada"]})
    assert "Ada Wong" in in_it()
    nobody = scene.lab.api("POST", "/cohort/presence", token="0" * 32, json={"people": ["ada"]})
    assert nobody.status_code == 403


def test_a_spawn_request_chooses_a_profile_of_its_own_and_nothing_else(scene):
    lab = scene.lab
    refusal = press_start(scene.chloe, "team-borealis", "desk-staff")
    assert refusal.status_code == 409
    assert "There is no profile 'desk-staff' for you here" in message_of(refusal)
    wishes = {
        "image": "cohort/hub:latest", "cmd": ["sleep", "1000"], "user": "0:0", "privileged": True,
        "volumes": {"/": "/host"}, "binds": ["/:/host"], "environment": {"WISH": "1"},
        "mem_limit": "8G", "extra_host_config": {"privileged": True}, "network_mode": "host",
        "GPUS": 2, "gpus": 2,
    }  # fmt: skip
    url = "/users/team-borealis/server"
    lab.api("POST", url, token=scene.chloe_token, json={"profile": "desk-staff", **wishes})
    eventually(lambda: not lab.server("team-borealis"), what="a staff's profile refused")
    lab.api("POST", url, token=scene.chloe_token, json={"profile": "team-cpu", **wishes})
    eventually(lambda: lab.server("team-borealis").get("ready"), what="team-borealis runs")
    got, plain = lab.inspect("team-borealis"), lab.inspect("team-apollo")
    for part, same in (
        ("Config", ("Image", "Cmd", "User", "Entrypoint")),
        ("HostConfig", ("Privileged", "NetworkMode", "Memory", "CapAdd", "CapDrop")),
    ):
        assert {k: got[part][k] for k in same} == {k: plain[part][k] for k in same}
    assert not got["HostConfig"]["DeviceRequests"]
    assert "WISH=1" not in got["Config"]["Env"]
    targets = sorted(m["Destination"] for m in got["Mounts"])
    assert targets == ["/home/jovyan", "/srv/curriculum", "/srv/scenarios"]
    lab.stop("team-borealis")


def test_no_file_of_others_is_in_a_container(scene):
    lab = scene.lab
    # A link to where it lies on the host leads nowhere.
    lab.sh("chloe", f"ln -sfn {lab.data}/teams/apollo apollo; ln -sfn {lab.data}/people/ada ada")
    script = (
        "ls apollo/ ada/; cat apollo/plan.txt ada/diary.txt;"
        "cat /proc/*/mountinfo | grep -e teams/ -e people/ada;"
        "find / -name proc -prune -o \\( -name plan.txt -o -name diary.txt \\) -print"
    )
    assert lab.sh("chloe", f"( {script} ) 2> /dev/null", check=False) == ""
    assert lab.sh("team-apollo", "find / -name plan.txt 2> /dev/null", check=False) != ""
    # On the host the folder is closed to whoever is neither root nor user 1000.
    for folder in (lab.data / "teams" / "apollo", lab.data / "people" / "ada"):
        assert folder.stat().st_mode & 0o077 == 0


def host_addresses() -> list[str]:
    """Every IPv4 address of this machine, loopback aside."""
    links = json.loads(subprocess.check_output(["ip", "-4", "-json", "address"]))
    found = [info["local"] for link in links for info in link["addr_info"]]
    return [address for address in found if not address.startswith("127.")]


def reached(addresses: list[str]) -> set[str]:
    """The addresses that answer to this machine itself."""
    return set(
        subprocess.check_output([sys.executable, "-c", KNOCK, *addresses], text=True).split()
    )


def test_of_containers_and_the_host_only_the_hubs_api_answers(scene):
    lab = scene.lab
    gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", lab.project)
    theirs = [
        f"{lab.inspect(account)['NetworkSettings']['Networks'][lab.project]['IPAddress']}:8888"
        for account in ("team-apollo", "ada")
    ]
    with (
        socket.create_server(("0.0.0.0", 0)) as anywhere,
        socket.create_server((gateway, 0)) as at_gateway,
    ):
        ports = [s.getsockname()[1] for s in (anywhere, at_gateway)]
        open_here = [f"{address}:{ports[0]}" for address in host_addresses()]
        open_here += [f"{gateway}:{ports[1]}", *theirs]
        # All of them, unless a bridge of somebody else's went away just now.
        answering = reached(open_here)
        assert answering >= {f"{gateway}:{ports[0]}", f"{gateway}:{ports[1]}", *theirs}
        internal = [f"{gateway}:{port}" for port in range(lab.port, lab.port + 8)]
        hub = f"{gateway}:{HUB_PORT}"
        assert knock(lab, "chloe", [hub, *answering, *internal]) == {hub}


CLOSED = ("169.254.169.254", "10.213.77.1", "192.168.213.77", "100.100.100.200")
PUBLIC = "198.51.100.2"  # of a range for documentation: nobody's


@contextmanager
def far_host(addresses: tuple[str, ...]) -> Iterator[None]:
    """Another machine with these addresses and a listener on port 80, in a namespace."""
    name = "ct" + secrets.token_hex(3)

    def ip(line: str) -> None:
        subprocess.run(["ip", *line.split()], check=True)

    inside = ["ip", "netns", "exec", name]
    ip(f"netns add {name}")
    listener = None
    try:
        ip(f"link add {name}h type veth peer name {name}n netns {name}")
        ip(f"address add 198.51.100.1/30 dev {name}h")
        ip(f"link set {name}h up")
        ip(f"-n {name} link set {name}n up")
        ip(f"-n {name} address add {PUBLIC}/30 dev {name}n")
        ip(f"-n {name} route add default via 198.51.100.1")
        for address in addresses:
            ip(f"-n {name} address add {address}/32 dev {name}n")
            ip(f"route add {address}/32 via {PUBLIC}")
        serve = "import socket\ns = socket.create_server(('0.0.0.0', 80))\nwhile True: s.accept()"
        listener = subprocess.Popen([*inside, sys.executable, "-c", serve])
        eventually(lambda: reached([f"{PUBLIC}:80"]), what="the listener in the namespace")
        yield
    finally:
        if listener:
            listener.kill()
            listener.wait()
        # Takes both ends of the pair and the routes over it along.
        ip(f"link delete {name}h")
        ip(f"netns delete {name}")


def test_metadata_and_private_addresses_do_not_answer_to_a_container(scene):
    image = scene.lab.inspect("chloe")["Config"]["Image"]
    targets = [f"{address}:80" for address in (*CLOSED, PUBLIC)]
    with far_host(CLOSED):
        assert reached(targets) == set(targets)
        # Any container of this engine that the lab's rules do not hold.
        plain = docker("run", "--rm", "--label", "cohort.kind=test", "--entrypoint", "python",
                       image, "-c", KNOCK, *targets)  # fmt: skip
        assert set(plain.split()) == set(targets)
        for account in ("chloe", "team-apollo"):
            assert knock(scene.lab, account, targets) == {f"{PUBLIC}:80"}


def test_names_resolve_in_a_container_as_they_do_on_the_host(scene):
    script = """
import socket
try:
    socket.getaddrinfo("nobody.invalid", 80)
except socket.gaierror as e:
    print(e.errno)
"""
    here = subprocess.check_output([sys.executable, "-c", script], text=True).strip()
    # "There is no such name" in both, not "no server answers", where name servers are private.
    assert docker("exec", scene.lab.container("chloe"), "python", "-c", script) == here


def test_a_container_forges_no_packets(scene):
    script = """
import json, socket
tried = []
for family, protocol in (socket.AF_INET, socket.IPPROTO_ICMP), (socket.AF_PACKET, 0):
    try:
        socket.socket(family, socket.SOCK_RAW, protocol).close()
        tried.append("open")
    except PermissionError:
        tried.append("refused")
print(json.dumps(tried))
"""
    assert ask(scene.lab, "chloe", script) == ["refused", "refused"]
