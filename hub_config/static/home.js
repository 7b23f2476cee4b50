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

  // The service's pages have a log-in of their own, which asks nobody anything: the first visit
  // goes through it and comes back to what was asked for.
  async function latestRuns() {
    const service = data.base_url.replace(/hub\/$/, "services/experiments");
    const runs = service + "/api/v1/runs?limit=5";
    let answer = await fetch(runs);
    if (answer.status === 401) answer = await fetch(service + "/login?next=" + encodeURIComponent(runs));
    if (!answer.ok) return;
    const list = document.getElementById("runs");
    const found = (await answer.json()).runs;
    list.replaceChildren(...found.map((run) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = run.url;
      link.textContent = run.title || run.id;
      const state = document.createElement("span");
      state.className = "lab-state lab-run-" + run.state.replace(" ", "-");
      state.textContent = run.state;
      item.append(link, state);
      return item;
    }));
    list.hidden = found.length === 0;
    document.getElementById("no-runs").hidden = found.length > 0;
  }
  latestRuns().catch(() => {});

  setInterval(() => refresh().catch(() => {}), EVERY);
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
})();
