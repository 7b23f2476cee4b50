// A run that has ended: its report with code or without, and the question whether it can be reproduced.
import { secretsOf, submitTo } from "./forms.js";

const report = document.getElementById("report");
const switches = document.querySelectorAll("[data-code]");

for (const button of switches) {
  button.addEventListener("click", () => {
    const address = new URL(report.src);
    address.searchParams.set("code", button.dataset.code);
    report.src = address;
    document.getElementById("report-tab").href = address;
    for (const other of switches) {
      other.classList.toggle("active", other === button);
      other.setAttribute("aria-pressed", String(other === button));
    }
  });
}

// {loss: {abs: 0.01}}, or nothing: then the notebook's own tolerances count.
function tolerances(form) {
  const found = {};
  for (const row of form.querySelectorAll("[data-metric]")) {
    const bounds = {};
    for (const field of row.querySelectorAll("[data-bound]")) {
      if (!field.value.trim()) continue;
      const number = Number(field.value);
      bounds[field.dataset.bound] = field.dataset.bound === "rel" ? number / 100 : number;
    }
    if (Object.keys(bounds).length) found[row.dataset.metric] = bounds;
  }
  return Object.keys(found).length ? found : undefined;
}

document.querySelector("#verify form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const body = { secrets: secretsOf(form), tolerance: tolerances(form) };
  // The badge comes to this page, which says meanwhile that it is being verified.
  submitTo(form, "POST", body, () => location.reload());
});
