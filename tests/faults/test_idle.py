"""Idle servers: a warning in JupyterLab, a way to keep them, a stop, and its reason at home."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import expect

from tests.attacks.scenes import visit
from tests.kernels import Kernel
from tests.people_in_browsers import SLOW

LIMIT, WARNING = 30, 15  # seconds, of the profile desk-brief and of tests/labs.py


def test_an_idle_server_is_announced_kept_and_stopped_and_a_busy_one_is_not(fresh, person):
    ben = visit(fresh, "ben")
    ben.start("ben", "desk-brief")
    ada = person("ada")
    ada.log_in()
    with ThreadPoolExecutor(1) as beside:
        kernel = Kernel(fresh, "ben")
        # Training that prints nothing for longer than the limit.
        quiet = beside.submit(kernel.run, f"import time; time.sleep({LIMIT + 20}); print('done')")
        page = ada.start("ada", "desk-brief")
        notice = page.locator(".Toastify__toast", has_text="because nothing is running in it.")
        expect(notice).to_contain_text("This server stops in 1 minute", timeout=SLOW)
        notice.get_by_role("button", name="Keep it running").click()
        kept = time.monotonic()
        expect(notice).to_have_count(0)
        # Without that click it would be gone before it warns again.
        expect(notice).to_have_count(1, timeout=SLOW)
        assert time.monotonic() - kept > LIMIT - WARNING - 3
        assert fresh.server("ada")["ready"]
        gone = page.get_by_role("dialog")
        expect(gone).to_contain_text("stopped because it was idle", timeout=SLOW)
        assert not fresh.server("ada")
        assert quiet.result() == "done\n"
    assert fresh.server("ben")["ready"]
    gone.get_by_role("button", name="Back to the lab").click()
    page.wait_for_url("**/hub/home")
    reason = "It was stopped because nothing had run in it for 0.5 minutes; your files are safe."
    expect(ada.card("ada").locator(".lab-ended")).to_have_text(reason)
    ben.close()


def test_whoever_stops_a_server_is_not_told_that_it_was_idle(fresh):
    ada = visit(fresh, "ada")
    ada.start("ada", "desk-brief")
    ada.stop("ada")
    assert "nothing had run in it" not in ada.http.get(f"{fresh.url}/hub/home").text
    ada.close()
