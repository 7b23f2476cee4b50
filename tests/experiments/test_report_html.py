"""Reports: what is ours is escaped, nothing is loaded from anywhere, hostile ones run nowhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from experiments.report.formulas import ATTRIBUTES, ELEMENTS, formula, with_formulas
from experiments.report.html import SANDBOX, Facts, Renderer
from experiments.report.pool import WorkerPool
from experiments.report.result import read_result
from experiments.report.words import duration
from tests.experiments.report_samples import (
    HOSTILE,
    code,
    notebook,
    png,
    record,
    result,
    run,
    shown,
    stream,
    text,
    write,
)

VERDICT = {"verdict": "REPRODUCED", "sentence": "Run again, everything came out equal: 3 cells."}


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with WorkerPool(1) as pool:
        yield Renderer(pool)


@pytest.fixture
def render(renderer, tmp_path):
    def make(*cells: dict, facts: Facts | None = None) -> tuple[str, str]:
        path = write(tmp_path, notebook(*cells))
        return renderer.render(path, facts or Facts(record()))

    return make


def test_with_and_without_code(render):
    cells = (
        text("# A heading\n\nand **words**"),
        code("secret_source = 1", stream("printed\n")),
        code("figure()", shown(image_png=png((1, 2, 3)), text_plain="<Figure>")),
        code("quiet = True"),
        code("frame", shown(text_html="<table class='dataframe'></table>", text_plain="frame")),
    )
    with_code, without = render(*cells)
    for page in (with_code, without):
        assert "<h1>A heading</h1>" in page and "<strong>words</strong>" in page
        assert "printed" in page and "data:image/png;base64," in page
        assert "<table class='dataframe'></table>" in page and "&lt;Figure&gt;" not in page
        assert 'id="cell-1"' in page
    assert "secret_source" in with_code and "quiet" in with_code
    assert "secret_source" not in without and "quiet" not in without
    assert 'id="cell-3"' in with_code and 'id="cell-3"' not in without


def test_the_head_says_what_it_was(render):
    row = run(state="failed", reason="user error", message="In [3] raised ValueError: no")
    page, _ = render(facts=Facts(record(row, secrets=["api_key"]), VERDICT))
    for said in (
        "A study", "failed", "REPRODUCED", VERDICT["sentence"], "In [3] raised ValueError: no",
        "ada for team-apollo", "23 November 2026, 18:00 UTC", "3 min 12 s", "0.93125", "mlp",
        "[8, 4]", "api_key", "sha256:d8d8", "A CPU", "A GPU", "580.65", "sim.cohort/gpu=0",
        "outputs/key.txt (holds a secret)",
    ):  # fmt: skip
        assert said in page, said


def test_everything_of_ours_is_escaped(render):
    row = run(
        title=HOSTILE, author=HOSTILE, owner=HOSTILE, notebook=HOSTILE, message=HOSTILE,
        state="failed", parameters={HOSTILE: HOSTILE, "deep": [{HOSTILE: HOSTILE}]},
        image=HOSTILE, devices=[HOSTILE],
    )  # fmt: skip
    said = result(
        metrics={HOSTILE: HOSTILE, "n": 1},
        environment={"python": HOSTILE, "cpu": HOSTILE, "gpu": [HOSTILE], "driver": HOSTILE},
    )
    facts = Facts(
        record(row, result=said, secrets=[HOSTILE], git={"commit": HOSTILE},
               inputs=[{"path": HOSTILE, "bytes": 1, "sha256": None}], left_out=[HOSTILE]),
        {"verdict": HOSTILE, "sentence": HOSTILE},
    )  # fmt: skip
    for page in render(text("words"), facts=facts):
        assert "<script" not in page and "<img" not in page
        assert page.count("&lt;script&gt;") >= 15
        assert len(re.findall(r'[^=]"\'&', page)) == 0


def test_a_page_asks_for_nothing_from_elsewhere(render):
    cells = (
        text("$x^2$ and\n\n```mermaid\ngraph TD; A-->B\n```"),
        code("widget", shown(**{
            "application_vnd.jupyter.widget-view+json": {"model_id": "a"}, "text_plain": "HBox()",
        })),
        code("diagram", shown(**{"text_vnd.mermaid": "graph TD;", "text_plain": "a diagram"})),
    )  # fmt: skip
    page, _ = render(*cells)
    assert not re.findall(r"""(?:src|href)=["']?(?!data:|#)""", page)
    assert "http" not in page.replace("http-equiv", "")
    assert "HBox()" in page and "a diagram" in page and "<script" not in page


def test_progress_bars_and_errors_are_as_a_terminal_has_them(render):
    failed = {"output_type": "error", "ename": "E", "evalue": "v",
              "traceback": ["\x1b[31mE\x1b[0m: <v>"]}  # fmt: skip
    page, _ = render(code("x", stream("10%\r"), stream("99%\r\nsaid\n"), failed))
    assert "<pre>99%\nsaid\n</pre>" in page
    assert '<span class="ansi-red-fg">E</span>: &lt;v&gt;' in page


FORMULAS = r"""Within $x_i < \frac{a}{b}$ a line, and

$$\sum_{i=1}^n x_i$$

\begin{align}
a &= b \\
  &\le c
\end{align}
"""


def test_formulas_are_drawn(render):
    shown_too = (
        code("sympy", shown(text_latex=r"$\displaystyle \sqrt{2}$", text_plain="1.41")),
        code("md", shown(text_markdown=r"so $\alpha$", text_plain="so")),
    )
    for page in render(text(FORMULAS), *shown_too):
        cells = page.partition("<main>")[2]
        assert cells.count("<math") == 5 and cells.count('<math display="block"') == 2
        assert "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>" in cells
        assert "<munderover>" in cells and "<mtable" in cells and "<mi>\u03b1</mi>" in cells
        assert r'alttext="x_i &lt; \frac{a}{b}"' in cells


@pytest.mark.parametrize(
    "tex",
    [
        r"\nosuchmacro{x}",
        r"\frac{a",
        r"\left(x",
        r"x^a^b",
        r"a & b",
        r"\begin{nosuch}x\end{nosuch}",
        r"\def\a{x}\a",
        r"\boxed{x}",
        r"\sqrt{" * 200 + "}" * 200,
        "{" * 5000,
        "x" * 10_001,
    ],
)
def test_a_formula_that_cannot_be_read_stays_text(tex):
    assert formula(tex, f"${tex}$", display=False) == escape(f"${tex}$")


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<script>OWNED</script>}",
        r"\text{&lt;script&gt;OWNED&lt;/script&gt;}",
        r"\href{javascript:OWNED}{x}",
        r"\style{background:url(OWNED)}{x}",
        r"\class{OWNED}{x}",
        r"\color{red\" onclick=\"OWNED}{x}",
        r"\mathop{<img src=x onerror=OWNED>}",
        r'x" onload="OWNED',
        r"\unicode{x3c}script>OWNED",
        r"\begin{array}{c\" onload=\"OWNED}x\end{array}",
    ],
)
def test_a_hostile_formula_makes_no_script(tex):
    """Neither an element nor an attribute that MathML does not have, however it is shown."""
    found: list[tuple[str, str | None]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.extend((tag, name) for name, _ in [(None, None), *attrs])

    for html in (formula(tex, tex, display=True), with_formulas(f"${tex}$ {tex}")):
        Reader().feed(html)
    assert {tag for tag, _ in found} <= set(ELEMENTS)
    assert {name for _, name in found} <= {None, *ATTRIBUTES}


def test_what_is_too_long_for_a_page_is_cut_and_says_so(render):
    lines = "".join(f"line {n}\n" for n in range(200_000))
    page, without = render(code("x" * 500_000, stream(lines)))
    assert len(page) < 1_000_000
    assert "line 0\n" in page and "line 199999\n" in page
    left_out = f"{len(lines) - 200_000:,} characters are left out here; the notebook has them"
    assert left_out in page and left_out in without


def test_a_notebook_that_is_none_gives_a_page_that_says_so(renderer, tmp_path):
    for data, said in ((b"{", "not valid JSON"), (b"[]", "no list of cells")):
        for page in renderer.render(write(tmp_path, data), Facts(record())):
            assert said in page and "A study" in page and page.rstrip().endswith("</html>")
    for page in renderer.render(tmp_path / "none.ipynb", Facts(record())):
        assert "was not kept" in page


def test_a_cell_that_cannot_be_laid_out_is_shown_as_written(render):
    page, _ = render(text("![x](attachment:none.png) <b>"), text("sound"))
    assert "<pre>![x](attachment:none.png) &lt;b&gt;</pre>" in page and "<p>sound</p>" in page


def test_wrong_types_everywhere_are_survived(render):
    cells = (
        1, None, {"cell_type": 5}, {"cell_type": "code", "outputs": 5, "source": {"a": 1}},
        code("x", 5, {"output_type": "stream", "text": [1]}, {"output_type": "error"},
             {"output_type": "display_data", "data": {"image/png": 5, "text/html": [1]},
              "metadata": [1]}, {"output_type": "execute_result", "data": [1]}),
        {"cell_type": "markdown", "source": ["a", 1], "attachments": {"a": 5}},
        {"cell_type": "markdown", "source": "kept \ud800", "metadata": {"tags": [[]]}},
    )  # fmt: skip
    page, _ = render(*cells)
    assert "kept ?" in page


def test_a_whole_result_gives_a_whole_report(render):
    assert read_result(b"{}") is None
    page, _ = render(text("words"), facts=Facts(record(run(started_at=None), result=None)))
    assert "<p>words</p>" in page and "A CPU" not in page


def test_durations():
    said = [duration(seconds) for seconds in (0.84, 59.6, 185, 7440)]
    assert said == ["0.8 s", "1 min 0 s", "3 min 5 s", "2 h 4 min"]


@contextmanager
def served(pages: dict[str, str], asked: list[str]) -> Iterator[str]:
    """Serve reports as the hub does, beside a page of the hub's own origin."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Set-Cookie", "session=of-the-hub")
            if self.path.startswith("/report"):
                self.send_header("Content-Security-Policy", SANDBOX)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=partial(server.serve_forever, 0.05), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


ATTACK = """<p id="seen">shown</p><img src="/stolen-by-image"><script>
let told = [];
for (const what of ["document.cookie", "localStorage.length", "parent.document.title"])
  try { told.push(String(eval(what))) } catch (e) { told.push("refused") }
fetch("/stolen-by-fetch").then(() => told.push("fetched"), () => told.push("refused"))
  .then(() => { document.getElementById("seen").textContent = told.join(",") });
</script>"""


def test_a_hostile_output_is_shown_and_reaches_nothing_of_the_hub(render, browser):
    report, _ = render(code("x", shown(text_html=ATTACK)), text("after it"))
    asked: list[str] = []
    page = browser.new_context().new_page()
    with served(
        {"/report.html": report, "/": "<iframe src='/report.html'></iframe>"}, asked
    ) as url:
        page.goto(url)
        inside = page.frame_locator("iframe")
        inside.get_by_text("refused,refused,refused,refused").wait_for()
        assert inside.get_by_text("after it").is_visible()
    assert [path for path in asked if "stolen" in path] == []
    page.context.close()


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_can_be_read(render, browser, tmp_path: Path, width, scheme):
    wide = "".join(f"<td>column {n}</td>" for n in range(40))
    report, _ = render(
        text("# Heading\n\n" + "word " * 80 + "x" * 300),
        code("y = " + "z" * 400, stream("o" * 500), shown(text_html=f"<table>{wide}</table>")),
    )
    write(tmp_path, report.encode(), "report.html")
    page = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme
    ).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{tmp_path}/report.html")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert len(asked) == 1
    for selector in (
        "body",
        ".report-by",
        ".highlight .n",
        ".report-table th",
        ".report-succeeded",
    ):
        ratio = page.locator(selector).first.evaluate(CONTRAST)
        assert ratio >= 4.5, (selector, ratio)
    page.context.close()


# Contrast of an element's text with what is behind it, by WCAG 2.
CONTRAST = """element => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(v => {
      v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 });
    return .2126 * r + .7152 * g + .0722 * b };
  let behind = element;
  while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
    behind = behind.parentElement;
  const [a, b] = [light(getComputedStyle(element).color),
                  light(getComputedStyle(behind).backgroundColor)].sort((x, y) => y - x);
  return (a + .05) / (b + .05) }"""
