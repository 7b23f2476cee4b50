"""Tells people that a run has ended: by a webhook of theirs, by e-mail.

Invariant: what is to be sent is in the database with the end of the run, and stays there until
it was taken or was tried `len(PAUSES)` times more. A webhook goes to public addresses alone (and
to ranges that ``[network] allow`` lists): it is people who write them, and this service stands
where they do not.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import smtplib
import socket
import ssl
from collections.abc import Sequence
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cohort.settings import Settings
from experiments.offer import Offer, people
from experiments.tables import Notice, Run

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120))
SECONDS = 10
AT_ONCE = 50
# IPv6 addresses that stand for the IPv4 one in their last 32 bits.
STANDING_IN = [ipaddress.ip_network(net) for net in ("::/96", "::ffff:0:0/96", "64:ff9b::/96")]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class UndeliverableError(Exception):
    """It cannot be sent, now or at all; the sentence says why."""


class Messenger:
    """Sends what is due; one thread calls it."""

    def __init__(self, database: Engine, settings: Settings, offer: Offer) -> None:
        self._database, self._settings, self._offer = database, settings, offer
        self._allowed = [ipaddress.ip_network(net) for net in settings.network.allow]

    def send_due(self) -> int:
        """Send every notice whose time has come; returns how many were taken."""
        now = self._offer.now()
        due = select(Notice.id).where(Notice.next_at <= now).order_by(Notice.next_at)
        with Session(self._database) as session:
            ids = session.scalars(due.limit(AT_ONCE)).all()
        return sum(self._send(notice_id) for notice_id in ids)

    def _send(self, notice_id: str) -> bool:
        with Session(self._database, expire_on_commit=False) as session:
            notice = session.get_one(Notice, notice_id)
            run = session.get_one(Run, notice.run_id)
        error = None
        try:
            if notice.kind == "webhook":
                self._call(notice, run)
            else:
                self._mail(notice, run)
        except Exception as e:
            # All of them: what is odd about one target must not hold up everybody else's notices.
            error = str(e)[:500] or type(e).__name__
            log.warning("The notice of %s by %s was not taken: %s", run.id, notice.kind, error)
        self._settle(notice_id, error)
        return error is None

    def _settle(self, notice_id: str, error: str | None) -> None:
        with Session(self._database) as session, session.begin():
            row = session.get_one(Notice, notice_id)
            tries, row.attempts, row.error = row.attempts, row.attempts + 1, error
            again = error is not None and tries < len(PAUSES)
            row.next_at = self._offer.now() + PAUSES[tries] if again else None

    def _call(self, notice: Notice, run: Run) -> None:
        """POST the run's facts; any answer below 300 is an acknowledgement."""
        parts = urlsplit(notice.target)
        host = parts.hostname or ""
        address = self.public_address(host, parts.port or (443 if parts.scheme == "https" else 80))
        # To the very address that was looked at: a name may mean another one a moment later.
        target = httpx.URL(notice.target).copy_with(host=address)
        status = asyncio.run(_post(
            target,
            content=json.dumps(self._facts(run)),
            headers={"Host": parts.netloc.rpartition("@")[2], "Content-Type": "application/json",
                     "User-Agent": "cohort", "Idempotency-Key": notice.id},
            extensions={"sni_hostname": host},
        ))  # fmt: skip
        if status >= 300:
            raise UndeliverableError(f"the address answered {status}")

    def public_address(self, host: str, port: int) -> str:
        """An address of a host that webhooks may go to; raises `UndeliverableError`."""
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        for text in sorted(found):
            address = _meant(ipaddress.ip_address(text))
            listed = any(address in net for net in self._allowed if net.version == address.version)
            if listed or (address.is_global and not address.is_multicast):
                return text
        raise UndeliverableError(f"{host} has no public address")

    def _mail(self, notice: Notice, run: Run) -> None:
        mail = self._settings.mail
        if not mail.host:
            raise UndeliverableError("this lab has no mail server: see [mail] in cohort.toml")
        message = EmailMessage()
        message["From"], message["To"] = mail.sender, notice.target
        message["Subject"] = _one_line(f"{run.title}: {run.state}")
        message["Message-ID"] = f"<{notice.id}@{self._settings.address.host}>"
        message.set_content("\n".join(self._lines(run)))
        secure = ssl.create_default_context()
        tls = mail.security == "tls"
        options = {"context": secure} if tls else {}
        server = (smtplib.SMTP_SSL if tls else smtplib.SMTP)(
            mail.host, mail.port, timeout=SECONDS, **options
        )
        with server:
            if mail.security == "starttls":
                server.starttls(context=secure)
            if mail.user and mail.password_file:
                password = mail.password_file.read_text(encoding="utf-8").strip()
                server.login(mail.user, password)
            server.send_message(message)

    def _facts(self, run: Run) -> dict:
        return {
            "run": run.id, "title": run.title, "owner": run.owner, "author": run.author,
            "state": run.state, "reason": run.reason, "message": run.message,
            "metrics": run.metrics or {}, "url": self._url(run),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        }  # fmt: skip

    def _lines(self, run: Run) -> Sequence[str]:
        metrics = [f"  {name}: {value}" for name, value in (run.metrics or {}).items()]
        return [
            f"The run {run.title} of {people(run.owner)} has ended: {run.state}.",
            *([run.message] if run.message else []),
            *(["", "Metrics:", *metrics] if metrics else []),
            "",
            self._url(run),
        ]

    def _url(self, run: Run) -> str:
        return f"{self._settings.address.url}/services/experiments/runs/{run.id}"


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, if it stands for one."""
    if any(address in net for net in STANDING_IN if net.version == address.version):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return getattr(address, "sixtofour", None) or address


async def _post(target: httpx.URL, **request) -> int:
    """The status of the answer; its body, which may be endless, is not read."""
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as http,
        http.stream("POST", target, **request) as answer,
    ):
        return answer.status_code


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
