"""The command as people have it: in a team's workspace, with its token, at the lab's service."""

from __future__ import annotations

import base64
import json
import shlex

import pytest

from tests.experiments.runs import notebook
from tests.labs import Lab

SECRET = "hunter2-5c1"
TRAIN = notebook(
    "import os\nfrom experiments import record\n"
    "print('rate', lr, 'key', len(api_key), api_key)\nrecord('loss', lr / 4)",
    "os.makedirs('outputs', exist_ok=True)\nopen('outputs/model.txt', 'w').write(str(lr))",
    "assert lr < 1, 'too fast'",
    parameters='lr = 0.1\napi_key: "secret" = ""',
)


class Workspace:
    """A team's workspace in which somebody types commands."""

    def __init__(self, lab: Lab, account: str) -> None:
        self._lab, self._account = lab, account
        content = base64.b64encode(json.dumps(TRAIN).encode()).decode()
        lab.sh(account, f"mkdir -p study && echo {content} | base64 -d > study/train.ipynb")

    def type(self, *argv: str) -> tuple[int, str]:
        """Exit code of the command, and what it printed as its answer."""
        line = f"export API_KEY={SECRET}; experiments {shlex.join(argv)}"
        *lines, code = self._lab.sh(
            self._account, f"{line}; code=$?; echo; echo $code"
        ).splitlines()
        return int(code), "\n".join(lines).rstrip()

    def ask(self, *argv: str) -> tuple[int, dict]:
        """Exit code of the command, and its JSON."""
        code, said = self.type(*argv, "--json")
        return code, json.loads(said)


@pytest.fixture
def apollo(fresh) -> Workspace:
    fresh.start("team-apollo", "team-cpu")
    return Workspace(fresh, "team-apollo")


def test_a_team_runs_verifies_sweeps_and_keeps_to_itself(apollo, fresh):
    submit = ("submit", "study/train.ipynb", "--memory", "512M", "--wait")
    code, said = apollo.ask(*submit, "-p", "lr=0.2", "--secret", "api_key")
    run = said["run"]
    assert (code, run["state"], run["metrics"]) == (0, "succeeded", {"loss": 0.05})
    assert run["owner"] == "team-apollo"

    code, said = apollo.type(*submit, "-p", "lr=2")
    assert code == 1
    assert "too fast" in said

    code, events = apollo.type("follow", run["id"])
    assert code == 0
    assert f"rate 0.2 key {len(SECRET)} •••" in events

    code, said = apollo.type("verify", run["id"], "--secret", "api_key")
    assert code == 0
    assert "REPRODUCED" in said

    assert apollo.type("download", run["id"], "--to", "got")[0] == 0
    assert fresh.sh("team-apollo", "cat got/outputs/model.txt") == "0.2"
    assert fresh.sh("team-apollo", f"grep -rl {SECRET} got || true") == ""

    axes = ("-g", "lr=0.1:0.4:0.1", "--max-running", "2", "--memory", "512M", "--wait")
    code, said = apollo.ask("sweep", "study/train.ipynb", *axes)
    assert (code, said["sweep"]["counts"]) == (0, {"succeeded": 4})
    code, table = apollo.ask("compare", "--sweep", said["sweep"]["id"])
    assert [row["values"] for row in table["rows"]] == [
        [0.1, 0.025], [0.2, 0.05], [0.3, 0.075], [0.4, 0.1],
    ]  # fmt: skip

    fresh.stop("team-apollo")
    fresh.start("team-borealis", "team-cpu")
    borealis = Workspace(fresh, "team-borealis")
    assert borealis.ask("list")[1] == {"runs": []}
    for command in ("show", "logs", "cancel", "download", "verify", "retry"):
        code, said = borealis.ask(command, run["id"])
        assert (code, said["error"]["code"]) == (2, "run_unknown")
