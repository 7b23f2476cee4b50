"""JupyterLab's "Notebook Jobs" panel and the button "Run as experiment", as a member uses them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.experiments.lab_files import write
from tests.experiments.runs import notebook
from tests.labs import eventually
from tests.people_in_browsers import SLOW

TEAM = "team-apollo"


@pytest.fixture
def page(fresh, person) -> Page:
    """A notebook of the team's, open in its JupyterLab."""
    ada = person("ada")
    ada.log_in()
    ada.start(TEAM, "team-cpu")
    study = notebook("print(lr)", parameters="lr = 0.1")
    fresh.sh(TEAM, "rm -rf study")
    write(fresh, TEAM, "study/a.ipynb", study)
    ada.page.goto(f"{fresh.url}/user/{TEAM}/lab/tree/study/a.ipynb")
    ada.wait_for_lab()
    ada.kernel_idle()
    return ada.page


def test_a_job_is_created_in_the_panel_and_seen_completed(page):
    page.locator("[data-jp-item-name=create-job]").first.click()
    panel = page.locator(".jp-notebook-jobs-panel")
    # The panel forgets what was typed before it knew the environment.
    expect(panel.get_by_label("Report")).to_be_checked(timeout=SLOW)
    panel.get_by_label("Job name").fill("From the panel")
    panel.get_by_role("button", name="Create", exact=True).click()
    row = panel.get_by_role("row").filter(has_text="From the panel").first
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
