"""A deadline, at which everybody hands in within ten seconds; and the marking of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.autograding import measure_autograding
from bench.results import Figure, p95
from tests.grading.services import PREFIX, archive, notebook
from tests.labs import Lab
from tests.visitors import Visitor

API, COURSE = f"{PREFIX}/api/v1", "/courses/ai-foundations"
WHERE = f"{COURSE}/assignments/deadline"
HAND_INS = 300
SECONDS = 10


def measure_teaching(lab: Lab, people: list[str], image: str, say: Callable) -> list[Figure]:
    """Everything that needs a course's server and people with tokens."""
    say(f"{len(people)} people log in")
    clients = {login: of_person(lab, login) for login in people}
    try:
        with of_server(lab, "course-ai-foundations") as course:
            return [
                *measure_deadline(course, list(clients.values()), say),
                *measure_autograding(lab, clients, image, say),
            ]
    finally:
        for one in clients.values():
            one.close()


def measure_deadline(
    course: httpx.Client, clients: list[httpx.Client], say: Callable
) -> list[Figure]:
    """300 hand-ins of these people at random moments of ten seconds: none lost, how long each."""
    files = {"release/work.ipynb": notebook(), "source/work.ipynb": notebook(points=4)}
    course.post(f"{WHERE}/release", content=archive(files)).raise_for_status()
    say(f"{HAND_INS} hand-ins within {SECONDS} s")
    chance = random.Random(1)
    moments = [chance.uniform(0, SECONDS) for _ in range(HAND_INS)]
    begin = time.monotonic()

    def hand_in(number: int) -> tuple[float, str]:
        content = archive({"work.ipynb": notebook(f"answer = {number}")})
        time.sleep(max(0.0, begin + moments[number] - time.monotonic()))
        asked = time.monotonic()
        answer = clients[number % len(clients)].post(f"{WHERE}/submissions", content=content)
        took = time.monotonic() - asked
        return took, answer.json()["id"] if answer.status_code == 201 else ""

    with ThreadPoolExecutor(HAND_INS) as pool:
        answers = list(pool.map(hand_in, range(HAND_INS)))
    kept = {row["id"] for row in course.get(f"{WHERE}/submissions").json()}
    lost = sum(not made or made not in kept for _, made in answers)
    times = [took for took, _ in answers]
    return [
        Figure("deadline_lost_of_300", lost, "hand-ins", HAND_INS, None, "0"),
        Figure("deadline_p95_s", round(p95(times), 3), "s", HAND_INS, p95(times), "< 1"),
    ]


def of_person(lab: Lab, login: str) -> httpx.Client:
    """A client of somebody who logged in once, with a token that the hub made for them."""
    visitor = Visitor(lab.url, login)
    visitor.log_in(lab.password(login))
    visitor.close()
    token = lab.api("POST", f"/users/{login}/tokens", json={"note": "bench"}).json()["token"]
    return with_token(lab, token)


def of_server(lab: Lab, account: str) -> httpx.Client:
    """A client with the token of an account's server."""
    lab.start(account, "course")
    return with_token(lab, lab.sh(account, 'printf %s "$JUPYTERHUB_API_TOKEN"'))


def with_token(lab: Lab, token: str) -> httpx.Client:
    """A client of the API; connections end before the proxy ends them."""
    return httpx.Client(
        base_url=lab.url + API, headers={"Authorization": f"token {token}"}, timeout=60,
        limits=httpx.Limits(max_connections=100, keepalive_expiry=2), verify=False,
    )  # fmt: skip
