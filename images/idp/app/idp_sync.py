"""Brings accounts, groups and the hub's client in line with the roster, in one transaction.

``python -m idp_sync`` reads ``{"people": [...], "client": {...}}`` on stdin and writes
``{"new": {login: password}, "changed": [...], "left": [...], "returned": [...]}``;
``python -m idp_sync reset LOGIN`` gives an account a new password. Bad input, or a failure on
the way, changes nothing: one sentence on stderr, exit code 2.
"""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime

from canaille.app import models
from canaille.backends.sql.backend import SQLBackend
from idp_app import load_app
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select, text
from sqlalchemy_utils import Password

# No letter or digit that is read as another one: passwords are typed from paper.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
SCOPES = ["openid", "profile", "email", "groups"]


class Refused(Exception):
    """The request makes no sense; ``str`` is the sentence."""


class Input(BaseModel):
    """Closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", str_min_length=1)


class PersonIn(Input):
    """An account as it must be."""

    login: str
    name: str
    email: str
    groups: list[str]


class ClientIn(Input):
    """The hub's client as it must be."""

    id: str
    name: str
    uri: str
    secret: str = Field(min_length=32)
    redirect_uris: list[str] = Field(min_length=1)
    post_logout_redirect_uris: list[str]


class Wanted(Input):
    """Everything the provider must hold."""

    people: list[PersonIn] = Field(min_length=1)
    client: ClientIn


def new_password() -> str:
    """Four groups of four characters: 80 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> Password:
    """Hash as the log-in page expects it. Slow on purpose, so never inside a transaction."""
    context = models.User.__table__.c.password.type.context
    return Password(context.hash(password).encode(), context=context)


class Sync:
    """One run over one database session, which the caller commits."""

    def __init__(self, session) -> None:
        self.session = session
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.groups = {g.display_name: g for g in session.scalars(select(models.Group))}
        self.changed: list[str] = []
        self.left: list[str] = []
        self.returned: list[str] = []

    def put(self, record, **values) -> bool:
        """Set what differs on a record; True if anything did. `created` marks a new one."""
        differing = {k: v for k, v in values.items() if getattr(record, k) != v}
        for key, value in differing.items():
            setattr(record, key, value)
        if differing or record.created is None:
            record.created = record.created or self.now
            record.last_modified = self.now
            self.session.add(record)
        return bool(differing)

    def group(self, name: str):
        """Return the group of this name, made if need be."""
        if name not in self.groups:
            self.groups[name] = models.Group(display_name=name, description="")
            self.put(self.groups[name])
        return self.groups[name]

    def put_groups(self, user, names: list[str]) -> bool:
        """Make a user a member of exactly these groups; True if that changed something."""
        has = {group.display_name: group for group in user.groups}
        for name in has.keys() - set(names):
            user.groups.remove(has[name])
        for name in dict.fromkeys(names):
            if name not in has:
                user.groups.append(self.group(name))
        return has.keys() != set(names)

    def put_person(self, user, wanted: PersonIn) -> None:
        """Bring one account in line and note what became of it."""
        new, back = user.created is None, user.lock_date is not None
        differs = self.put(
            user,
            formatted_name=wanted.name,
            display_name=wanted.name,
            emails=[wanted.email],
            lock_date=None,
        )
        differs |= self.put_groups(user, wanted.groups)
        if back and not new:
            self.returned.append(wanted.login)
        elif differs and not new:
            self.changed.append(wanted.login)

    def lock(self, user) -> None:
        """Lock an account out: no log-in, no token, no group; its password is kept.

        The address goes, since somebody else may have it by now, and log-in takes addresses.
        """
        if user.lock_date is None:
            self.left.append(user.user_name)
            self.put(user, lock_date=self.now, emails=[])
            self.put_groups(user, [])
        self.drop_tokens(user)

    def drop_tokens(self, user) -> None:
        """Destroy whatever was issued to an account."""
        for model in (models.Token, models.AuthorizationCode):
            for issued in self.session.scalars(select(model).where(model.subject_id == user.id)):
                self.session.delete(issued)

    def drop_expired(self) -> None:
        """Canaille keeps expired tokens and codes for ever."""
        for model in (models.Token, models.AuthorizationCode):
            for issued in self.session.scalars(select(model)):
                if issued.is_expired():
                    self.session.delete(issued)

    def put_client(self, wanted: ClientIn) -> None:
        """Make or update the hub's client. Its uri is the lab's own, so there is no consent."""
        query = select(models.Client).where(models.Client.client_id == wanted.id)
        client = self.session.scalars(query).one_or_none()
        if client is None:
            client = models.Client(client_id=wanted.id, client_id_issued_at=self.now)
        self.put(
            client,
            client_name=wanted.name,
            client_uri=wanted.uri,
            client_secret=wanted.secret,
            redirect_uris=wanted.redirect_uris,
            post_logout_redirect_uris=wanted.post_logout_redirect_uris,
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            scope=SCOPES,
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - a method's name
        )
        if list(client.audience) != [client]:
            client.audience = [client]


def bring_in(wanted: Wanted) -> dict:
    """Do it all in one transaction and return the answer."""
    logins = [person.login for person in wanted.people]
    if len(set(logins)) != len(logins):
        raise Refused("The roster names a login twice; nothing was changed.")
    session = SQLBackend.db_session
    known = set(session.scalars(select(models.User.user_name)))
    session.rollback()
    passwords = {login: new_password() for login in logins if login not in known}
    hashes = {login: hash_password(password) for login, password in passwords.items()}
    # Takes the write lock before anything is read that is going to be written.
    session.execute(text("BEGIN IMMEDIATE"))
    run = Sync(session)
    users = {user.user_name: user for user in session.scalars(select(models.User))}
    if set(logins) - users.keys() != hashes.keys():
        raise Refused("Accounts were made meanwhile; run the same command again.")
    for person in wanted.people:
        user = users.get(person.login)
        if user is None:
            user = models.User(user_name=person.login, password=hashes[person.login])
            user.password_last_update = run.now
        run.put_person(user, person)
    for login in users.keys() - set(logins):
        run.lock(users[login])
    run.put_client(wanted.client)
    run.drop_expired()
    session.commit()
    return {"new": passwords, "changed": run.changed, "left": sorted(run.left),
            "returned": run.returned}  # fmt: skip


def reset(login: str) -> dict:
    """Give an account a new password, forget its failed log-ins and end what was issued."""
    password = new_password()
    hashed = hash_password(password)
    session = SQLBackend.db_session
    session.execute(text("BEGIN IMMEDIATE"))
    user = session.scalars(select(models.User).filter_by(user_name=login)).one_or_none()
    if user is None or user.lock_date is not None:
        raise Refused(f"There is no open account {login}; people.csv says who has one.")
    run = Sync(session)
    now = datetime.now(UTC)  # to the microsecond: browsers' sessions from before it are over
    run.put(user, password=hashed, password_last_update=now, password_failure_timestamps=[])
    run.drop_tokens(user)
    session.commit()
    return {"new": {login: password}}


def main(arguments: list[str]) -> int:
    """Run one command; refusals are one sentence on stderr and exit code 2."""
    try:
        if arguments[:1] == ["reset"] and len(arguments) == 2:
            with load_app().app_context():
                answer = reset(arguments[1])
        elif arguments:
            raise Refused("Expected no argument, or: reset LOGIN.")
        else:
            wanted = Wanted.model_validate_json(sys.stdin.buffer.read())
            with load_app().app_context():
                answer = bring_in(wanted)
    except ValidationError as e:
        first = e.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "stdin"
        print(f"Not a roster: {where}: {first['msg']}; nothing was changed.", file=sys.stderr)
        return 2
    except Refused as e:
        SQLBackend.db_session.rollback()
        print(e, file=sys.stderr)
        return 2
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
