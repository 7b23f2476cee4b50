"""JupyterLab's "Notebook Jobs" panel and the button "Run as experiment", as a member uses them."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.experiments.lab_files import write
from tests.experiments.runs import notebook
from tests.labs import Lab, eventually
from tests.people_in_browsers import SLOW, Person

TEAM = "team-apollo"


def open_study(lab: Lab, one: Person, account: str, profile: str) -> Page:
    """A notebook in an account's workspace, open in its JupyterLab."""
    one.log_in()
    one.start(account, profile)
    lab.sh(account, "rm -rf study")
    write(lab, account, "study/a.ipynb", notebook("print(lr)", parameters="lr = 0.1"))
    one.page.goto(f"{lab.url}/user/{account}/lab/tree/study/a.ipynb")
    one.wait_for_lab()
    one.kernel_idle()
    return one.page


@pytest.fixture
def page(fresh, person) -> Page:
    """A notebook of the team's."""
    return open_study(fresh, person("ada"), TEAM, "team-cpu")


def test_a_job_is_created_in_the_panel_and_seen_completed(page):
    create(page, "From the panel")


def test_a_desks_job_with_a_gpu_is_created_in_the_panel(fresh, person):
    page = open_study(fresh, person("ada"), "ada", "desk")
    create(page, "On a GPU", compute="GPU")
    [run] = json.loads(fresh.sh("ada", "experiments list --text GPU --limit 1 --json"))["runs"]
    assert (run["title"], run["owner"], run["gpus"]) == ("On a GPU", "ada", 1)


def create(page: Page, name: str, compute: str = "") -> None:
    """Create a job of the open notebook in the panel, and see it completed there."""
    page.locator("[data-jp-item-name=create-job]").first.click()
    panel = page.locator(".jp-notebook-jobs-panel")
    # The panel forgets what was typed before it knew the environment.
    expect(panel.get_by_label("Report")).to_be_checked(timeout=SLOW)
    panel.get_by_label("Job name").fill(name)
    if compute:
        panel.get_by_label("Compute type").click()
        page.get_by_role("option", name=compute).click()
        # Until its menu has faded away, it takes what is pressed.
        expect(page.get_by_role("listbox")).to_have_count(0)
    panel.get_by_role("button", name="Create", exact=True).click()
    row = panel.get_by_role("row").filter(has_text=name).first
    expect(row).to_be_visible(timeout=SLOW)

    def completed() -> bool:
        with page.expect_response("**/scheduler/jobs?**"):
            panel.get_by_role("button", name="Reload").click()
        return "Completed" in row.inner_text()

    eventually(completed, 90, "the job completed")


def test_the_button_opens_the_form_in_a_new_tab(page, fresh):
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Run as experiment").first.click()
    form = opened.value
    form.wait_for_url("**/services/experiments/new?**", timeout=SLOW)
    query = parse_qs(urlsplit(form.url).query)
    assert (query["owner"], query["notebook"]) == ([TEAM], ["a.ipynb"])
    assert re.fullmatch("[0-9a-f]{64}", query["snapshot"][0])
    expect(form.locator("[data-parameter=lr]")).to_have_value("0.1", timeout=SLOW)

    fresh.sh(TEAM, "truncate -s 20G study/weights.bin")
    page.get_by_role("button", name="Run as experiment").first.click()
    expect(page.locator(".jp-toast-message")).to_contain_text("weights.bin")
