"""Two notebooks side by side: what is noise, what is not, and what a page is given."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from experiments.errors import ExperimentError
from experiments.report.compare import compare, compare_runs
from experiments.report.executed import NotebookError, read_notebook
from experiments.report.pool import WorkerPool
from experiments.report.table import MAX_RUNS, table_of
from tests.experiments.report_samples import (
    START,
    code,
    notebook,
    png,
    run,
    shown,
    stream,
    text,
    write,
)

BAR = "100%|██████████| 10/10 [00:00<00:00, 1234.56it/s]"


def pair(one: list[dict], other: list[dict]) -> dict:
    return compare(*(read_notebook(notebook(*cells)) for cells in (one, other)))


def cells(*outputs: dict) -> list[dict]:
    return [code("x", *outputs)]


def error(evalue: str, trace: str = "") -> dict:
    return {"output_type": "error", "ename": "E", "evalue": evalue, "traceback": [trace]}


NOISE = {
    "counts, ids and metadata": (
        [{**code("x", stream("1")), "execution_count": 1, "id": "a"}],
        [{**code("x", stream("1"), tags=["t"]), "execution_count": 9, "id": "b"}],
    ),
    "pieces of a stream": (cells(stream("a\nb"), stream("c\n")), cells(stream("a\nbc\n"))),
    "order between streams": (
        cells(stream("o"), stream("e", "stderr")), cells(stream("e", "stderr"), stream("o")),
    ),
    "addresses": (
        cells(shown(text_plain="<Net object at 0x7f12ab34cd56>")),
        cells(shown(text_plain="<Net object at 0x7f99ab34c000>")),
    ),
    "the kernel's name of a cell": (
        cells(stream("/tmp/ipykernel_17/123.py:3: UserWarning: old", "stderr")),
        cells(stream("/tmp/ipykernel_99/456.py:3: UserWarning: old", "stderr")),
    ),
    "a line that rewrites itself": (
        cells(stream("\r 10%\r 90%\ndone\n")), cells(stream("\r 20%\r 99%\ndone\n")),
    ),
    "a bar of tqdm": (
        cells(stream(f"\r{BAR}\n", "stderr"), stream("x")),
        cells(stream(BAR.replace("1234.56", "99.1") + "\n", "stderr"), stream("x")),
    ),
    "colours": (cells(stream("\x1b[31mred\x1b[0m")), cells(stream("red"))),
    "a traceback's text": (cells(error("v", "line 3")), cells(error("v", "line 4"))),
    "random ids in HTML": (
        cells(shown(text_html="<div id='6ccd780c-baba-1026-9564-5b8c656024db'><b id=T_0a1b2>")),
        cells(shown(text_html="<div id='00000000-1111-2222-3333-444444444444'><b id=T_ffff0>")),
    ),
    "a picture packed or labelled otherwise": (
        cells(shown(image_png=png((1, 2, 3), level=1, software="matplotlib 3.9"))),
        cells(shown(image_png=png((1, 2, 3), level=9, software="matplotlib 3.10"))),
    ),
    "ids and date in an SVG": (
        cells(shown(**{"image_svg+xml": '<path id="m0a1b2c3d4e"/><use xlink:href="#m0a1b2c3d4e"/>'
                                        "<dc:date>2026-11-23T01:02:03</dc:date>"})),
        cells(shown(**{"image_svg+xml": '<path id="mffffffffff"/><use xlink:href="#mffffffffff"/>'
                                        "<dc:date>2027-01-01T00:00:00</dc:date>"})),
    ),
    "widgets": (
        cells(shown(**{"application_vnd.jupyter.widget-view+json": {"model_id": "a"}})),
        cells(shown(**{"application_vnd.jupyter.widget-view+json": {"model_id": "b"}})),
    ),
    "the order of JSON": (
        cells(shown(**{"application_json": {"a": 1, "b": 2}})),
        cells(shown(**{"application_json": {"b": 2, "a": 1}})),
    ),
}  # fmt: skip

DIFFERENCES = {
    "a number": (cells(stream("a\nloss 0.31\n")), cells(stream("a\nloss 0.29\n")),
                 "Line 2: 'loss 0.31' and 'loss 0.29'."),
    "a time": (cells(stream("took 3.1 s")), cells(stream("took 3.2 s")),
               "Line 1: 'took 3.1 s' and 'took 3.2 s'."),
    "a hexadecimal value": (cells(stream("0xdeadbeef")), cells(stream("0xdeadbeee")),
                            "Line 1: '0xdeadbeef' and '0xdeadbeee'."),
    "a printed id": (cells(stream("6ccd780c-baba-1026-9564-5b8c656024db")),
                     cells(stream("00000000-baba-1026-9564-5b8c656024db")), "Line 1: "),
    "a missing output": (cells(stream("a"), error("v")), cells(stream("a")),
                         "Only the first has this output (error)."),
    "another kind": (cells(stream("a")), cells(stream("a", "stderr")),
                     "The first has stdout where the second has stderr."),
    "more lines": (cells(stream("a\nb")), cells(stream("a\nb\nc")),
                   "The second has more lines, from line 3 on."),
    "pixels": (cells(shown(image_png=png((1, 2, 3)))), cells(shown(image_png=png((1, 2, 4)))),
               "The pictures differ."),
    "a damaged picture": (cells(shown(image_png="AAAA")), cells(shown(image_png="AAAB")),
                          "The pictures differ."),
    "JSON": (cells(shown(**{"application_json": [1]})), cells(shown(**{"application_json": [2]})),
             "Line 1: '[1]' and '[2]'."),
    "an error's words": (cells(error("a")), cells(error("b")), "Line 1: 'E: a' and 'E: b'."),
}  # fmt: skip


@pytest.mark.parametrize("name", NOISE)
def test_noise_is_no_difference(name):
    found = pair(*NOISE[name])
    assert (found["compared"], found["different"], found["first"]) == (1, 0, None)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_may_be_a_result_is_a_difference(name):
    one, other, said = DIFFERENCES[name]
    found = pair(one, other)
    assert (found["different"], found["first"]) == (1, 0)
    assert found["cells"][0]["difference"].startswith(said)


def test_cells_are_paired_by_what_they_say():
    one = [text("# A"), code("p = 1"), code("same", stream("s")), code("end", stream("1"))]
    other = [text("# A"), code("p = 2"), code("new", stream("n")), code("same", stream("s")),
             code("end", stream("2"))]  # fmt: skip
    found = pair(one, other)
    places = [[side and side["index"] for side in (c["left"], c["right"])] for c in found["cells"]]
    assert places == [[0, 0], [1, 1], [None, 2], [2, 3], [3, 4]]
    assert [c["same_source"] for c in found["cells"]] == [True, False, False, True, True]
    assert [c["same_outputs"] for c in found["cells"]] == [True, True, False, True, False]
    assert found["compared"] == 4 and found["different"] == 2 and found["first"] == 2


def test_a_page_is_given_texts_and_pictures_of_what_differs_and_no_more_than_it_can_bear():
    picture = png((9, 9, 9))
    one = cells(stream("o" * 100_000), shown(image_png=picture, text_plain="<Figure>"))
    found = pair(
        [*one, code("same", stream("s" * 1000))], [*cells(), code("same", stream("s" * 1000))]
    )
    outputs = found["cells"][0]["left"]["outputs"]
    assert len(outputs[0]["text"]) == 20_000 and outputs[0]["kind"] == "stdout"
    assert outputs[1] == {"kind": "image/png", "base64": picture}
    assert found["cells"][1]["left"]["outputs"] == []
    large = pair([code("x", shown(image_png="A" * 9_000_000))] * 3, [code("y")] * 3)
    assert len(json.dumps(large)) < 20_000_000


def test_two_files_are_compared_in_a_worker(tmp_path):
    one = write(tmp_path, notebook(code("x", stream("1"))), "one.ipynb")
    other = write(tmp_path, notebook(code("x", stream("2"))), "other.ipynb")
    with WorkerPool(1) as pool:
        assert compare_runs(pool, one, other)["different"] == 1
        write(tmp_path, b"{", "other.ipynb")
        with pytest.raises(ExperimentError, match="not valid JSON"):
            compare_runs(pool, one, other)
        with pytest.raises(NotebookError, match="was not kept"):
            compare_runs(pool, one, tmp_path / "none.ipynb")


def test_a_table_of_runs():
    measured = [(0.1, {"loss": 1.5}), (0.01, {"loss": "nan", "ok": True}), (0.1, None)]
    runs = [
        run(id=f"run-{n}", parameters={"lr": lr, "name": "a"}, metrics=metrics,
            verdict={"verdict": "REPRODUCED"} if n == 0 else None,
            ended_at=START + timedelta(seconds=13) if n == 0 else None)
        for n, (lr, metrics) in enumerate(measured)
    ]  # fmt: skip
    table = table_of(runs)
    assert table["columns"] == [
        {"kind": "parameter", "name": "lr", "numeric": True, "varies": True},
        {"kind": "parameter", "name": "name", "numeric": False, "varies": False},
        {"kind": "metric", "name": "loss", "numeric": False, "varies": True},
        {"kind": "metric", "name": "ok", "numeric": False, "varies": True},
    ]
    assert [row["values"] for row in table["rows"]] == [
        [0.1, "a", 1.5, None], [0.01, "a", "nan", True], [0.1, "a", None, None],
    ]  # fmt: skip
    assert table["rows"][0]["seconds"] == 10 and table["rows"][1]["seconds"] is None
    assert [row["verdict"] for row in table["rows"]] == ["REPRODUCED", None, None]
    assert json.loads(json.dumps(table)) == table


def test_a_notebooks_own_values_stand_beside_those_that_were_given():
    runs = [run(id="given", parameters={"lr": 0.5}), run(id="own", parameters={}),
            run(id="unknown", parameters={})]  # fmt: skip
    own = {"lr": 0.1, "epochs": 5}
    table = table_of(runs, {"given": own, "own": own})
    assert [column["name"] for column in table["columns"] if column["kind"] == "parameter"] == [
        "lr"
    ]
    assert [row["values"][0] for row in table["rows"]] == [0.5, 0.1, None]


def test_a_table_has_its_limit():
    assert len(table_of([run() for _ in range(MAX_RUNS)])["rows"]) == 100
    with pytest.raises(ExperimentError, match="101 runs are too many") as e:
        table_of([run() for _ in range(101)])
    assert e.value.body()["error"]["code"] == "too_many_runs"
