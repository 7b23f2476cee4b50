"""A person logs in through the browser and works: desk, notebook, file."""

from playwright.sync_api import expect

from tests.people_in_browsers import SLOW


def test_from_log_in_to_a_notebook_that_ran(fresh, person):
    ada = person("ada")
    page = ada.log_in()
    expect(page.get_by_role("heading", name="Test Lab")).to_be_visible()
    expect(ada.card("ada")).to_contain_text("Your desk")
    expect(ada.card("team-apollo")).to_contain_text("Team apollo")
    expect(page.locator("#card-team-borealis")).to_have_count(0)
    expect(page.locator("#latest-runs")).to_contain_text("No runs yet")
    ada.start("ada", "desk")
    ada.new_notebook()
    ada.run_cell("import os; print(6 * 7, os.getuid())", "42 1000")
    page.keyboard.press("Control+s")
    home = fresh.data / "people" / "ada"
    expect(page.locator(".jp-NotebookPanel")).to_be_visible(timeout=SLOW)
    assert [f.name for f in home.glob("*.ipynb")] == ["Untitled.ipynb"]


def test_log_out_ends_the_session_here_and_at_the_provider(lab, person):
    ada = person("ada")
    page = ada.log_in()
    page.locator("#logout").click()
    expect(page.locator("#login-button")).to_be_visible()
    status, text = ada.fetch("/hub/home")
    assert "login-button" in text or status in (401, 403)
    page.locator("#login-button").click()
    # The provider asks again: its own session has ended too.
    expect(page.locator("input[name=login], input[name=password]").first).to_be_visible()
