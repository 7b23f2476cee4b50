"""Notices: told once, tried again by the clock, and never sent where people do not stand."""

from __future__ import annotations

import json
import time

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.settings import Settings
from experiments import notices
from experiments.notices import PAUSES, Messenger, UndeliverableError
from experiments.states import Reason, State
from experiments.tables import Notice
from tests.experiments.mailboxes import Hook, Post, listening
from tests.experiments.queueing import Desk

pytest_plugins = ["tests.postgres"]

ADA = "ada@lab.example"


@pytest.fixture
def hook():
    with listening(Hook()) as hook:
        yield hook


@pytest.fixture
def post():
    with listening(Post()) as post:
        yield post


def messenger(desk: Desk, *, allow=("127.0.0.0/8",), post: Post | None = None) -> Messenger:
    """One that may call this machine's own addresses, unless told otherwise."""
    mail = {}
    if post is not None:
        mail = {"host": "127.0.0.1", "port": post.server_address[1], "security": "none",
                "sender": "lab@lab.example"}  # fmt: skip
    settings = Settings.model_validate(
        {
            "address": {"url": "http://lab.example"},
            "network": {"allow": allow},
            "mail": mail,
            "profiles": [{"name": k, "title": k, "kind": k} for k in ("desk", "team")],
        }
    )
    return Messenger(desk.database, settings, desk.offer)


def ended(desk: Desk, state: State = State.SUCCEEDED, title: str = "Night", **notify: str) -> str:
    """A run that has ended, of which somebody is to be told."""
    run = desk.submit(title=title, notify=notify)
    desk.alter(run, metrics={"loss": 0.25})
    desk.finish(run, state)
    return run


def notice(desk: Desk) -> Notice:
    with Session(desk.database, expire_on_commit=False) as session, session.begin():
        return session.scalars(select(Notice)).one()


def test_nobody_is_told_before_the_end(desk, hook):
    desk.move(desk.submit(notify={"webhook": hook.url}), State.STARTING, State.RUNNING)
    assert messenger(desk).send_due() == 0
    assert hook.calls == []


def test_a_webhook_is_called_once_with_the_facts(desk, hook):
    run = ended(desk, webhook=hook.url)
    sender = messenger(desk)
    assert sender.send_due() == 1
    assert sender.send_due() == 0
    (path, headers, body), *others = hook.calls
    assert others == []
    assert path == "/hook?x=1"
    assert headers["host"] == f"127.0.0.1:{hook.server_address[1]}"
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == notice(desk).id
    facts = json.loads(body)
    assert (facts["run"], facts["state"], facts["metrics"]) == (run, "succeeded", {"loss": 0.25})
    assert facts["url"] == f"http://lab.example/services/experiments/runs/{run}"
    assert (notice(desk).next_at, notice(desk).error, notice(desk).attempts) == (None, None, 1)


def test_one_that_fails_is_tried_again_by_the_clock_and_then_given_up(desk, clock, hook):
    hook.status = 503
    ended(desk, webhook=hook.url)
    sender = messenger(desk)
    for number, pause in enumerate(PAUSES, start=1):
        assert sender.send_due() == 0
        assert len(hook.calls) == number
        assert notice(desk).error == "the address answered 503"
        assert notice(desk).next_at == clock() + pause
        clock.later(seconds=pause.total_seconds() - 1)
        assert sender.send_due() == 0
        assert len(hook.calls) == number, "not before its time"
        clock.later(seconds=1)
    assert sender.send_due() == 0
    assert notice(desk).next_at is None
    clock.later(days=30)
    assert sender.send_due() == 0
    assert len(hook.calls) == len(PAUSES) + 1
    assert len({headers["idempotency-key"] for _, headers, _ in hook.calls}) == 1


def test_one_that_is_taken_at_the_second_try_is_not_sent_again(desk, clock, hook):
    hook.status = 500
    ended(desk, webhook=hook.url)
    sender = messenger(desk)
    sender.send_due()
    hook.status = 204
    clock.later(hours=1)
    assert sender.send_due() == 1
    clock.later(days=30)
    assert sender.send_due() == 0
    assert len(hook.calls) == 2
    assert notice(desk).error is None


def test_nobody_is_led_on_to_another_address(desk, hook):
    with listening(Hook()) as inside:
        hook.status, hook.headers = 307, {"Location": inside.url}
        ended(desk, webhook=hook.url)
        assert messenger(desk).send_due() == 0
        assert inside.calls == []
        assert notice(desk).error == "the address answered 307"


def test_an_answer_without_an_end_holds_nobody_up(desk, hook):
    hook.endless = True
    ended(desk, webhook=hook.url)
    begin = time.monotonic()
    assert messenger(desk).send_due() == 1
    assert time.monotonic() - begin < notices.SECONDS


def test_a_webhook_does_not_reach_this_machine(desk, hook):
    ended(desk, webhook=f"http://localhost:{hook.server_address[1]}/")
    assert messenger(desk, allow=()).send_due() == 0
    assert hook.calls == []
    assert notice(desk).error == "localhost has no public address"
    assert notice(desk).next_at is not None


def test_what_is_private_in_whatever_spelling_is_not_public(desk):
    sender = messenger(desk, allow=("10.9.0.0/16",))
    # Asked without a call, so that nothing leaves this machine should one of them pass.
    for host in (
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0", "0.0.0.0", "::1", "::",
        "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "169.254.169.254", "10.0.0.1", "172.17.0.1",
        "192.168.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "fe80::1", "fc00::1",
        "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "::127.0.0.1",
    ):  # fmt: skip
        with pytest.raises(UndeliverableError, match="no public address"):
            sender.public_address(host, 80)
    assert sender.public_address("10.9.8.7", 80) == "10.9.8.7"


def test_an_address_that_is_public_is_one(desk):
    sender = messenger(desk, allow=())
    assert sender.public_address("8.8.8.8", 443) == "8.8.8.8"
    assert sender.public_address("64:ff9b::808:808", 443) == "64:ff9b::808:808"


def test_what_is_odd_about_one_target_holds_up_no_other(desk, clock, hook):
    odd = [f"http://{'a' * 70}.example/", "http://nowhere.invalid/", "http://a..b/",
           "http://127.0.0.1:1/", "http://[::1%25lo]/", "http://\u2488.example/"]  # fmt: skip
    for target in odd:
        run = desk.submit(notify={})
        desk.alter(run, notify={"webhook": target})
        desk.finish(run)
    clock.later(seconds=1)
    ended(desk, webhook=hook.url)
    assert messenger(desk).send_due() == 1
    assert len(hook.calls) == 1
    with Session(desk.database) as session:
        tried = session.scalars(select(Notice).where(Notice.error.is_not(None))).all()
        assert len(tried) == len(odd)


def test_a_mail_says_how_it_ended_and_where_to_look(desk, post):
    run = desk.submit(title="Night 深夜 run", notify={"email": ADA})
    desk.alter(run, metrics={"loss": 0.25})
    desk.move(run, State.STARTING, State.RUNNING)
    desk.move(run, State.FAILED, reason=Reason.USER_ERROR, message="NameError: x\n.\nQUIT")
    sender = messenger(desk, post=post)
    assert (sender.send_due(), sender.send_due()) == (1, 0)
    (sent_by, sent_to, mail), *others = post.mails
    assert others == []
    assert (sent_by, sent_to) == ("lab@lab.example", [ADA])
    assert (mail["To"], mail["From"]) == (ADA, "lab@lab.example")
    assert mail["Subject"] == "Night 深夜 run: failed"
    text = mail.get_content()
    assert "team apollo has ended: failed" in text
    assert "NameError: x\n.\nQUIT" in text.replace("\r\n", "\n")
    assert "loss: 0.25" in text
    assert f"http://lab.example/services/experiments/runs/{run}" in text


def test_a_mail_that_is_not_taken_is_tried_again(desk, clock, post):
    ended(desk, email=f"ada@{Post.refused}")
    sender = messenger(desk, post=post)
    assert sender.send_due() == 0
    assert "no such mailbox" in notice(desk).error
    assert notice(desk).next_at == clock() + PAUSES[0]
    assert post.mails == []


def test_a_lab_without_a_mail_server_says_so(desk):
    ended(desk, email=ADA)
    assert messenger(desk).send_due() == 0
    assert "no mail server" in notice(desk).error


def test_both_are_told(desk, hook, post):
    ended(desk, State.CANCELLED, webhook=hook.url, email=ADA)
    assert messenger(desk, post=post).send_due() == 2
    assert (len(hook.calls), len(post.mails)) == (1, 1)
    assert json.loads(hook.calls[0][2])["state"] == "cancelled"
