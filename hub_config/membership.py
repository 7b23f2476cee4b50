"""Groups in a token become teams and a role, and these become hub roles.

Invariant: whoever has neither a team nor a role has no access, and a hub role made here
names exactly one team's or course's account; nothing is granted by a wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cohort.membership import Membership, account_of, course_account
from cohort.settings import NAME, ROLES, SERVICE_PORTS, Course

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,62}")
# On the account of a team or a course: start, stop and open its server, and see it.
SHARED_SCOPES = ("servers", "access:servers", "read:users", "list:users")
# Of accounts with servers, their own or their team's: what the services of the lab know them by.
SERVICES = tuple(f"access:services!service={name}" for name in SERVICE_PORTS)
# An operator starts and stops anything and sees who is there, but opens nobody's work.
OPERATOR_SCOPES = ["admin-ui", "list:users", "read:users", "servers", "read:hub", "read:metrics"]


# JupyterHub gives it to every account, teams' ones too; a server's token has no more than it.
USER = {
    "name": "user",
    "description": "One's own server, and the lab's services",
    "scopes": ["self", *SERVICES],
}


def read_groups(groups: Iterable[str], meanings: Mapping[str, str]) -> Membership:
    """Return the membership that a token's groups give.

    ``meanings`` is ``[login.groups]``: group to ``team:<name>`` or ``role:<role>``. Groups
    already written that way need no entry. Anything else is ignored. Of several roles the
    one with most to do counts (operator, instructor, mentor, participant).
    """
    teams, roles = set(), set()
    for group in groups:
        kind, _, name = meanings.get(str(group), str(group)).partition(":")
        if kind == "team" and NAME.fullmatch(name):
            teams.add(name)
        elif kind == "role" and name in ROLES:
            roles.add(name)
    order = ("operator", "instructor", "mentor", "participant")
    role = next((r for r in order if r in roles), "participant" if teams else None)
    return Membership(tuple(sorted(teams)), role)


def hub_roles(membership: Membership, courses: Iterable[Course] = ()) -> list[dict]:
    """Return the hub roles of a person, in the form that ``auth_model["roles"]`` takes.

    ``courses`` are those that the person teaches. The list is complete: JupyterHub strips every
    managed role that is not in it, which is how leaving a team closes its door. A mentor's teams
    are those they advise; advising opens no workspace.
    """
    roles = [
        USER,
        {
            "name": f"lab-{membership.role}",
            "description": f"Is a {membership.role} of the lab",
            "scopes": OPERATOR_SCOPES if membership.role == "operator" else ["read:users!user"],
        },
    ]
    for team in membership.teams:
        account = account_of(team)
        if membership.role == "mentor":
            role, scopes = f"advises-{team}", [f"read:users:name!user={account}"]
        else:
            role, scopes = account, _shared(account)
        roles.append({"name": role, "description": f"Team {team}", "scopes": scopes})
    for course in courses:
        account = course_account(course.id)
        what = f"Teaches {course.title}"
        roles.append({"name": account, "description": what, "scopes": _shared(account)})
    return roles


def _shared(account: str) -> list[str]:
    return [f"{scope}!user={account}" for scope in SHARED_SCOPES]
