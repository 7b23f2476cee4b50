"""One certificate for everything, at an address that other machines use; a warning without."""

import ipaddress
import re
import ssl
import subprocess

import httpx
import pytest

from cohort.lab.up import warn
from cohort.settings import Settings
from tests.labs import SETTINGS, Lab, brought_up
from tests.visitors import Visitor

URL = 'url = "http://127.0.0.1:{port}"\n'
TLS = '\n[tls]\ncertificate = "lab.crt"\nkey = "lab.key"\n'
PROFILES = (
    {"name": "desk", "title": "Desk", "kind": "desk"},
    {"name": "team", "title": "Team", "kind": "team"},
)


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A lab behind TLS at an address of this machine that is not a loopback one."""
    folder = tmp_path_factory.mktemp("tls")
    assert URL in SETTINGS
    lab = Lab(folder)
    # Up with the lab's own network: an address of this machine that any machine has.
    host = ipaddress.ip_network(lab.subnet)[1]
    lab.url = f"https://{host}:{lab.port}"
    text = SETTINGS.replace(URL, f'url = "{lab.url}"\n').replace("[login]", TLS + "\n[login]")
    lab.write_settings(text)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=lab", "-addext",
         f"subjectAltName=IP:{host},IP:127.0.0.1,DNS:localhost",
         "-keyout", folder / "lab.key", "-out", folder / "lab.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    with brought_up(lab):
        yield lab


@pytest.fixture
def ada(secure):
    """Ada, who trusts the lab's certificate and no other, logged in."""
    trust = ssl.create_default_context(cafile=str(secure.folder / "lab.crt"))
    visitor = Visitor(secure.url, "ada", verify=trust)
    seen: list[httpx.Response] = []
    visitor.http.event_hooks["response"] = [seen.append]
    visitor.seen = seen
    try:
        visitor.log_in(secure.password("ada"))
        yield visitor
    finally:
        visitor.close()


def test_from_log_in_to_a_desk_everything_goes_by_tls(secure, ada):
    ada.start("ada", "desk")
    assert ada.http.get(f"{secure.url}/hub/logout").url.path == "/hub/login"
    paths = {r.url.path for r in ada.seen}
    assert {"/services/idp/login", "/hub/home", "/user/ada/lab"} <= paths
    assert any("end_session" in path for path in paths)
    # Had any redirect or form led to plain HTTP, or to another host, it would be here.
    assert {f"{r.url.scheme}://{r.url.netloc.decode()}" for r in ada.seen} == {secure.url}
    given = [c for r in ada.seen for c in r.headers.get_list("set-cookie")]
    assert len(given) > 5
    kept = [c for c in given if not re.match(r'[^=]+=("")?;', c)]
    assert [c for c in kept if "secure" not in c.lower().split("; ")] == []


def test_plain_http_is_not_answered(secure):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{secure.port}/hub/login")


@pytest.mark.parametrize(
    ("address", "loud"),
    [
        ({"url": "http://lab.example.org:8000"}, True),
        ({"url": "http://192.0.2.7"}, True),
        ({"url": "http://127.0.0.1:8000"}, False),
        ({"url": "http://localhost"}, False),
        ({"url": "https://lab.example.org", "bind": "127.0.0.1"}, False),
    ],
)
def test_plain_http_for_others_gets_a_loud_warning(address, loud):
    lines: list[str] = []
    warn(Settings.model_validate({"address": address, "profiles": PROFILES}), lines.append)
    assert [line.startswith("WARNING: people log in over plain HTTP") for line in lines] == (
        [True] if loud else []
    )
