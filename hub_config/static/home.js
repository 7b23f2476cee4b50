// Keeps the home page's cards current and stops servers; no library but the browser's own.
"use strict";
(function () {
  const cards = document.getElementById("lab-cards");
  const data = window.jhdata;
  const EVERY = 5000;

  async function refresh() {
    // A select that is open, or a form being filled in, is not pulled from under the hand.
    if (document.hidden || cards.contains(document.activeElement)) return;
    const answer = await fetch(data.base_url + "home/cards", { redirect: "error" });
    if (answer.ok) cards.innerHTML = await answer.text();
  }

  cards.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-stop]");
    if (!button) return;
    button.disabled = true;
    const account = encodeURIComponent(button.dataset.stop);
    const url = data.base_url + "api/users/" + account + "/server?_xsrf=" + encodeURIComponent(data.xsrf_token);
    await fetch(url, { method: "DELETE" });
    button.blur();
    refresh().catch(() => {});
  });

  cards.addEventListener("submit", (event) => {
    const button = event.target.querySelector("button");
    setTimeout(() => { button.disabled = true; button.textContent = "Starting…"; });
  });

  // A service's pages have a log-in of their own, which asks nobody anything: the first visit
  // goes through it and comes back to what was asked for.
  const at = (service) => data.base_url.replace(/hub\/$/, "services/" + service);

  async function ask(service, path) {
    const base = at(service);
    const url = base + "/api/v1/" + path;
    let answer = await fetch(url);
    if (answer.status === 401) answer = await fetch(base + "/login?next=" + encodeURIComponent(url));
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function show(list, lines) {
    list.replaceChildren(...lines.map(({ text, href, state, look }) => {
      const item = document.createElement("li");
      const name = document.createElement(href ? "a" : "span");
      if (href) name.href = href;
      name.textContent = text;
      const word = document.createElement("span");
      word.className = "lab-state " + look;
      word.textContent = state;
      item.append(name, word);
      return item;
    }));
    list.hidden = lines.length === 0;
  }

  async function latestRuns() {
    const { runs } = await ask("experiments", "runs?limit=5");
    show(document.getElementById("runs"), runs.map((run) => ({
      text: run.title || run.id, href: run.url,
      state: run.state, look: "lab-run-" + run.state.replace(" ", "-"),
    })));
    document.getElementById("no-runs").hidden = runs.length > 0;
  }
  latestRuns().catch(() => {});

  // The mark once there is one, else what was done last, else until when there is time.
  function standing(assignment, address) {
    const last = assignment.submissions.at(-1);
    const back = assignment.submissions.findLast((one) => one.feedback);
    const href = back && `${address}/submissions/${back.id}/feedback`;
    const marked = assignment.submissions.findLast((one) => one.score !== null);
    if (marked) return { href, state: `${+marked.score.toFixed(2)} of ${+marked.max_score.toFixed(2)}`, look: "lab-run-succeeded" };
    if (back) return { href, state: "handed back", look: "lab-run-succeeded" };
    if (last) return { state: "handed in", look: "lab-run-running" };
    if (assignment.closed) return { state: "closed", look: "" };
    if (!assignment.due) return { state: "open", look: "" };
    const due = new Date(assignment.due);
    return { state: "due " + due.toLocaleString([], { dateStyle: "medium", timeStyle: "short" }), look: "" };
  }

  async function assignments() {
    for (const course of await ask("grading", "courses")) {
      const card = document.querySelector(`[data-course="${course.id}"]`);
      if (!card) continue;
      for (const link of card.querySelectorAll(`[data-for="${course.role}"]`)) link.hidden = false;
      if (course.role !== "student") continue;
      const lines = [];
      for (const owner of course.owners) {
        const kind = owner.startsWith("team-") ? "team" : "person";
        const path = `courses/${course.id}/assignments?owner=${encodeURIComponent(owner)}`;
        for (const one of await ask("grading", path)) {
          const address = `${at("grading")}/courses/${course.id}/assignments/${one.name}`;
          if (one.kind === kind) lines.push({ text: one.name, ...standing(one, address) });
        }
      }
      show(card.querySelector("ul"), lines);
    }
  }
  assignments().catch(() => {});

  setInterval(() => refresh().catch(() => {}), EVERY);
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
})();
