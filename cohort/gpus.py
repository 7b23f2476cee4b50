"""The GPU ledger: the one place that says who holds which device.

Invariant: a device has at most one holder. The table's primary key keeps that whatever the
code does; the lock around a claim makes it all or nothing. Everything that starts a
container with a GPU claims here first and releases once the container is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from cohort.cdi import natural_key
from cohort.database import Base, UtcDateTime, lock_table
from cohort.errors import CohortError, GpuTakenError


class GpuClaim(Base):
    """A row per device that is held."""

    __tablename__ = "gpu_claims"

    device: Mapped[str] = mapped_column(String(255), primary_key=True)
    holder_kind: Mapped[str] = mapped_column(String(31))
    holder_name: Mapped[str] = mapped_column(String(255))
    holder_label: Mapped[str] = mapped_column(String(255))
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Holder:
    """Who holds GPUs: a kind ("team", "run"), a name unique in it, and a label for people.

    Two holders of the same kind and name are the same, whatever their labels.
    """

    kind: str
    name: str
    label: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.label or self.name


@dataclass(frozen=True)
class Claim:
    """A device, its holder, and since when (UTC)."""

    device: str
    holder: Holder
    since: datetime


def gpu_label(device: str) -> str:
    """Return what people call a device: ``GPU 0`` for ``nvidia.com/gpu=0``."""
    return f"GPU {device.partition('=')[2] or device}"


def utc_now() -> datetime:
    """The ledger's clock."""
    return datetime.now(UTC)


class GpuLedger:
    """Claims on the lab's devices, shared by every service through the database."""

    def __init__(
        self, engine: Engine, devices: Sequence[str], now: Callable[[], datetime] = utc_now
    ) -> None:
        self.engine = engine
        self.devices = tuple(devices)
        self.now = now

    def claim(self, holder: Holder, count: int) -> tuple[str, ...]:
        """Give a holder exactly this many devices, all or nothing, and return them.

        Claiming again returns the same devices; for another count the holder keeps what it
        can. Raises `GpuTakenError` if others hold too many, `CohortError` if the lab has
        fewer than that. Nothing is changed then.
        """
        self._check_capacity(count)
        with Session(self.engine) as session, session.begin():
            lock_table(session, GpuClaim.__tablename__)
            claims = _read(session)
            others = {c.device: c for c in claims if c.holder != holder}
            mine = [c.device for c in claims if c.holder == holder]
            free = [d for d in self.devices if d not in others]
            if len(free) < count:
                raise GpuTakenError(self._taken(holder, count, claims))
            # What it holds comes first, so that a second claim changes nothing.
            kept = sorted(free, key=lambda device: device not in mine)[:count]
            dropped = [d for d in mine if d not in kept]
            session.execute(delete(GpuClaim).where(GpuClaim.device.in_(dropped)))
            session.add_all(self._row(d, holder) for d in kept if d not in mine)
        return tuple(d for d in self.devices if d in kept)

    def release(self, holder: Holder) -> tuple[str, ...]:
        """Free all that a holder has and return it; empty if it has nothing."""
        with Session(self.engine) as session, session.begin():
            return _free(session, [c for c in _read(session) if c.holder == holder])

    def claims(self) -> list[Claim]:
        """Return what is held, by device in natural order."""
        with Session(self.engine) as session, session.begin():
            return _read(session)

    def reconcile(self, live: set[Holder], kind: str = "team") -> list[Claim]:
        """Free the claims of this kind whose holders are not alive any more; return them.

        Only one kind at a time, because a service knows what is alive of its own kind alone.
        """
        with Session(self.engine) as session, session.begin():
            lock_table(session, GpuClaim.__tablename__)
            gone = [c for c in _read(session) if c.holder.kind == kind and c.holder not in live]
            _free(session, gone)
        return gone

    def _row(self, device: str, holder: Holder) -> GpuClaim:
        return GpuClaim(
            device=device,
            holder_kind=holder.kind,
            holder_name=holder.name,
            holder_label=holder.label,
            claimed_at=self.now(),
        )

    def _check_capacity(self, count: int) -> None:
        total = len(self.devices)
        if count > total == 0:
            raise CohortError(
                "This lab has no GPU: choose a CPU profile, or ask the operator to add a GPU."
            )
        if count > total:
            raise CohortError(
                f"{count} GPUs were asked for and the lab has only {total}: choose a profile "
                f"with fewer."
            )

    def _taken(self, holder: Holder, count: int, claims: list[Claim]) -> str:
        """Return the sentence that says who has what and what to do about it."""
        others = [c for c in claims if c.holder != holder and c.device in self.devices]
        total = len(self.devices)
        free = total - len(others)
        if free:
            start = f"Only {free} of the lab's {total} GPUs {'is' if free == 1 else 'are'} free"
            start += f" and {count} were asked for"
        else:
            start = {1: "The lab's only GPU is taken", 2: "Both GPUs are taken"}.get(
                total, f"All {total} GPUs are taken"
            )
        advice = "wait until one ends"
        if any(c.holder.kind == "team" for c in others):
            advice = "ask them to stop their workspace"
        if holder.kind == "team":
            advice += ", or start yours with a CPU profile"
        return f"{start}: {self._who(others)}; {advice}."

    def _who(self, claims: list[Claim]) -> str:
        by_holder: dict[Holder, list[Claim]] = {}
        for claim in claims:
            by_holder.setdefault(claim.holder, []).append(claim)
        parts = []
        for held in by_holder.values():
            *most, last = [gpu_label(c.device) for c in held]
            names = f"{', '.join(most)} and {last}" if most else last
            since = _when(min(c.since for c in held), self.now())
            parts.append(f"{held[0].holder} has {names} (since {since})")
        return ", ".join(parts)


def _read(session: Session) -> list[Claim]:
    rows = session.scalars(select(GpuClaim)).all()
    claims = [
        Claim(r.device, Holder(r.holder_kind, r.holder_name, r.holder_label), r.claimed_at)
        for r in rows
    ]
    return sorted(claims, key=lambda c: natural_key(c.device))


def _free(session: Session, claims: list[Claim]) -> tuple[str, ...]:
    devices = tuple(c.device for c in claims)
    session.execute(delete(GpuClaim).where(GpuClaim.device.in_(devices)))
    return devices


def _when(then: datetime, now: datetime) -> str:
    """Return a time as people say it, in the machine's own zone: the day only if not today."""
    then, now = then.astimezone(), now.astimezone()
    if then.date() == now.date():
        return f"{then:%H:%M}"
    return f"{then.day} {then:%B}, {then:%H:%M}"
