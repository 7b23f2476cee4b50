"""The home page: on a phone, in light and dark, and what its cards say."""

import pytest
from playwright.sync_api import expect

from tests.labs import eventually

PHONE = {"width": 360, "height": 740}
# Relative luminance of the page's background, by WCAG 2's formula.
LUMINANCE = """() => {
  const rgb = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
  const [r, g, b] = rgb.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b;
}"""  # noqa: E501


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(lab, person, scheme, tmp_path):
    ada = person("ada", viewport=PHONE, color_scheme=scheme)
    page = ada.log_in()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for card in page.locator(".lab-card").all():
        box = card.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    light = page.evaluate(LUMINANCE) > 0.5
    assert light == (scheme == "light")


def test_a_card_follows_its_server(fresh, person):
    ada = person("ada")
    ada.log_in()
    card = ada.card("team-apollo")
    expect(card).to_have_attribute("data-state", "off")
    fresh.api("POST", "/users/team-apollo/server", json={"profile": "team-gpu"})
    # The page is not reloaded: it looks by itself.
    expect(card).to_have_attribute("data-state", "running", timeout=30_000)
    expect(card.locator(".lab-gpu")).to_have_text("GPU 0")
    card.get_by_role("button", name="Stop").click()
    expect(card).to_have_attribute("data-state", "off", timeout=30_000)
    eventually(lambda: not fresh.server("team-apollo"), what="stopped")


def test_each_role_sees_its_own(lab, person):
    marco = person("marco")
    page = marco.log_in()
    expect(marco.card("team-apollo")).to_contain_text("You advise this team")
    expect(marco.card("team-apollo").get_by_role("button")).to_have_count(0)
    expect(marco.card("team-borealis")).to_be_visible()
    ines = person("ines")
    page = ines.log_in()
    expect(page.locator("[id^=card-team]")).to_have_count(0)
    names = ines.card("ines").locator("option").all_inner_texts()
    assert any("Staff desk" in name for name in names)
