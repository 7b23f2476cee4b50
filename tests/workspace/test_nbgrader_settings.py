"""nbgrader in every kind of server uses the lab's plug-ins, and a course's server knows its course.

Asked of the image, as the command ``nbgrader`` and the pages read their settings there.
"""

from __future__ import annotations

import json

from tests.workspace import servers

ASK = """
import json
from nbgrader.apps import NbGrader
from nbgrader.auth import Authenticator
from nbgrader.exchange import ExchangeFactory
app = NbGrader()
app.initialize([])
factory = ExchangeFactory(parent=app)
print(json.dumps({
    "plugins": sorted(getattr(factory, name).__module__ for name in factory.trait_names(config=True)),
    "courses": type(Authenticator(parent=app).plugin).__module__,
    "course": app.coursedir.course_id,
    "root": app.coursedir.root,
}))
"""  # noqa: E501


def settings(*options: str) -> dict:
    """What nbgrader goes by in a container with these options of ``docker run``."""
    return json.loads(servers.python(ASK, "--workdir", "/tmp", *options))


def test_every_operation_and_the_courses_come_from_the_labs_plug_ins():
    found = settings()
    assert len(found["plugins"]) == 8
    assert all(module.startswith("grading.nbgrader.") for module in found["plugins"]), found
    assert found["courses"].startswith("grading.nbgrader.")
    assert (found["course"], found["root"]) == ("", "/tmp")


def test_a_courses_server_has_its_folder_and_its_course():
    found = settings("--env", "COHORT_KIND=course", "--env", "COHORT_COURSE=ml")
    assert (found["course"], found["root"]) == ("ml", "/home/jovyan")
