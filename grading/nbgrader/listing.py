"""What is released, fetched, handed in and handed back, as nbgrader's lists have it.

Invariant: every fact is the service's, of this moment; what is in folders only says what of it
is here already.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from nbgrader.exchange import abc

from grading.nbgrader.exchange import Exchange, stamp
from grading.nbgrader.notes import about_assignment, about_submission


class ExchangeList(Exchange, abc.ExchangeList):
    """``nbgrader list``, Assignment List and formgrader's states of assignments."""

    def list_files(self) -> list[dict]:
        """The assignments, or the submissions of each, as nbgrader describes them."""
        if self.inbound:
            found = self._grouped(self._inbound())
        elif self.cached:
            found = [one for one in self._own() if one["submissions"]]
        else:
            found = [
                self._released(course, entry) for course, entry in self._entries() if is_out(entry)
            ]
        self._print(found)
        return found

    def remove_files(self) -> list[dict]:
        """Withdraw the named assignment; submissions are never removed."""
        if self.inbound or self.cached:
            self.fail("Submissions are records: nobody removes them from the exchange.")
        self.service.call("DELETE", "courses", self.course, "assignments", self.assignment,
                          "release")  # fmt: skip
        self.log.info("Withdrawn: %s %s", self.course, self.assignment)
        return []

    def _courses(self) -> list[str]:
        if self.coursedir.course_id:
            return [self.coursedir.course_id]
        return [course["id"] for course in self.service.get("courses")]

    def _entries(self, owner: str | None = None) -> Iterator[tuple[str, dict]]:
        """The named assignments with their courses; all if none is named."""
        wanted = self.coursedir.assignment_id or "*"
        for course in self._courses():
            for entry in self.service.get("courses", course, "assignments", owner=owner):
                if fnmatchcase(entry["name"], wanted):
                    yield course, entry

    def _released(self, course: str, entry: dict) -> dict:
        here = self.place(course, entry["name"])
        fetched = here.is_dir()
        if fetched:
            names = [path.name for path in sorted(here.glob("*.ipynb"))]
        else:
            names = [name for name in entry["files"] if "/" not in name and _is_notebook(name)]
        return {
            "course_id": course,
            "assignment_id": entry["name"],
            "status": "fetched" if fetched else "released",
            "path": str(here),
            "notebooks": [
                {"notebook_id": Path(name).stem, "path": str(here / name)} for name in names
            ],
            "note": about_assignment(entry),
        }

    def _own(self) -> Iterator[dict]:
        owner = self.owner
        for course, entry in self._entries(owner):
            yield {
                "course_id": course,
                "student_id": owner,
                "assignment_id": entry["name"],
                "status": "submitted",
                "submissions": [
                    self._submission(course, entry, one, owner)
                    for one in sorted(entry["submissions"], key=lambda one: one["number"])
                ],
                "note": about_assignment(entry),
            }

    def _submission(self, course: str, entry: dict, one: dict, owner: str) -> dict:
        timestamp = stamp(one["received_at"])
        place = self.place(course, entry["name"]) / "feedback" / timestamp
        here = place.is_dir() and any(place.glob("*.html"))
        notebooks = [name for name in entry["files"] if "/" not in name and _is_notebook(name)]
        facts = {
            "has_local_feedback": here,
            "has_exchange_feedback": bool(one.get("feedback")),
            "feedback_updated": False,
            "local_feedback_path": str(place) if here else None,
        }
        return {
            "course_id": course,
            "assignment_id": entry["name"],
            "student_id": owner,
            "timestamp": timestamp,
            "status": "submitted",
            "path": str(self.place(course, entry["name"])),
            "notebooks": [{"notebook_id": Path(name).stem, **facts} for name in notebooks],
            "note": about_submission(one),
            **facts,
        }

    def _inbound(self) -> Iterator[dict]:
        """Everybody's submissions, for instructors."""
        wanted = self.coursedir.student_id or "*"
        for course, entry in self._entries():
            found = self.service.get("courses", course, "assignments", entry["name"],
                                     "submissions")  # fmt: skip
            for one in found:
                if fnmatchcase(one["owner"], wanted):
                    yield self._submission(course, entry, one, one["owner"])

    @staticmethod
    def _grouped(submissions: Iterator[dict]) -> list[dict]:
        groups: dict[tuple, dict] = {}
        for one in submissions:
            keys = ("course_id", "student_id", "assignment_id", "status")
            group = {key: one[key] for key in keys}
            groups.setdefault(tuple(group.values()), {**group, "submissions": []})
            groups[tuple(group.values())]["submissions"].append(one)
        return [groups[key] for key in sorted(groups)]

    def _print(self, found: list[dict]) -> None:
        handed_in = self.inbound or self.cached
        self.log.info("Submitted assignments:" if handed_in else "Released assignments:")
        for entry in found:
            for one in entry.get("submissions", [entry]):
                words = [entry["course_id"], one.get("student_id"), entry["assignment_id"]]
                words += [one.get("timestamp"), f"({one['note']})" if one["note"] else None]
                self.log.info(" ".join(word for word in words if word))


def is_out(entry: dict) -> bool:
    """Whether students can fetch an assignment now."""
    return bool(entry["released_at"]) and not entry["withdrawn"]


def _is_notebook(name: str) -> bool:
    return name.endswith(".ipynb")
