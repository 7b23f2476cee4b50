"""Runs in the browser: from a file on one's disk to a report, a comparison, a published result."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from experiments.states import State
from tests.experiments.services import archive
from tests.people_in_browsers import SLOW, Person

PREFIX = "/services/experiments"
WIDTHS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1300, "height": 900}}


def code(source: str, **metadata: object) -> dict:
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": [],
            "execution_count": None}  # fmt: skip


def notebook(parameters: str, *cells: str) -> bytes:
    """A notebook with a cell of parameters."""
    first = code(parameters, tags=["parameters"])
    return json.dumps({"cells": [first, *map(code, cells)], "metadata": {}, "nbformat": 4,
                       "nbformat_minor": 4}).encode()  # fmt: skip


PICTURE = """\
import base64
from IPython.display import Image, display
display(Image(base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
)))
"""
# It waits until it is told to go on, so that what is looked at while it runs is there for sure.
PATIENT = """\
import time
print("begun with", lr)
for line in range(100):
    print("line", line)
while lr == 0.5:
    print(".", end="", flush=True); time.sleep(0.2)
"""
STUDY = notebook(
    "lr: float = 0.1  # learning rate\nseed: int = 1",
    PICTURE,
    "print('\\x1b[1mepoch\\x1b[0m 1\\repoch 2 of', 2)",
    "from experiments import record\nrecord('loss', round(lr * 2 + seed, 3))",
    "from pathlib import Path\nPath('outputs').mkdir(); Path('outputs/a.csv').write_text('1,2')",
)
HOSTILE_HTML = (
    "<script>parent.OWNED=1; top.document.title='OWNED'</script><img src=x onerror='top.OWNED=1'>"
)
HOSTILE = notebook(
    "name = ''",
    f"from IPython.display import HTML, Javascript, display\ndisplay(HTML({HOSTILE_HTML!r}))\n"
    "display(Javascript('window.OWNED=1; parent.OWNED=1'))",
    f"print({HOSTILE_HTML!r})",
    "from IPython.display import SVG\nfrom experiments import record\n"
    "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><script>top.OWNED=1</script></svg>'))\n"
    f"record({HOSTILE_HTML!r}, {HOSTILE_HTML!r})\nassert not name, {HOSTILE_HTML!r}",
)


def word_of(one: Person) -> str:
    """What the pages of somebody send with what changes something."""
    page = one.context.request.get(f"{one.lab.url}{PREFIX}/new").text()
    return re.search(r'<meta name="xsrf" content="(\w+)"', page)[1]


def submit(one: Person, content: bytes, title: str, **parameters: object) -> str:
    """A run of a notebook, as the form makes it; the address of its page."""
    api, headers = f"{one.lab.url}{PREFIX}/api/v1", {"X-XSRFToken": word_of(one)}
    file = {"name": "a.tar.gz", "mimeType": "application/gzip",
            "buffer": archive({"study.ipynb": content})}  # fmt: skip
    snapshot = one.context.request.post(
        f"{api}/snapshots", headers=headers, multipart={"owner": "team-apollo", "archive": file}
    ).json()["hash"]
    run = {"snapshot": snapshot, "notebook": "study.ipynb", "title": title, "cpus": 0.5,
           "memory": "512M", "parameters": parameters}  # fmt: skip
    asked = {"owner": "team-apollo", "again": True, "run": run}
    answer = one.context.request.post(f"{api}/runs", headers=headers, data=asked)
    assert answer.status == 201, answer.text()
    return one.lab.url + answer.json()["run"]["url"]


def state_of(page: Page):
    """The badge of a run's state."""
    return page.locator(".exp-head .lab-state").first


def wait_for_report(page: Page, state: str = "succeeded") -> None:
    """Wait until a run's page has turned into its report."""
    expect(state_of(page)).to_have_text(state, timeout=SLOW)
    expect(page.locator("#report")).to_be_visible(timeout=SLOW)


def log_in(one: Person) -> Page:
    """Log in, to the service as well: the home page does that, and is not to be disturbed."""
    page = one.log_in()
    page.wait_for_load_state("networkidle")
    return page


@pytest.fixture
def ada(person) -> Person:
    ada = person("ada", viewport=WIDTHS["desk"])
    log_in(ada)
    return ada


def test_from_a_file_to_a_report(lab, ada):
    page = ada.page
    page.goto(f"{lab.url}{PREFIX}/")
    page.get_by_role("link", name="New run").click()
    page.get_by_label("A notebook, with the files").set_input_files(
        [
            {"name": "study.ipynb", "mimeType": "application/json", "buffer": STUDY},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x" * 700},
        ]
    )
    page.get_by_role("button", name="Hand in").click()

    # The form: a wrong value is said beside its field, and is where the hand is put.
    rate = page.locator("#p-lr")
    expect(rate).to_have_value("0.1")
    rate.fill("fast")
    page.get_by_label("Memory").fill("512M")
    page.get_by_label("CPUs").fill("0.5")
    page.get_by_label("Title").fill("From a file")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("[data-error-parameter=lr]")).to_contain_text("lr expects a number")
    expect(rate).to_be_focused()
    rate.fill("0.25")
    page.get_by_role("button", name="Run", exact=True).click()

    # Its report, once it has come to its end.
    page.wait_for_url("**/runs/run-*")
    wait_for_report(page)
    report = page.frame_locator("#report")
    expect(report.locator("h1").first).to_have_text("From a file")
    expect(report.locator("body")).to_contain_text("epoch 2 of 2")
    expect(report.locator(".jp-InputArea").first).to_be_visible()
    page.get_by_role("button", name="Without").click()
    expect(report.locator("body")).to_contain_text("without code")
    expect(report.locator(".jp-InputArea")).to_have_count(0)
    facts = page.locator(".exp-side")
    expect(facts).to_contain_text("1.5")
    with page.expect_download() as saved:
        facts.get_by_role("link", name="a.csv").click()
    assert saved.value.path().read_bytes() == b"1,2"
    with page.expect_download() as saved:
        facts.get_by_role("link", name="Everything as RO-Crate").click()
    assert saved.value.path().read_bytes().startswith(b"PK")

    # The same again is offered, and can be had.
    page.get_by_role("link", name="Change and run").click()
    expect(page.locator("#p-lr")).to_have_value("0.25")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#same")).to_contain_text("The same was run before")
    page.get_by_role("link", name="See that run").click()
    expect(page.locator("h1")).to_have_text("From a file")


def test_cells_appear_as_they_run_and_it_can_be_stopped(ada):
    page = ada.page
    page.goto(submit(ada, notebook("lr = 0.5", PICTURE, PATIENT), "Patient"))
    cells = page.locator("#cells > li")
    expect(cells.nth(2)).to_contain_text("begun with 0.5", timeout=SLOW)
    expect(cells.nth(1).locator("img")).to_have_js_property("complete", True)
    assert cells.nth(1).locator("img").evaluate("image => image.naturalWidth") == 10
    expect(cells.nth(2)).to_contain_text("....")
    # What comes last is what is seen of a long output.
    below = (
        cells.nth(2)
        .locator("pre.exp-output")
        .evaluate("box => [box.scrollTop, box.scrollHeight - box.clientHeight - box.scrollTop]")
    )
    assert below[0] > 500 and below[1] < 2, below
    expect(state_of(page)).to_have_text("running")
    expect(page.locator(".exp-progress")).to_have_attribute("aria-valuenow", "2", timeout=SLOW)
    # Who reloads finds all of it again.
    page.reload()
    expect(cells.nth(2)).to_contain_text("begun with 0.5")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Yes").click()
    wait_for_report(page, "cancelled")
    expect(page.frame_locator("#report").locator("body")).to_contain_text("begun with 0.5")


def test_a_sweep_from_the_form_to_its_comparison(lab, ada):
    page = ada.page
    first = submit(ada, STUDY, "One before")
    page.goto(f"{lab.url}{PREFIX}/new?run={first.rpartition('/')[2]}")
    page.get_by_text("Sweep", exact=True).first.click()
    page.locator("[data-axis=lr]").fill("0.1,0.01")
    page.locator("[data-axis=seed]").fill("1:2")
    expect(page.locator("#members")).to_contain_text("4 runs")
    page.get_by_label("Title").fill("Rates and seeds")
    page.get_by_role("button", name="Run all 4").click()
    page.wait_for_url("**/sweeps/sweep-*")
    expect(page.locator("#members .lab-run-succeeded")).to_have_count(4, timeout=2 * SLOW)
    expect(page.locator(".exp-head")).to_contain_text("4 succeeded")
    page.get_by_role("link", name="Compare all").click()

    for chart in ("#scatter canvas", "#parallel canvas"):
        expect(page.locator(chart).first).to_be_visible()
    page.get_by_label("against", exact=True).select_option("seed")

    # Sorted by a key press, in both directions.
    losses = page.locator("#compared tbody tr td:nth-child(6)")
    page.get_by_role("button", name="loss").focus()
    page.keyboard.press("Enter")
    assert losses.all_inner_texts() == ["1.02", "1.2", "2.02", "2.2"]
    page.keyboard.press("Enter")
    assert losses.all_inner_texts() == ["2.2", "2.02", "1.2", "1.02"]

    page.get_by_role("button", name="Compare cells").click()
    expect(page.locator("#pairs")).to_contain_text("cells of code gave other outputs")
    expect(page.locator("#pairs .exp-pair").first).to_be_visible()


def test_a_sweep_from_rows_that_were_pasted(lab, ada):
    page = ada.page
    first = submit(ada, STUDY, "One before the list")
    page.goto(f"{lab.url}{PREFIX}/new?run={first.rpartition('/')[2]}")
    page.get_by_text("Sweep", exact=True).first.click()
    page.get_by_label("Which members").select_option("those of a list")
    expect(page.locator("[data-axis=lr]")).to_be_hidden()
    rows = page.get_by_label("Rows of values")
    expect(rows).to_have_attribute("placeholder", "lr,seed\n0.1,1")
    rows.fill("lr,seed\nfast,1\n0.1\n0.25,3")
    # Each wrong row is named, and none of them is submitted.
    expect(page.locator("#e-rows li")).to_contain_text(
        ["Line 2: The parameter lr", "Line 3: It has"]
    )
    page.get_by_role("button", name="Run the sweep").click()
    expect(rows).to_be_focused()
    rows.fill("lr\tseed\n0.2\t1\n0.1\t\n0.25\t3")
    expect(page.locator("#members")).to_contain_text("3 runs")
    expect(page.locator("#e-rows")).to_be_empty()
    page.get_by_label("Title").fill("From a table")
    page.get_by_role("button", name="Run all 3").click()
    page.wait_for_url("**/sweeps/sweep-*")
    expect(page.locator("#members .lab-run-succeeded")).to_have_count(3, timeout=2 * SLOW)
    expect(page.locator(".exp-head")).to_contain_text("a list")


def test_a_hostile_notebook_runs_nothing_in_the_labs_origin(lab, ada):
    page = ada.page
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    address = submit(ada, HOSTILE, HOSTILE_HTML)
    page.goto(address)
    wait_for_report(page)
    failed = submit(ada, HOSTILE, HOSTILE_HTML, name=HOSTILE_HTML)
    page.goto(failed)
    # While it runs, and when it has ended, by whatever way it is looked at.
    wait_for_report(page, "failed")
    runs = "&".join(f"run={one.rpartition('/')[2]}" for one in (address, failed))
    for path in ("/", "/gallery", f"/compare?{runs}", address.partition(PREFIX)[2]):
        page.goto(f"{lab.url}{PREFIX}{path}")
        if path.startswith("/compare"):
            expect(page.locator("#pairs .exp-pair").first).to_be_visible()
        if path.startswith("/runs"):
            expect(page.frame_locator("#report").locator("h1").first).to_contain_text("<script>")
        assert page.evaluate("window.OWNED") is None, path
        assert "OWNED'" not in page.title().replace(HOSTILE_HTML, "")
        assert page.title() != "OWNED"
        assert page.locator("main script:not([type])").count() == 0
        assert page.locator("main [onerror]").count() == 0
    assert said == []
    # In a tab of its own it has no origin either: neither cookies nor the lab's answers.
    page.goto(f"{lab.url}{PREFIX}/api/v1{address.partition(PREFIX)[2]}/report")
    assert page.evaluate("window.origin") == "null"


def test_verified_published_and_seen_by_another_team(lab, ada, person):
    page = ada.page
    address = submit(ada, STUDY, "To be shown")
    page.goto(address)
    wait_for_report(page)
    page.get_by_role("button", name="Verify").click()
    page.locator("#verify").get_by_role("button", name="Verify").click()
    expect(page.locator(".exp-head .exp-verdict")).to_have_text("reproduced", timeout=2 * SLOW)
    expect(page.locator("#verdict")).to_be_visible()
    page.get_by_role("button", name="Publish").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()

    chloe = person("chloe")
    theirs = log_in(chloe)
    theirs.goto(f"{lab.url}{PREFIX}/showcase")
    theirs.get_by_role("link", name="To be shown").click()
    expect(theirs.locator(".exp-tiles")).to_contain_text("loss")
    expect(theirs.frame_locator("#report").locator("h1").first).to_have_text("To be shown")
    theirs.goto(address)
    assert "/showcase/" in theirs.url

    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_role("button", name="Publish")).to_be_visible()
    theirs.goto(address)
    expect(theirs.locator("h1")).to_contain_text("There is no run")


def test_a_schedule_is_made_changed_and_removed(lab, ada):
    page = ada.page
    first = submit(ada, STUDY, "Before the schedule")
    page.goto(f"{lab.url}{PREFIX}/new?run={first.rpartition('/')[2]}")
    page.get_by_text("Schedule", exact=True).first.click()
    expect(page.locator("[data-next] li")).to_have_count(5)
    page.get_by_label("Cron expression").fill("0 25 * * *")
    expect(page.locator("[data-error=cron]")).to_contain_text("names no time")
    page.get_by_label("When", exact=True).select_option("on weekdays at 8:00")
    expect(page.locator("[data-next] li").first).to_contain_text("08:00")
    page.get_by_label("Title").fill("Each morning")
    page.get_by_role("button", name="Schedule").click()
    page.wait_for_url("**/schedules/schedule-*")
    expect(page.locator(".exp-times time").first).to_contain_text("08:00")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Change").click()
    page.locator("#change").get_by_label("Cron expression").fill("15 9 * * *")
    page.locator("#change").get_by_role("button", name="Change").click()
    expect(page.locator(".exp-head code")).to_have_text("15 9 * * *")
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Yes").click()
    page.wait_for_url("**/schedules")
    expect(page.locator("main")).not_to_contain_text("Each morning")


# Text and background of a state's badge as they are painted, and how far apart they are.
BADGES = """states => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const painted = (...colours) => {
    for (const one of colours) { canvas.fillStyle = one; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const linear = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = colour.map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b + .05;
  };
  return states.map((state) => {
    const badge = document.createElement("span");
    badge.className = "lab-state lab-run-" + state.replace(" ", "-");
    document.body.append(badge);
    const {color, backgroundColor} = getComputedStyle(badge);
    const page = getComputedStyle(document.body).backgroundColor;
    const [text, back] = [painted(color), painted(page, backgroundColor)];
    const [one, other] = [light(text), light(back)];
    return {text: text.join(), contrast: Math.max(one, other) / Math.min(one, other)};
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_can_be_told_apart_by_colour_and_read(lab, person, scheme):
    page = log_in(person("ada", color_scheme=scheme))
    for address in ("/hub/home", f"{PREFIX}/"):
        page.goto(lab.url + address)
        badges = dict(zip(State, page.evaluate(BADGES, list(State)), strict=True))
        assert min(badge["contrast"] for badge in badges.values()) >= 4.5, badges
        told = ("waiting", "running", "succeeded", "failed", "cancelled")
        assert len({badges[State(state)]["text"] for state in told}) == len(told), badges


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_in_light_and_dark(lab, person, scheme):
    ada = person("ada", viewport=WIDTHS["phone"], color_scheme=scheme)
    page = log_in(ada)
    address = submit(ada, STUDY, "A title of some length, without any end in sight " * 3)
    page.goto(address)
    wait_for_report(page)
    run = address.rpartition("/")[2]
    for path in ("/", "/queue", "/gallery", "/sweeps", "/schedules", "/showcase", "/new",
                 f"/new?run={run}", f"/runs/{run}", f"/compare?run={run}"):  # fmt: skip
        page.goto(f"{lab.url}{PREFIX}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme
        assert page.locator("h1").count() == 1, path
        unnamed = page.locator("input:visible, select:visible, button:visible").evaluate_all(
            "fields => fields.filter(f => !f.labels?.length && !f.ariaLabel && !f.innerText)"
            ".map(f => f.outerHTML)"
        )
        assert unnamed == [], path
