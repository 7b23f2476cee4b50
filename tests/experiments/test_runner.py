"""What a run leaves behind: notebook, event log, metrics, artefacts, facts."""

from __future__ import annotations

import json
import os
import threading

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from tests.experiments.runs import Ended, ending, notebook, run, running
from tests.workspace.servers import python

PARAMETERS = "lr = 0.1\nname = 'none'\nseed = 0\n"
STUDY = (
    "import os\nprint(os.path.basename(os.getcwd()), open('data.txt').read())",
    "from experiments import record\nrecord('loss', lr * 2)\nrecord('loss', lr)\n"
    "record('name', name)\nrecord('fine', True)\nrecord('bad', float('nan'))",
    "import pathlib\nout = pathlib.Path('outputs/deep')\nout.mkdir(parents=True)\n"
    "(out / 'a.txt').write_text('kept')\n(out / 'link').symlink_to('/etc/passwd')\n"
    "os.mkfifo(out / 'pipe')",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Ended:
    """A run of a small study, with parameters."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "work" / "study" / "outputs").mkdir(parents=True)
    (folder / "work" / "study" / "data.txt").write_text("of the snapshot")
    (folder / "work" / "study" / "outputs" / "earlier.txt").write_text("of the snapshot")
    os.chmod(folder / "work" / "study" / "outputs", 0o777)
    nb = notebook(*STUDY, parameters=PARAMETERS)
    parameters = {"lr": 0.5, "name": 'a "b" \\ c\n', "seed": 7}
    return run(folder, nb, parameters=parameters)


def test_a_good_run_succeeds(study):
    assert ending(study) == (0, "succeeded", None, None)
    result = study.result
    assert result["cells_total"] == result["cells_done"] == 5
    assert result["seed"] == 7
    assert result["started"] < result["ended"]
    assert study.said == ""


def test_parameters_are_injected_behind_their_cell(study):
    cells = study.notebook.cells
    assert [cell.metadata.get("tags", []) for cell in cells[1:3]] == [
        ["parameters"], ["injected-parameters"],
    ]  # fmt: skip
    names: dict = {}
    exec(cells[2].source, names)
    assert (names["lr"], names["name"], names["seed"]) == (0.5, 'a "b" \\ c\n', 7)


def test_the_kernel_works_in_the_notebooks_folder(study):
    assert study.text(3) == "study of the snapshot\n"


def test_metrics_are_what_was_displayed_last(study):
    assert study.result["metrics"] == {
        "loss": 0.5, "name": 'a "b" \\ c\n', "fine": True, "bad": "nan",
    }  # fmt: skip


def test_artefacts_are_the_regular_files_that_the_run_has_written(study):
    outputs = study.result_folder / "outputs"
    assert [p.relative_to(outputs).as_posix() for p in outputs.rglob("*") if not p.is_dir()] == [
        "deep/a.txt"
    ]
    assert (outputs / "deep" / "a.txt").read_text() == "kept"
    assert {one["path"]: one["why"] for one in study.result["left_out"]} == {
        "deep/link": "not a file that can be read",
        "deep/pipe": "not a regular file",
    }


def test_the_event_log_tells_the_run(study):
    kinds = [event["kind"] for event in study.events if event["kind"] != "output"]
    assert kinds == ["run_started", *["cell_started", "cell_ended"] * 5, "run_ended"]
    assert study.of("run_started")[0]["cells"] == 5
    assert [event["cell"] for event in study.of("cell_started")] == [1, 2, 3, 4, 5]
    assert all(event["ok"] and event["seconds"] >= 0 for event in study.of("cell_ended"))
    times = [event["t"] for event in study.events]
    assert times == sorted(times)
    shown = study.of("output")[0]
    assert (shown["cell"], shown["index"], shown["output"]["text"]) == (3, 0, study.text(3))


def test_the_notebook_is_valid_and_labelled(study):
    nb = study.notebook
    nbformat.validate(nb)
    assert nb.metadata.cohort == {"state": "succeeded", "reason": None, "cell": None}
    assert nb.metadata.papermill.parameters == {"lr": 0.5, "name": 'a "b" \\ c\n', "seed": 7}
    assert {c.metadata.papermill.status for c in nb.cells[1:]} == {"completed"}
    assert [cell.execution_count for cell in nb.cells[1:]] == [1, 2, 3, 4, 5]
    assert nb.metadata.language_info.name == "python"


def test_the_environment_is_the_images(study):
    facts = study.result["environment"]
    code = (
        "import json, sys; from importlib.metadata import distributions; "
        "print(json.dumps({d.name: d.version for d in distributions()}))"
    )
    installed = {k.lower().replace("_", "-"): v for k, v in json.loads(python(code)).items()}
    installed = {name.replace(".", "-"): version for name, version in installed.items()}
    found = {name.replace(".", "-"): version for name, version in facts["packages"].items()}
    assert found == installed
    assert facts["python"] == python("import platform; print(platform.python_version())")
    assert facts["cpu"]
    assert facts["cores"] > 0
    assert (facts["gpu"], facts["driver"]) == ([], None)


def test_200_000_lines_are_all_there(tmp_path):
    code = "for i in range(200_000): print('line', i)"
    slow = "for i in range(5000): print('line', i, flush=True)"
    one = run(tmp_path, notebook(code, slow))
    assert ending(one) == (0, "succeeded", None, None)
    for cell, lines in ((0, 200_000), (1, 5000)):
        expected = "".join(f"line {i}\n" for i in range(lines))
        (output,) = one.notebook.cells[cell].outputs
        assert output.text == expected
        events = [e["output"]["text"] for e in one.of("output") if e["cell"] == cell]
        assert "".join(events) == expected
        assert len(events) < 500


def test_a_kernel_waits_for_a_runner_that_is_slower(tmp_path):
    stopped = (
        "import os, subprocess\nfrom IPython.display import display\nrunner = os.getppid()\n"
        "script = f'kill -STOP {runner}; sleep 2; kill -CONT {runner}'\n"
        "subprocess.Popen(['sh', '-c', script], start_new_session=True)\n"
        "for i in range(3000): display(i)\n"
    )
    one = run(tmp_path, notebook(stopped))
    shown = [output.data["text/plain"] for output in one.notebook.cells[0].outputs]
    assert shown == [str(i) for i in range(3000)]


@pytest.mark.skipif(not os.environ.get("COHORT_CAMPAIGN"), reason="no COHORT_CAMPAIGN: a minute")
def test_200_000_flushed_lines_are_all_there_on_half_a_core(tmp_path):
    code = "for i in range(200_000): print('line', i, flush=True)"
    with running(tmp_path, notebook(code), "--cpus", "0.5", time_limit_s=600) as one:
        assert one.wait(600) == 0
    assert one.text(0) == "".join(f"line {i}\n" for i in range(200_000))


def test_output_beyond_the_limit_is_cut_and_says_so(tmp_path):
    chatty = "for i in range(70): print(str(i % 10) * 1024**2)"
    one = run(tmp_path, notebook(chatty, "print('afterwards')", "print(1); 1 / 0"))
    assert ending(one)[:3] == (1, "failed", "user error")
    note = "This run has made 64 MB of output, which is the limit"
    kept, said = one.notebook.cells[0].outputs
    assert len(kept.text) == 64 * 1024**2 - 100
    assert note in said.text
    assert note in one.text(1)
    assert one.notebook.cells[2].outputs[-1].ename == "ZeroDivisionError"
    assert [e["cell"] for e in one.of("output") if note in str(e["output"])] == [0, 1, 2]


def test_one_output_too_large_to_read_leaves_a_note(tmp_path):
    one = run(tmp_path, notebook("print('x' * 140_000_000)", "print('next')"), "--memory", "3g",
              "--memory-swap", "3g")  # fmt: skip
    assert ending(one) == (0, "succeeded", None, None)
    assert "An output of 140.0 MB could not be kept" in one.text(0)
    assert one.text(1) == "next\n"


def test_displays_change_and_are_cleared_as_in_jupyterlab(tmp_path):
    one = run(
        tmp_path,
        notebook(
            "from IPython.display import display, clear_output\n"
            "d = display('first', display_id='d'); print('x')",
            "for i in range(500): d.update(f'state {i}')",
            "print('gone'); clear_output(wait=True); print('stays')",
            "import asyncio\nasync def late(): await asyncio.sleep(.3); print('late')\n"
            "task = asyncio.create_task(late()); print('started')",
            "await task; print('joined')",
            "import ipywidgets as w\nout = w.Output(); display(out)\nwith out: print('within')",
        ),
    )
    assert ending(one) == (0, "succeeded", None, None)
    cells = one.notebook.cells
    assert cells[0].outputs[0].data["text/plain"] == "'state 499'"
    updates = [e for e in one.of("output") if e["cell"] == 0 and e["index"] == 0]
    assert updates[-1]["output"]["data"]["text/plain"] == "'state 499'"
    assert len(updates) < 100
    assert one.text(2) == "stays\n"
    assert [e["cell"] for e in one.of("output_cleared")] == [2]
    assert (one.text(3), one.text(4)) == ("started\nlate\n", "joined\n")
    (state,) = one.notebook.metadata.widgets.values()
    assert "within" in json.dumps(state.to_dict() if hasattr(state, "to_dict") else state)
    assert one.text(5) == ""


FORGED = (
    "kernel, parent = get_ipython().kernel, get_ipython().kernel.get_parent()\n"
    "def send(kind, content):\n"
    "    kernel.session.send(kernel.iopub_socket, kind, content, parent=parent)\n"
)
NO_OUTPUT = (
    "send('display_data', {'data': 5})",
    "send('display_data', {'data': {'text/plain': 5}, 'metadata': {}})",
    "send('stream', {'name': 'stdout', 'text': 5})",
    "send('stream', b'[]')",
    "send('error', {'ename': 'E', 'evalue': 'e', 'traceback': 5})",
    "send('status', b'[1]')",
    "send('comm_msg', {'comm_id': [], 'data': {'state': 5}})",
    "send('execute_input', {'execution_count': []})",
    "send('display_data', b'{\"data\": {\"application/json\": ' + b'[' * 300 + b']' * 300 +"
    " b'}, \"metadata\": {}}')",
    "kernel.iopub_thread.send_multipart([b'junk'])",
)


def test_what_is_no_output_is_noted_and_harms_nothing(tmp_path):
    cells = [f"{FORGED}{code}\nprint('next')" for code in NO_OUTPUT]
    one = run(tmp_path, notebook(*cells))
    assert ending(one) == (0, "succeeded", None, None), one.said
    nbformat.validate(one.notebook)
    for cell, code in enumerate(NO_OUTPUT):
        assert "could not be kept" in one.text(cell), code
        assert "next\n" in one.text(cell), code
    json.dumps(one.events, allow_nan=False)


def test_a_notebook_may_fail_where_it_says_so_and_may_stop_early(tmp_path):
    nb = notebook("1 / 0", "print('not run')", "import sys; sys.exit()", "print('never')")
    nb.cells[0].metadata.tags = ["raises-exception"]
    nb.cells[1].metadata.tags = ["skip-execution"]
    one = run(tmp_path, nb)
    assert ending(one) == (0, "succeeded", None, None)
    assert (one.result["cells_total"], one.result["cells_done"]) == (3, 2)
    statuses = [cell.metadata.papermill.status for cell in one.notebook.cells]
    assert statuses == ["completed", "pending", "completed", "pending"]


def test_exit_ends_the_notebook_well(tmp_path):
    one = run(tmp_path, notebook("print('done')", "exit()", "print('never')"))
    assert ending(one) == (0, "succeeded", None, None)
    assert one.notebook.cells[2].outputs == []


SECRET = "pa55 <word> \"of\" 'Ada'\nzwölf"
LEAKS = """
import os, sys, json, html, subprocess, pathlib
from IPython.display import HTML, JSON, display
from experiments import record
print(len(api_key), api_key)
print(api_key[:9], end='', flush=True); print(api_key[9:], flush=True)
print(repr(api_key), json.dumps(api_key), file=sys.stderr)
print(['COHORT_SECRET_API_KEY' in os.environ, other])
display(HTML(html.escape(api_key)), JSON({api_key: [api_key]}))
subprocess.run(['echo', api_key]); subprocess.run(['echo', api_key], stdout=sys.stdout)
record('key', api_key)
pathlib.Path('outputs').mkdir(); pathlib.Path('outputs/a.bin').write_bytes(b'x' + api_key.encode())
pathlib.Path('outputs/fine.txt').write_text('fine')
raise ValueError('no ' + api_key)
"""


def test_a_secret_reaches_the_kernel_and_no_file(tmp_path):
    nb = notebook(LEAKS, parameters="api_key = ''  # secret\nother = ''\n")
    nb.cells.append(new_code_cell(f"# {SECRET!r}"))
    nb.metadata.note = SECRET
    one = run(tmp_path, nb, secrets={"api_key": SECRET, "other": "tok-123"})
    assert ending(one)[:3] == (1, "failed", "user error")
    text = one.text(3)
    assert text.startswith(f"{len(SECRET)} •••\n•••\n")
    assert "[False, '•••']" in text
    assert one.result["metrics"] == {"key": "•••"}
    assert one.result["message"] == "In [3] raised ValueError: no •••"
    assert one.notebook.cells[2].source == "# Parameters (and in secret: api_key, other)\n"
    assert [one["path"] for one in one.result["left_out"]] == ["a.bin"]
    kept = [path for path in one.result_folder.rglob("*") if path.is_file()]
    assert {"notebook.ipynb", "events.jsonl", "result.json", "fine.txt"} == {p.name for p in kept}
    for leaked in (SECRET, repr(SECRET)[1:-1], json.dumps(SECRET)[1:-1], "tok-123", "pa55"):
        for path in kept:
            assert leaked not in path.read_text(), f"{leaked!r} in {path.name}"
        assert leaked not in one.said


def test_a_reader_never_sees_half_a_notebook(tmp_path):
    code = "import time\nfor i in range(80):\n print(str(i) * 20_000, flush=True); time.sleep(.02)"
    seen, ended = set(), threading.Event()

    def read() -> None:
        path = tmp_path / "result" / "notebook.ipynb"
        while not ended.is_set():
            if path.exists():
                nb = json.loads(path.read_text())
                seen.add(sum(len("".join(o["text"])) for o in nb["cells"][0]["outputs"]))

    with_reader = threading.Thread(target=read)
    with_reader.start()
    one = run(tmp_path, notebook(code), save_seconds=0.01)
    ended.set()
    with_reader.join()
    assert ending(one) == (0, "succeeded", None, None)
    assert len(seen) > 5
