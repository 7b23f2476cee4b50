"""Names, folders and reasons that the spawner relies on, without a container."""

from pathlib import Path

import pytest

from cohort.settings import Lab, Profile, Settings
from hub_config import containers, evidence
from hub_config.idle import limit_of

DESK = Profile(name="desk", title="Desk", kind="desk", idle_minutes=30)
TEAM = Profile(name="gpu", title="GPU", kind="team", gpus=1, idle_minutes=90)
SETTINGS = Settings(lab=Lab(data=Path("/srv/lab")), profiles=(DESK, TEAM))


def test_unlike_accounts_never_share_a_container_name():
    accounts = ["ada", "a.da", "a-da", "a_da", "ada@x.org", "ada@x-org", "team-ada", "a" * 63]
    names = {containers.container_name("cohort", a) for a in accounts}
    assert len(names) == len(accounts)
    assert all(len(n) < 64 for n in names)


def test_a_home_lies_right_below_its_folder():
    assert containers.home_of(SETTINGS, "ada") == Path("/srv/lab/people/ada")
    assert containers.home_of(SETTINGS, "team-apollo") == Path("/srv/lab/teams/apollo")
    assert containers.home_of(SETTINGS, "course-ml") == Path("/srv/lab/courses/ml")
    for bad in ("..", "a/b", "../teams/apollo", ".", "team-..", "course-../hub"):
        with pytest.raises(ValueError, match="no folder name"):
            containers.home_of(SETTINGS, bad)


def test_a_container_is_told_what_it_is_and_where_the_services_are():
    told = {
        account: containers.environment(SETTINGS, account, DESK, ())
        for account in ("ada", "team-apollo", "course-ml")
    }
    what = {
        account: (env["COHORT_KIND"], env["COHORT_TEAM"], env["COHORT_COURSE"])
        for account, env in told.items()
    }
    assert what == {
        "ada": ("desk", "", ""),
        "team-apollo": ("team", "apollo", ""),
        "course-ml": ("course", "", "ml"),
    }
    for env in told.values():
        assert env["COHORT_EXPERIMENTS_URL"] == "http://172.30.0.1:8083/services/experiments"
        assert env["COHORT_GRADING_URL"] == "http://172.30.0.1:8084/services/grading"
    assert containers.labels(SETTINGS, "course-ml", DESK)["cohort.kind"] == "course"


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ({"OOMKilled": True, "ExitCode": 137}, "out of memory (the limit is 4G)"),
        ({"OOMKilled": False, "ExitCode": 137}, "killed from outside"),
        ({"OOMKilled": False, "ExitCode": 0}, "It was stopped"),
        ({"OOMKilled": False, "ExitCode": 1}, "exit code 1"),
        ({"OOMKilled": False, "ExitCode": 127, "Error": "no such file"}, "could not be started"),
    ],
)
def test_every_end_has_a_sentence(state, word):
    sentence = evidence.reason(state, "4G")
    assert word in sentence
    assert sentence.endswith(".")


def test_idle_time_is_the_profiles_own():
    assert limit_of({"user_options": {"profile": "desk"}}, SETTINGS) == 30 * 60
    assert limit_of({"user_options": {"profile": "gpu"}}, SETTINGS) == 90 * 60
    assert limit_of({"user_options": {"profile": "gone"}}, SETTINGS) == 90 * 60
    assert limit_of({}, SETTINGS) == 90 * 60
