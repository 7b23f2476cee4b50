"""Two members of one team in two browsers, one notebook, each other's text and names."""

from playwright.sync_api import expect

from tests.labs import eventually
from tests.people_in_browsers import SLOW


def name_at_cursor(person) -> str:
    """Point at the other one's cursor, as a person would, and read whose it is."""
    cursor = person.page.locator(".jp-remote-cursor").first
    expect(cursor).to_be_attached(timeout=SLOW)
    flag = person.page.locator(".jp-remote-userFlag").first

    def pointed_at() -> bool:
        box = cursor.bounding_box()
        if box:
            person.page.mouse.move(box["x"] + 40, box["y"] + 60)
            person.page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=4)
        return flag.is_visible()

    eventually(pointed_at, 30, "the flag at the cursor")
    return flag.inner_text().splitlines()[-1]  # above it stand the initials


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
    assert name_at_cursor(ada) == "Ben Chan"
    assert name_at_cursor(ben) == "Ada Wong"
    # The home page says who is in it.
    home = ada.context.new_page()
    home.goto(f"{fresh.url}/hub/home")
    expect(home.locator("#card-team-apollo .lab-people")).to_contain_text(
        "Ada Wong, Ben Chan", timeout=SLOW
    )
