"""nbgrader with the lab's grading service in place of a shared folder, in every kind of server."""

from grading.nbgrader.settings import apply

apply(get_config())  # noqa: F821 - nbgrader defines it
