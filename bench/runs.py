"""Runs beside the tools that people have (nbclient, the papermill command), and long queues."""

from __future__ import annotations

import json
import secrets
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.asking import ENDED, Asker, notebook
from bench.results import Figure, p95, ratio
from tests.labs import Lab

ROUNDS = 5
SWEEP = 50
MANY = 1000
SMALL, LARGE = 100, 10_000
PAGES = ("", "gallery", "queue")
CELLS = [f"x = {number}\nprint(x)" for number in range(200)]
WORK = ["total = sum(i * seed for i in range(100_000))\nprint(total)"]

BARE = (
    "import nbformat, nbclient; nb = nbformat.read('/in/notebook.ipynb', 4); "
    "nbclient.NotebookClient(nb).execute(); nbformat.write(nb, '/out/notebook.ipynb')"
)


def in_container(image: str, folder: Path, *command: str) -> float:
    """Seconds of a ``docker run`` with this folder, limited as a run is."""
    begin = time.monotonic()
    line = ["docker", "run", "--rm", "--init", "--network", "none", "--memory", "2g",
            "--cpus", "1", "--volume", f"{folder}/in:/in:ro", "--volume", f"{folder}/out:/out",
            "--volume", f"{folder}/order.json:/run/order.json:ro",
            "--volume", f"{folder}/work:/run/work", "--volume", f"{folder}/result:/run/result",
            image, *command]  # fmt: skip
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return time.monotonic() - begin


def laid_out(folder: Path, content: bytes) -> Path:
    """A folder with a notebook for nbclient, for papermill and for the runner."""
    order = {"run": "run-bench", "attempt": 1, "notebook": "notebook.ipynb", "parameters": {},
             "secrets": [], "kernel": "python3", "time_limit_s": 600, "cell_limit_s": 0,
             "save_seconds": 2.0}  # fmt: skip
    for name in ("in", "out", "work", "result"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    (folder / "in" / "notebook.ipynb").write_bytes(content)
    (folder / "work" / "notebook.ipynb").write_bytes(content)
    (folder / "order.json").write_text(json.dumps(order))
    folder.chmod(0o755)
    return folder


def runner_and_nbclient(image: str, say: Callable) -> Figure:
    """200 cells by the runner in its container, and by nbclient in the same image."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            place = laid_out(Path(folder), notebook(CELLS))
            theirs.append(in_container(image, place, "python", "-c", BARE))
            runner = ("python", "-m", "experiments.runner", "/run/order.json")
            ours.append(in_container(image, place, *runner))
        say(f"  200 cells: ours {ours[-1]:.2f} s, nbclient {theirs[-1]:.2f} s")
    return ratio("run_200_cells_vs_nbclient", ours, theirs, "<= 1.1")


def sweep_and_papermill(asker: Asker, image: str, say: Callable) -> Figure:
    """50 runs of a small notebook, and a shell loop over the papermill command."""
    content = notebook(WORK)
    with tempfile.TemporaryDirectory() as folder:
        place = laid_out(Path(folder), content)
        loop = (f"for seed in $(seq 1 {SWEEP}); do papermill --no-progress-bar -p seed $seed "
                "/in/notebook.ipynb /out/$seed.ipynb || exit 1; done")  # fmt: skip
        theirs = shell_loop(image, place, loop)
    say(f"  papermill: {SWEEP} runs in {theirs:.1f} s")
    snapshot = asker.hand_in(content)
    common = {"snapshot": snapshot, "notebook": "notebook.ipynb", "memory": "512M"}
    spec = {"kind": "grid", "axes": {"seed": f"1:{SWEEP}"}}
    begin = time.monotonic()
    wanted = {"run": common, "spec": spec, "max_running": SWEEP}
    body = {"owner": asker.owner, "sweep": wanted}
    sweep = asker.ask("POST", "sweeps", json=body)["sweep"]
    while not all(run["reported_at"] for run in members(asker, sweep["id"])):
        time.sleep(0.5)  # who looks more often takes the runs' own time
    ours = time.monotonic() - begin
    say(f"  the lab: {SWEEP} runs with reports in {ours:.1f} s")
    return Figure("sweep_50_vs_papermill_cli", round(ours / theirs, 3), "ratio", SWEEP, None,
                  "<= 0.5")  # fmt: skip


def members(asker: Asker, sweep_id: str) -> list[dict]:
    """The runs of a sweep; an error if one went wrong, for then there is nothing to compare."""
    runs = asker.ask("GET", "runs", params={"sweep": sweep_id, "limit": 200})["runs"]
    wrong = [run for run in runs if run["state"] in ENDED - {"succeeded"}]
    if wrong or len(runs) != SWEEP:
        raise AssertionError(f"{len(runs)} runs, of which went wrong: {wrong[:1]}")
    return runs


def shell_loop(image: str, place: Path, loop: str) -> float:
    """Seconds of a shell loop in one container on all cores, the container's start left out."""
    name = f"cohort-bench-{secrets.token_hex(3)}"
    subprocess.run(
        ["docker", "run", "-d", "--rm", "--init", "--name", name, "--network", "none",
         "--volume", f"{place}/in:/in:ro", "--volume", f"{place}/out:/out", image,
         "sleep", "3600"], check=True, capture_output=True,
    )  # fmt: skip
    try:
        begin = time.monotonic()
        subprocess.run(["docker", "exec", name, "sh", "-c", loop], check=True, capture_output=True)
        return time.monotonic() - begin
    finally:
        subprocess.run(["docker", "kill", name], capture_output=True)


def first_cells(asker: Asker, say: Callable) -> Figure:
    """Seconds from submission to the first cell running, the machine idle."""
    snapshot, times = asker.hand_in(notebook(WORK)), []
    for number in range(2 * ROUNDS):
        begin = time.time()
        run = asker.submit(snapshot, parameters={"seed": number})
        asker.wait(run["id"])
        times.append(asker.first_cell(run["id"]) - begin)
    say(f"  first cell after {statistics.median(times):.2f} s")
    return Figure("submit_to_first_cell_s", round(statistics.median(times), 2), "s", len(times),
                  round(p95(times), 2), "<= 3")  # fmt: skip


def burst_of_submissions(asker: Asker, say: Callable) -> Figure:
    """1,000 submissions at once, each with a key of its own, every tenth sent twice."""
    snapshot = asker.hand_in(notebook(WORK))
    later = "2099-01-01T00:00:00Z"

    def submit(number: int) -> str:
        key = f"burst-{number}"
        run = asker.submit(snapshot, parameters={"seed": number}, not_before=later,
                           idempotency_key=key, tags=["burst"])  # fmt: skip
        return run["id"]

    begin = time.monotonic()
    with ThreadPoolExecutor(50) as pool:
        ids = list(pool.map(submit, [*range(MANY), *range(0, MANY, 10)]))
    say(f"  {MANY} submissions in {time.monotonic() - begin:.1f} s")
    found: set[str] = set()
    after = None
    while True:
        query = {"tag": "burst", "limit": 200} | ({"after": after} if after else {})
        page = asker.ask("GET", "runs", params=query)
        found |= {run["id"] for run in page["runs"]}
        after = page["next"]
        if not after:
            break
    wrong = len(set(ids) ^ found) + abs(MANY - len(found))
    for run_id in found:
        asker.ask("POST", f"runs/{run_id}/cancel")
    return Figure("submissions_lost_of_1000", wrong, "runs", MANY, None, "0")


def pages(lab: Lab, asker: Asker, say: Callable) -> Figure:
    """The pages with 10,000 runs in the database against those with 100: the worst ratio."""
    fill(lab, SMALL)
    few = page_times(asker)
    fill(lab, LARGE)
    many = page_times(asker)
    ratios = {page: many[page] / few[page] for page in few}
    for page, value in ratios.items():
        say(f"  /{page}: {few[page] * 1000:.0f} ms, {many[page] * 1000:.0f} ms, {value:.2f}")
    return Figure("pages_10k_vs_100", round(max(ratios.values()), 2), "ratio", 20, None, "<= 1.5")


def page_times(asker: Asker) -> dict[str, float]:
    """Median seconds of each page."""
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    for _ in range(20):
        for page in PAGES:
            begin = time.monotonic()
            answer = asker.http.get(page)
            answer.raise_for_status()
            times[page].append(time.monotonic() - begin)
    return {page: statistics.median(values) for page, values in times.items()}


def fill(lab: Lab, total: int) -> None:
    """Copy a finished run of the lab until there are so many."""
    with sqlite3.connect(lab.data / "cohort.db", timeout=60) as db:
        have = db.execute("SELECT count(*) FROM runs").fetchone()[0]
        if have > total:
            raise AssertionError(f"there are {have} runs already, more than {total}")
        columns = [row[1] for row in db.execute("PRAGMA table_info(runs)")]
        source = db.execute(
            "SELECT id, owner FROM runs WHERE state = 'succeeded' LIMIT 1"
        ).fetchone()
        others = ", ".join(c for c in columns if c not in ("id", "idempotency_key", "created_at"))
        terms = db.execute("SELECT term FROM run_terms WHERE run_id = ?", source[:1]).fetchall()
        for number in range(have, total):
            new, at = (
                f"run-bench{number:07}",
                f"2026-01-01 00:{number // 60 % 60:02}:{number % 60:02}.{number:06}",
            )
            db.execute(
                f"INSERT INTO runs (id, created_at, {others}) SELECT ?, ?, {others} "
                "FROM runs WHERE id = ?", (new, at, source[0]),
            )  # fmt: skip
            db.executemany(
                "INSERT INTO run_terms (run_id, owner, created_at, term) VALUES (?, ?, ?, ?)",
                [(new, source[1], at, term) for (term,) in terms],
            )


def measure_runs(lab: Lab, image: str, say: Callable) -> list[Figure]:
    """Everything about runs, on a lab that is up."""
    lab.start("team-apollo", "team-cpu")
    asker = Asker(lab, "team-apollo")
    try:
        return [
            first_cells(asker, say),
            runner_and_nbclient(image, say),
            sweep_and_papermill(asker, image, say),
            # Before the burst, which alone leaves more runs than the smaller number of this.
            pages(lab, asker, say),
            burst_of_submissions(asker, say),
        ]
    finally:
        asker.close()
