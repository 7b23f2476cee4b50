"""The roster in the provider: all of it or nothing, and first passwords kept once."""

import json
import secrets
import stat
import threading

import pytest

from cohort.errors import CohortError
from cohort.lab.roster import bring_in_people, keep_first_logins, reset_password
from tests.idp.provider import PEOPLE, SECRETS, person, settings_for


def test_a_second_sync_changes_nothing(idp):
    assert not idp.sync()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda w: w["people"].clear(),
        lambda w: w["people"][0].pop("email"),
        lambda w: w["people"][0].update(admin=True),
        lambda w: w["people"].append(w["people"][0]),
        lambda w: w["client"].update(secret="short"),
        lambda w: w.pop("client"),
    ],
)
def test_bad_input_changes_nothing_and_says_what(idp, spoil):
    def spoiled(command, stdin):
        wanted = json.loads(stdin)
        wanted["people"] = [p for p in wanted["people"] if p["login"] != "ben"]
        spoil(wanted)
        return idp.run(command, json.dumps(wanted))

    with pytest.raises(CohortError, match="nothing was changed") as caught:
        idp.sync(how=spoiled)
    assert SECRETS["idp_client_secret"] not in str(caught.value)
    assert not idp.sync()


def test_an_empty_roster_locks_nobody_out(idp):
    with pytest.raises(CohortError, match="lock everybody out"):
        idp.sync(())
    with pytest.raises(CohortError, match="no open account nobody"):
        reset_password("nobody", idp.run)


def test_people_log_in_while_many_are_brought_in(idp):
    many = tuple(person(f"p{i}", "apollo") for i in range(12))
    done: list = []
    sync = threading.Thread(target=lambda: done.append(idp.sync((*PEOPLE, *many))))
    sync.start()
    while sync.is_alive():
        assert idp.tokens("ada")
    sync.join()
    assert len(done[0].new) in (0, 12) and idp.tokens("p7")


def test_first_passwords_are_reported_and_kept_once(idp, tmp_path):
    (tmp_path / "idp").mkdir()
    lines: list[str] = []
    settings = settings_for(tmp_path, idp.url)
    quinn = person(f"quinn{secrets.token_hex(2)}", "apollo")
    everybody = (*PEOPLE, quinn)

    def execute(service, line, stdin):
        return idp.run(line, stdin)

    changes = bring_in_people(settings, SECRETS, everybody, execute, lines.append)
    password = changes.new[quinn.login]
    assert f"First log-in: {quinn.login}  {password}" in lines
    path = keep_first_logins(tmp_path, {"rae": "x"})
    assert path.read_text() == f"login,password\n{quinn.login},{password}\nrae,x\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert password not in repr(changes)


def test_first_passwords_are_not_written_through_a_link(tmp_path):
    (tmp_path / "idp").mkdir()
    (tmp_path / "idp" / "first-logins.csv").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        keep_first_logins(tmp_path, {"ada": "x"})
    assert not (tmp_path / "victim").exists()
