"""Reports as PDF: in a real container that can reach nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cohort.engine import Job, JobState
from cohort.engine_docker import DockerEngine
from experiments.errors import ExperimentError
from experiments.report.formulas import formula
from experiments.report.html import Facts, Renderer
from experiments.report.pdf import Press
from experiments.report.pool import WorkerPool
from tests.experiments.report_samples import (
    code,
    notebook,
    png,
    record,
    run,
    shown,
    stream,
    text,
    write,
)
from tests.labs import PREFIX, docker
from tests.workspace.servers import image

# Addresses that a page may name and WeasyPrint must not open: files of the container, the web.
REACHES = """<link rel="attachment" href="file:///etc/passwd"><img src="file:///in/report.html">
<link rel="stylesheet" href="http://127.0.0.1:9/style.css"><iframe src="file:///etc/passwd"></iframe>
<object data="file:///etc/hostname"></object><style>@import url(file:///etc/passwd);</style>"""


@pytest.fixture
def press(tmp_path) -> Iterator[Press]:
    engine = DockerEngine()
    yield Press(engine, image(), f"{PREFIX}{secrets.token_hex(3)}", tmp_path / "pdf")
    engine.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    cells = (
        text("# A heading\n\nwords and $x^2$"),
        code("x = 1", stream("printed\n"), shown(image_png=png((9, 99, 9)))),
        code("y", shown(text_html=REACHES)),
    )
    with WorkerPool(1) as pool:
        row = run(title="A study of \u6d4b\u8bd5 <b>")
        pages = Renderer(pool).render(write(folder, notebook(*cells)), Facts(record(row)))
    return write(folder, pages[0].encode(), "report.html")


def streams(data: bytes) -> list[bytes]:
    """The decompressed streams of a PDF."""
    found = []
    for packed in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        try:
            found.append(zlib.decompress(packed))
        except zlib.error:
            found.append(packed)
    return found


DRAW = """
import sys
from xml.etree import ElementTree
from weasyprint import HTML
from experiments.report.printing import draw_formulas
page = HTML(string=sys.argv[1]).etree_element
draw_formulas(page)
print(ElementTree.tostring(page, encoding="unicode"))
"""
ODD = '<math alttext="TEX"><mfrac><script>alert(1)</script></mfrac></math>'


def test_formulas_are_drawn_on_paper():
    """Where they stand, on the line; one that cannot be drawn is there in TeX."""
    small, large = "x", r"\frac{\sum_i x_i}{n}"
    inline = formula(small, small, display=False)
    page = f"<p>before {inline} behind</p>{formula(large, large, display=True)}<p>{ODD} too</p>"
    drawn = docker("run", "--rm", "--network=none", image(), "python", "-c", DRAW, page)
    pictures = re.findall(r'<img src="data:image/svg\+xml,([^"]*)" alt="([^"]*)"', drawn)
    assert [alt for _, alt in pictures] == [small, large]
    assert all("%3Cpath" in picture for picture, _ in pictures)
    assert re.search(r"before <span><img [^>]*></span> behind", drawn)
    assert "TEX</span> too" in drawn and "<script" not in drawn and "math" not in drawn


def test_a_report_is_printed_and_nothing_is_left(press, report, tmp_path):
    made = press.make(report, tmp_path, "report.pdf")
    data = made.read_bytes()
    assert made == tmp_path / "report.pdf" and data.startswith(b"%PDF-")
    everything = b"\n".join([data, *streams(data)])
    assert b"/Image" in everything  # the figure
    assert b"root:x:0:0" not in everything and b"EmbeddedFile" not in everything
    assert docker("ps", "-aq", "--filter", f"label=cohort.project={press.project}") == ""
    assert list(press.folder.iterdir()) == []
    assert (report.stat().st_mode & 0o777, report.stat().st_uid) == (0o644, os.geteuid())


def test_what_cannot_be_printed_is_said_in_a_sentence(press, report, tmp_path):
    write(tmp_path, b"\xff\xfe not text", "broken.html")
    with pytest.raises(ExperimentError, match="print it in the browser") as e:
        press.make(tmp_path / "broken.html", tmp_path, "report.pdf")
    assert e.value.code == "pdf_not_possible" and not (tmp_path / "report.pdf").exists()
    hurried = Press(press.engine, press.image, press.project, press.folder, seconds=0.1)
    with pytest.raises(ExperimentError, match=r"within 0\.1 s"):
        hurried.make(report, tmp_path, "report.pdf")
    assert docker("ps", "-aq", "--filter", f"label=cohort.project={press.project}") == ""
    assert list(press.folder.iterdir()) == []


def test_what_a_killed_service_left_is_removed(press, report):
    name = f"{press.project}-pdf-left"
    room = press.folder / name
    (room / "out").mkdir(parents=True)
    write(room, report.read_bytes(), "report.html")
    press.engine.submit(press._job(name, room))
    press.remove_leftovers()
    assert docker("ps", "-aq", "--filter", f"label=cohort.project={press.project}") == ""
    assert not press.folder.exists()


class LyingEngine:
    """An engine whose containers end well and leave what the test says in place of a PDF."""

    def __init__(self, lie) -> None:
        self.lie, self.removed = lie, []

    def submit(self, job: Job) -> None:
        assert job.network is None
        self.out = Path(job.mounts[1].source)

    def poll(self, name: str) -> JobState:
        self.lie(self.out / "report.pdf")
        return JobState(name, "id", {}, "ended", exit_code=0)

    def remove(self, name: str) -> None:
        self.removed.append(name)


@pytest.mark.parametrize(
    "lie",
    [
        lambda path: path.symlink_to("/etc/passwd"),
        os.mkfifo,
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b"<script>"),
        lambda path: path.write_bytes(b""),
        lambda path: None,
        lambda path: (path.write_bytes(b"%PDF-1.7"), os.truncate(path, 1 << 30)),
    ],
    ids=["link", "pipe", "folder", "no PDF", "empty", "nothing", "too large"],
)
def test_only_a_pdf_is_taken_from_the_container(lie, report, tmp_path):
    engine = LyingEngine(lie)
    with pytest.raises(ExperimentError, match="could not be printed"):
        Press(engine, "image", "project", tmp_path / "pdf").make(report, tmp_path, "report.pdf")
    assert len(engine.removed) == 1 and not (tmp_path / "report.pdf").exists()
    assert list((tmp_path / "pdf").iterdir()) == []
