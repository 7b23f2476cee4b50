"""Finding runs: lists and the gallery, newest first, page by page.

Invariant: the work for a page depends on the page's length, not on how many runs there are. Each
condition is a range of an index that is in the order of the list already, a page begins at a key
and not at a number, and of several conditions the rarest leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, func, literal, select, tuple_, union_all
from sqlalchemy.orm import Session, aliased, defer

from experiments import paging
from experiments.checks import check_text
from experiments.errors import ExperimentError
from experiments.states import State
from experiments.tables import Run, RunTag, RunTerm
from experiments.terms import term, words_of

WORDS = 5  # of a search
ENDINGS = 50  # words that one beginning is looked up as
COUNTED = 200  # how far the hits of a condition are counted to find the rarest
BRANCHES = 100  # of one statement; SQLite allows 500
TERMS = ("author", "notebook", "tag", "sweep", "schedule")


@dataclass(frozen=True)
class Query:
    """What runs are looked for; empty means any.

    ``text`` finds runs that have every word of it, or a word that begins so, in title, notebook,
    tags, author or team.
    """

    owners: frozenset[str] | None  # whose runs the reader sees; None: everybody's
    states: tuple[State, ...] = ()
    author: str = ""
    notebook: str = ""
    tag: str = ""
    sweep: str = ""
    schedule: str = ""
    text: str = ""


@dataclass(frozen=True)
class Page:
    """Some runs, and the key of the next page if there is one."""

    runs: list[Run]
    next: str | None


@dataclass(frozen=True)
class _Condition:
    """Runs of an owner (None: any) under a key (None: any), for any of these pairs."""

    table: type[Run] | type[RunTerm]
    pairs: tuple[tuple[str | None, str | None], ...]

    @property
    def keys(self) -> list[str]:
        return sorted({key for _, key in self.pairs if key is not None})


def find(session: Session, query: Query, limit: int = 50, after: str | None = None) -> Page:
    """Return one page, newest first; the runs come without provenance, which is large.

    ``after`` is the ``next`` of the page before. Raises `ExperimentError` for what cannot be one.
    """
    position = paging.position(after)
    conditions = _conditions(session, query)
    if not all(condition.pairs for condition in conditions):
        return Page([], None)
    if len(conditions) > 1:
        conditions.sort(key=lambda condition: len(_keys(session, condition, [], None, COUNTED)))
    lead, *others = conditions
    keys = _keys(session, lead, others, position, limit + 1)
    return _page(session, sorted(keys, reverse=True), limit)


def published(session: Session, limit: int = 50, after: str | None = None) -> Page:
    """What teams show to the lab, the latest first; as `find`."""
    position = paging.position(after)
    keys = select(Run.published_at, Run.id).where(Run.published_at.is_not(None))
    if position is not None:
        keys = keys.where(tuple_(Run.published_at, Run.id) < position)
    keys = keys.order_by(Run.published_at.desc(), Run.id.desc()).limit(limit + 1)
    return _page(session, [(at, run_id) for at, run_id in session.execute(keys)], limit)


def choices(session: Session, owners: frozenset[str] | None, kind: str, begins: str) -> list[str]:
    """Which authors, notebooks or tags (``kind``) there are that begin so, at most `ENDINGS`."""
    start = term(kind, _checked(kind, begins))
    found = {t for owner in _owners(owners) for t in _terms_from(session, owner, start)}
    return [text.partition(":")[2] for text in sorted(found)[:ENDINGS]]


def tags_of(session: Session, run_ids: Iterable[str]) -> dict[str, list[str]]:
    """The tags of some runs, by run."""
    tags: dict[str, list[str]] = {run_id: [] for run_id in run_ids}
    rows = select(RunTag).where(RunTag.run_id.in_(tags)).order_by(RunTag.tag)
    for row in session.scalars(rows):
        tags[row.run_id].append(row.tag)
    return tags


def _conditions(session: Session, query: Query) -> list[_Condition]:
    owners = _owners(query.owners)
    conditions = []
    for kind in TERMS:
        value = _checked(kind, getattr(query, kind))
        if value:
            pairs = tuple((owner, term(kind, value)) for owner in owners)
            conditions.append(_Condition(RunTerm, pairs))
    for word in words_of(_checked("text", query.text))[:WORDS]:
        start = term("word", word)
        # One letter would find anything: it is a word.
        look = _terms_from if len(word) > 1 or not word.isascii() else _itself
        pairs = tuple((owner, t) for owner in owners for t in look(session, owner, start))
        conditions.append(_Condition(RunTerm, pairs))
    if query.states:
        pairs = tuple((owner, state) for owner in owners for state in query.states)
        conditions.append(_Condition(Run, pairs))
    return conditions or [_Condition(Run, tuple((owner, None) for owner in owners))]


def _owners(owners: frozenset[str] | None) -> Sequence[str | None]:
    return [None] if owners is None else sorted(owners)


def _itself(session: Session, owner: str | None, start: str) -> list[str]:
    return [start]


def _terms_from(session: Session, owner: str | None, start: str) -> list[str]:
    """The first terms that begin so: one look in the index for each, however many runs have it.

    Neither database skips from one distinct value to the next by itself, hence the recursion:
    https://wiki.postgresql.org/wiki/Loose_indexscan
    """
    end = start[:-1] + chr(ord(start[-1]) + 1)
    inside = [RunTerm.term < end] + ([] if owner is None else [RunTerm.owner == owner])
    first = select(func.min(RunTerm.term).label("term"), literal(1).label("number"))
    found = first.where(RunTerm.term >= start, *inside).cte("found", recursive=True)
    following = select(func.min(RunTerm.term)).where(RunTerm.term > found.c.term, *inside)
    step = select(following.scalar_subquery(), found.c.number + 1)
    found = found.union_all(step.where(found.c.term.is_not(None), found.c.number < ENDINGS))
    return list(session.scalars(select(found.c.term).where(found.c.term.is_not(None))))


def _columns(table) -> tuple:
    """Owner, key, time and run of a table of conditions."""
    if hasattr(table, "state"):
        return table.owner, table.state, table.created_at, table.id
    return table.owner, table.term, table.created_at, table.run_id


def _keys(
    session: Session, lead: _Condition, others: list[_Condition], position, limit: int
) -> set[tuple[datetime, str]]:
    """Time and id of the first runs of each pair of a condition that meet the others as well."""
    keys: set[tuple[datetime, str]] = set()
    for start in range(0, len(lead.pairs), BRANCHES):
        pairs = lead.pairs[start : start + BRANCHES]
        branches = [_branch(lead.table, pair, others, position, limit) for pair in pairs]
        keys.update((at, run_id) for at, run_id in session.execute(union_all(*branches)))
    return keys


def _branch(table, pair, others: list[_Condition], position, limit: int) -> Select:
    """The first runs of one owner and key, from a position on, that meet the others as well."""
    owner, key, at, run_id = _columns(table)
    where = [column == value for column, value in zip((owner, key), pair, strict=True) if value]
    if position is not None:
        where.append(tuple_(at, run_id) < position)
    for other in others:
        same = aliased(other.table)
        _, other_key, _, other_run = _columns(same)
        meets = select(literal(1)).where(other_run == run_id, other_key.in_(other.keys)).limit(1)
        # Not EXISTS: PostgreSQL would make that a join, and read all of the other condition.
        where.append(meets.scalar_subquery().is_not(None))
    newest = select(at, run_id).where(and_(True, *where)).order_by(at.desc(), run_id.desc())
    # A SELECT around it, since SQLite takes ORDER BY and LIMIT in no part of a union.
    return select(newest.limit(limit).subquery())


def _page(session: Session, keys: Sequence[tuple[datetime, str]], limit: int) -> Page:
    ids = [run_id for _, run_id in keys[:limit]]
    rows = session.scalars(select(Run).where(Run.id.in_(ids)).options(defer(Run.provenance)))
    runs = {run.id: run for run in rows}
    following = None
    if len(keys) > limit:
        at, run_id = keys[limit - 1]
        following = paging.cursor_after(at, run_id)
    return Page([runs[run_id] for run_id in ids], following)


def _checked(field: str, value: str) -> str:
    try:
        return check_text(value)
    except ValueError as error:
        raise ExperimentError(
            f'The field "{field}" is not valid: {error}.', code="search_invalid", field=field
        ) from None
