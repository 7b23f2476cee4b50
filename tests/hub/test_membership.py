"""Groups become teams, roles and hub roles; nothing is granted that no group names."""

import pytest

from cohort.membership import (
    Membership,
    course_of,
    is_reserved,
    kind_of,
    membership_of,
    team_of,
)
from cohort.settings import Course
from hub_config.membership import hub_roles, read_groups

ML = Course(id="ml", title="Machine learning")


@pytest.mark.parametrize(
    ("groups", "meanings", "expected"),
    [
        (["team:apollo", "role:participant"], {}, Membership(("apollo",), "participant")),
        (["team:apollo"], {}, Membership(("apollo",), "participant")),
        (["role:mentor", "team:b", "team:a"], {}, Membership(("a", "b"), "mentor")),
        (["staff", "x"], {"staff": "role:instructor"}, Membership((), "instructor")),
        (["org/apollo"], {"org/apollo": "team:apollo"}, Membership(("apollo",), "participant")),
        (["role:participant", "role:operator"], {}, Membership((), "operator")),
        (["role:root", "team:../etc", "team:", "admin", "apollo"], {}, Membership()),
        ([], {}, Membership()),
    ],
)
def test_groups_become_a_membership(groups, meanings, expected):
    assert read_groups(groups, meanings) == expected
    assert bool(expected) == bool(expected.teams or expected.role)


def scopes_of(membership, courses=()):
    return {scope for role in hub_roles(membership, courses) for scope in role["scopes"]}


def test_a_member_reaches_the_own_team_and_no_other():
    scopes = scopes_of(Membership(("apollo",), "participant"))
    assert {"servers!user=team-apollo", "access:servers!user=team-apollo"} <= scopes
    about_servers = {s for s in scopes if "servers" in s}
    assert all(s.endswith("!user=team-apollo") for s in about_servers)


def test_team_names_that_begin_alike_stay_apart():
    assert not scopes_of(Membership(("team1",), "participant")) & {
        f"{s}!user=team-team10" for s in ("servers", "access:servers")
    }


def test_a_mentor_sees_a_team_and_opens_nothing():
    scopes = scopes_of(Membership(("apollo",), "mentor"))
    assert "read:users:name!user=team-apollo" in scopes
    assert not any("servers" in s for s in scopes)


def test_an_instructor_opens_the_servers_of_their_courses_and_no_other():
    about_servers = {s for s in scopes_of(Membership((), "instructor"), [ML]) if "servers" in s}
    assert about_servers == {"servers!user=course-ml", "access:servers!user=course-ml"}
    assert not any("servers" in s for s in scopes_of(Membership((), "instructor")))


def test_an_operator_opens_nobodys_work():
    scopes = scopes_of(Membership((), "operator"))
    assert "servers" in scopes
    assert not any(s.startswith("access:servers") or s.startswith("admin:") for s in scopes)


@pytest.mark.parametrize(
    "membership",
    [
        Membership(("a", "b"), "participant"),
        Membership(("a",), "mentor"),
        Membership((), "operator"),
    ],
)
def test_hub_roles_can_be_read_back(membership):
    assert membership_of(r["name"] for r in hub_roles(membership, [ML])) == membership


def test_names_of_the_labs_own_accounts_are_reserved():
    assert is_reserved("team-apollo")
    assert is_reserved("course-x")
    assert not is_reserved("teamwork")
    assert team_of("team-apollo") == "apollo"
    assert team_of("ada") is None
    assert course_of("course-x") == "x"
    assert [kind_of(name) for name in ("ada", "team-x", "course-x")] == ["desk", "team", "course"]
