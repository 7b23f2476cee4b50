"""jupyter-scheduler's own REST API, in a team's workspace, in front of the lab's service."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.experiments.lab_files import write
from tests.experiments.runs import notebook
from tests.labs import Lab, eventually

TEAM = "team-apollo"
STUDY = notebook(
    "import time\nfrom experiments import record\nrecord('steps', steps)\ntime.sleep(pause)",
    "import os\nos.makedirs('outputs', exist_ok=True)\n"
    "open('outputs/said.txt', 'w').write(word + str(len(api_key)))",
    parameters='steps: int = 3\npause = 0.0\nword = "yes"\napi_key: "secret" = ""',
)


class Panel:
    """What the panel of an account's workspace asks its server."""

    def __init__(self, lab: Lab, account: str = TEAM) -> None:
        self.lab, self.account = lab, account
        write(lab, account, "study/a.ipynb", STUDY)

    def ask(self, method: str, path: str, body: dict | None = None, status: int = 200) -> dict:
        """The JSON of an answer, which has to have this status."""
        answer = self.lab.request(method, f"/user/{self.account}/scheduler/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else {}

    def refused(self, method: str, path: str, body: dict | None = None) -> str:
        """The sentence of a refusal; jupyter-scheduler knows no status for one but 500."""
        return self.ask(method, path, body, status=500)["message"]

    @property
    def environment(self) -> str:
        """The one that is offered."""
        (one,) = self.ask("GET", "runtime_environments")
        assert one["name"] == one["label"]
        return one["name"]

    def job(self, **more) -> dict:
        """What to ask for a job with."""
        return {
            "name": "A study", "input_uri": "study/a.ipynb", "output_formats": ["ipynb", "html"],
            "runtime_environment_name": self.environment,
            "runtime_environment_parameters": {"memory": "512M"}, **more,
        }  # fmt: skip

    def create(self, **more) -> str:
        """Create a job; its id."""
        return self.ask("POST", "jobs", self.job(**more))["job_id"]

    def until(self, job: str, *statuses: str) -> dict:
        """The job, once it has one of these statuses."""
        described: dict = {}

        def there() -> bool:
            described.update(self.ask("GET", f"jobs/{job}"))
            return described["status"] in statuses

        eventually(there, 90, f"{job} {statuses}: {described}")
        return described

    def run(self, job: str) -> dict:
        """The run that a job is, as the command in the same workspace tells it."""
        return json.loads(self.lab.sh(self.account, f"experiments show {job} --json"))["run"]


@pytest.fixture
def panel(fresh) -> Iterator[Panel]:
    fresh.start(TEAM, "team-cpu")
    panel = Panel(fresh)
    yield panel
    for one in panel.ask("GET", "job_definitions")["job_definitions"]:
        panel.ask("DELETE", f"job_definitions/{one['job_definition_id']}", status=204)


def scheduler_loaded(lab: Lab) -> bool:
    """Whether a process of the workspace has loaded what jupyter-scheduler stands on."""
    return bool(lab.sh(TEAM, "cat /proc/[0-9]*/maps | grep -m 1 sqlalchemy || true"))


def test_a_page_that_opens_loads_nothing_of_it(panel, fresh):
    assert panel.ask("GET", "jobs?max_items=0") == {"jobs": [], "total_count": 0}
    assert not scheduler_loaded(fresh)
    assert "jobs" in panel.ask("GET", "jobs?max_items=1")
    assert scheduler_loaded(fresh)
    assert fresh.sh(TEAM, "find ~ -name 'scheduler*.sqlite'") == ""


def test_a_job_runs_is_listed_downloaded_and_stays_on_record(panel, fresh):
    texts = {"steps": "5", "word": "no", "api_key": "hunter2"}
    job = panel.create(parameters=texts, tags=["first"])
    done = panel.until(job, "COMPLETED", "FAILED")
    assert (done["status"], done["name"], done["input_filename"]) == (
        "COMPLETED", "A study", "a.ipynb",
    )  # fmt: skip
    assert done["parameters"] == {"steps": "5", "word": "no"}
    assert done["create_time"] <= done["start_time"] <= done["end_time"]

    other = panel.create(name="Another", parameters={"steps": "1"})
    panel.until(other, "COMPLETED")
    listed = panel.ask("GET", "jobs?max_items=1")
    assert [one["job_id"] for one in listed["jobs"]] == [other]
    more = panel.ask("GET", f"jobs?max_items=1&next_token={listed['next_token']}")
    assert [one["job_id"] for one in more["jobs"]] == [job]
    found = panel.ask("GET", "jobs?tags=first&status=COMPLETED&sort_by=asc(name)")
    assert [one["job_id"] for one in found["jobs"]] == [job]
    assert panel.ask("GET", "jobs?name=Anot")["total_count"] == 1
    names = [one["name"] for one in panel.ask("GET", "jobs?sort_by=desc(name)")["jobs"]]
    assert names == sorted(names, reverse=True)
    assert len(names) >= 2

    assert not done["downloaded"]
    panel.ask("GET", f"jobs/{job}/download_files", status=204)
    done = panel.ask("GET", f"jobs/{job}")
    assert done["downloaded"]
    files = {one["file_format"]: one["file_path"] for one in done["job_files"]}
    assert json.loads(fresh.sh(TEAM, f"cat '{files['ipynb']}'"))["nbformat"] == 4
    assert "<html" in fresh.sh(TEAM, f"head -c 2000 '{files['html']}'")
    folder = files["html"].rpartition("/")[0]
    assert fresh.sh(TEAM, f"cat '{folder}/outputs/said.txt'") == "no7"

    assert "stays on record" in panel.refused("DELETE", f"jobs/{job}")
    assert panel.ask("GET", f"jobs/{job}")["status"] == "COMPLETED"


def test_running_jobs_are_counted_stopped_and_deleted(panel):
    jobs = [panel.create(parameters={"pause": "600"}) for _ in range(2)]
    for job in jobs:
        panel.until(job, "IN_PROGRESS")
    assert panel.ask("GET", "jobs/count")["count"] == 2
    panel.ask("PATCH", f"jobs/{jobs[0]}", {"status": "STOPPED"}, status=204)
    panel.ask("DELETE", f"jobs/{jobs[1]}", status=204)
    for job in jobs:
        assert panel.until(job, "STOPPED")["status_message"]
    assert panel.ask("GET", "jobs/count")["count"] == 0


def test_a_definition_is_created_paused_changed_run_and_deleted(panel):
    wanted = panel.job(schedule="0 2 * * *", timezone="Europe/London", parameters={"steps": "7"})
    one = panel.ask("POST", "job_definitions", wanted)["job_definition_id"]
    path = f"job_definitions/{one}"
    told = panel.ask("GET", path)
    assert (told["schedule"], told["timezone"], told["active"], told["parameters"]) == (
        "0 2 * * *", "Europe/London", True, {"steps": "7"},
    )  # fmt: skip
    panel.ask("PATCH", path, {"active": False}, status=204)
    assert panel.ask("GET", path)["active"] is False
    change = {"active": True, "schedule": "30 3 * * 1", "input_uri": "a.ipynb"}
    panel.ask("PATCH", path, change, status=204)
    assert "input_uri of a schedule cannot" in panel.refused(
        "PATCH", path, {"input_uri": "b.ipynb"}
    )
    told = panel.ask("GET", path)
    assert (told["active"], told["schedule"]) == (True, "30 3 * * 1")
    listed = panel.ask("GET", "job_definitions")["job_definitions"]
    assert [one["job_definition_id"] for one in listed] == [one]

    job = panel.ask("POST", f"{path}/jobs", {"parameters": {"word": "now"}})["job_id"]
    done = panel.until(job, "COMPLETED", "FAILED")
    assert (done["status"], done["parameters"]) == ("COMPLETED", {"steps": "7", "word": "now"})

    panel.ask("DELETE", path, status=204)
    assert panel.ask("GET", "job_definitions")["job_definitions"] == []
    assert panel.ask("GET", f"jobs/{job}")["status"] == "COMPLETED"


def test_a_job_with_a_gpu_has_one(panel, fresh):
    told = "[name for name in os.environ if name.startswith('COHORT_SIM_GPU_')]"
    code = f"import os\nfrom experiments import record\nrecord('devices', ' '.join({told}))"
    write(fresh, TEAM, "study/gpu.ipynb", notebook(code))
    job = panel.create(compute_type="GPU", input_uri="study/gpu.ipynb")
    done = panel.until(job, "COMPLETED", "FAILED")
    assert (done["status"], done["compute_type"]) == ("COMPLETED", "GPU")
    run = panel.run(job)
    assert run["gpus"] == 1
    [device] = run["devices"]
    assert run["metrics"]["devices"] == f"COHORT_SIM_GPU_{device.rpartition('=')[2]}"
    assert panel.run(panel.create(compute_type="CPU"))["gpus"] == 0


def test_a_job_of_a_desk_is_its_persons(fresh):
    fresh.start("ada", "desk")
    desk = Panel(fresh, "ada")
    job = desk.create(parameters={"steps": "2"})
    assert desk.until(job, "COMPLETED", "FAILED")["status"] == "COMPLETED"
    run = desk.run(job)
    assert (run["owner"], run["author"], run["metrics"]) == ("ada", "ada", {"steps": 2})
    desk.ask("GET", f"jobs/{job}/download_files", status=204)
    assert desk.ask("GET", f"jobs/{job}")["downloaded"]

    # Neither of the two workspaces that she works in lists the other's.
    fresh.start(TEAM, "team-cpu")
    team = Panel(fresh)
    theirs = team.create()
    assert job not in {one["job_id"] for one in team.ask("GET", "jobs")["jobs"]}
    assert theirs not in {one["job_id"] for one in desk.ask("GET", "jobs")["jobs"]}
    team.until(theirs, "COMPLETED")


def test_what_cannot_be_is_refused_with_a_sentence(panel):
    before = panel.ask("GET", "jobs")["total_count"]
    refusals = [
        ({"parameters": {"steps": "many"}}, "steps expects"),
        ({"parameters": {"step": "1"}}, "did you mean steps"),
        ({"input_uri": "study/../../../etc/a.ipynb"}, "not in this workspace"),
        ({"input_uri": "study/none.ipynb"}, "There is no notebook"),
        ({"runtime_environment_name": "conda"}, "choose"),
        ({"output_formats": ["pdf"]}, "there is ipynb and html"),
        ({"compute_type": "TPU"}, "CPU or GPU"),
        ({"runtime_environment_parameters": {"secrets": "x"}}, "no limit 'secrets'"),
        ({"idempotency_token": "again"}, "idempotency_token"),
    ]
    for change, sentence in refusals:
        assert sentence in panel.refused("POST", "jobs", panel.job(**change))
    for change, sentence in [
        ({"schedule": "every night"}, "cron"),
        ({"schedule": "0 2 * * *", "timezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({}, "needs a schedule"),
    ]:
        assert sentence in panel.refused("POST", "job_definitions", panel.job(**change))
    assert "cannot be sorted by 'secret'" in panel.refused("GET", "jobs?sort_by=asc(secret)")
    assert "cannot be changed" in panel.refused("PATCH", "jobs/run-0000", {"name": "Other"})
    assert "next_token" in panel.refused("GET", "jobs?next_token=-1")
    assert panel.ask("GET", "jobs")["total_count"] == before
    for unknown in ("jobs/run-0000", "job_definitions/schedule-0000"):
        assert panel.refused("GET", unknown)
