"""Which courses somebody is in, for nbgrader's lists and checks.

Invariant: nothing here lets anybody in; the service asks the hub at each request, and answers
with the courses of whoever's token it was.
"""

from __future__ import annotations

from nbgrader.auth import BaseAuthPlugin

from cohort.errors import CohortError
from grading.nbgrader.client import service
from grading.nbgrader.sentences import tell


class CoursesPlugin(BaseAuthPlugin):
    """nbgrader's authenticator: the courses that the service names."""

    def get_student_courses(self, student_id: str) -> list[str] | None:
        """Ids of the courses of this server's account; of others the service says nothing."""
        try:
            return [course["id"] for course in service().get("courses")]
        except CohortError as error:
            tell(str(error))
            raise

    def add_student_to_course(self, student_id: str, course_id: str) -> None:
        """Nothing: the lab's settings say who takes a course."""

    def remove_student_from_course(self, student_id: str, course_id: str) -> None:
        """Nothing: the lab's settings say who takes a course."""
