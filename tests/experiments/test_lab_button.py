"""What the button "Run as experiment" asks of its server, in a team's workspace of a real lab."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.experiments.lab_files import write
from tests.experiments.runs import notebook
from tests.labs import Lab

TEAM = "team-apollo"


@pytest.fixture
def lab_with_team(fresh) -> Lab:
    fresh.start(TEAM, "team-cpu")
    return fresh


def press(lab: Lab, body: object) -> tuple[int, dict]:
    """Status and JSON of the answer."""
    answer = lab.request("POST", f"/user/{TEAM}/cohort/experiment", json=body)
    return answer.status_code, answer.json()


def test_the_folder_is_handed_in_as_it_is_and_the_form_knows_it(lab_with_team):
    lab = lab_with_team
    write(lab, TEAM, "study/a b.ipynb", notebook("print(lr)", parameters="lr = 0.1"))
    write(lab, TEAM, "study/table.csv", "1,2")
    status, said = press(lab, {"path": "study/a b.ipynb"})
    assert status == 200, said
    address = urlsplit(said["url"])
    assert address.path == "/services/experiments/new"
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert (query["owner"], query["notebook"]) == (TEAM, "a b.ipynb")

    assert press(lab, {"path": "RTC:study/a b.ipynb"})[1] == said
    write(lab, TEAM, "study/table.csv", "1,3")
    again = parse_qs(urlsplit(press(lab, {"path": "study/a b.ipynb"})[1]["url"]).query)
    assert again["snapshot"] != [query["snapshot"]]


def test_what_cannot_be_handed_in_is_refused_with_a_sentence(lab_with_team):
    lab = lab_with_team
    write(lab, TEAM, "broken/a.ipynb", "{")
    write(lab, TEAM, "other/a.ipynb", '{"some": "json"}')
    write(lab, TEAM, "large/a.ipynb", notebook("1"))
    lab.sh(TEAM, "ln -sf /etc broken/etc; ln -sf /tmp/away.ipynb broken/away.ipynb")
    lab.sh(TEAM, "cp large/a.ipynb /tmp/away.ipynb; truncate -s 20G large/weights.bin")
    outside = "That notebook is not in this workspace."
    for path, sentence in [
        ("../../etc/a.ipynb", outside),
        ("study/../../../tmp/away.ipynb", outside),
        ("broken/away.ipynb", outside),
        ("broken/etc/a.ipynb", outside),
        ("none.ipynb", "There is no notebook none.ipynb"),
        ("broken/a.ipynb", "it is not JSON"),
        ("other/a.ipynb", "it is JSON of another kind"),
        ("large/a.ipynb", "weights.bin"),
        ("large/weights.bin", "Expected the path of a notebook."),
        ("a\0.ipynb", "Expected the path of a notebook."),
        (f"{'a/' * 3000}a.ipynb", "There is no notebook"),
        (7, "Expected the path of a notebook."),
    ]:
        status, said = press(lab, {"path": path})
        assert 400 <= status < 500, (path, said)
        assert sentence in said["message"], path
    for body in (None, [], {}, "a.ipynb"):
        assert press(lab, body)[0] in (400, 422)
