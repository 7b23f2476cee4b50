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

  setInterval(() => refresh().catch(() => {}), EVERY);
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
})();
