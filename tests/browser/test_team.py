"""Two members of one team in two browsers, one notebook, each other's text and names."""

from playwright.sync_api import expect

from tests.labs import eventually
from tests.people_in_browsers import SLOW


def test_two_members_edit_one_notebook_and_see_each_other(fresh, person):
    ada, ben = person("ada"), person("ben")
    ada.log_in()
    ben.log_in()
    ada.start("team-apollo", "team-cpu")
    ada.new_notebook()
    notebook = next((fresh.data / "teams" / "apollo").glob("*.ipynb")).name
    ben.open("team-apollo")
    ben.page.goto(f"{fresh.url}/user/team-apollo/lab/tree/{notebook}")
    ben.wait_for_lab()
    first = ".jp-NotebookPanel .jp-Cell .cm-content"
    ada.page.locator(first).first.click()
    ada.page.keyboard.insert_text("greeting = 'from ada'")
    expect(ben.page.locator(first).first).to_contain_text("from ada", timeout=SLOW)
    ben.page.locator(first).first.click()
    ben.page.keyboard.press("End")
    ben.page.keyboard.insert_text(" + ' and ben'")
    expect(ada.page.locator(first).first).to_contain_text("and ben", timeout=SLOW)
    # Cursors carry the people's own names.
    expect(ada.page.locator(".jp-remote-cursor, .cm-ySelectionInfo").first).to_be_attached(
        timeout=SLOW
    )
    names = "Array.from(document.querySelectorAll('[class*=ySelection], .jp-remote-cursor')).map(e => e.textContent).join(' ')"  # noqa: E501
    eventually(lambda: "Ben Chan" in ada.page.evaluate(names), 30, "ada sees Ben's name")
    eventually(lambda: "Ada Wong" in ben.page.evaluate(names), 30, "ben sees Ada's name")
    # The home page says who is in it.
    home = ada.context.new_page()
    home.goto(f"{fresh.url}/hub/home")
    expect(home.locator("#card-team-apollo .lab-people")).to_contain_text(
        "Ada Wong, Ben Chan", timeout=SLOW
    )
