// Completes what is typed into the gallery's fields from what the runs have.
import { API, json, make } from "./common.js";

for (const field of document.querySelectorAll("[data-choices]")) {
  const list = document.getElementById(field.getAttribute("list"));
  let asked;
  const complete = async () => {
    const begins = field.value;
    if (asked === begins) return;
    asked = begins;
    const query = new URLSearchParams({ kind: field.dataset.choices, begins });
    try {
      const found = (await json("GET", `${API}/choices?${query}`)).choices;
      if (asked === begins) list.replaceChildren(...found.map((value) => make("option", { value })));
    } catch {
      list.replaceChildren(); // a search works without suggestions
    }
  };
  field.addEventListener("focus", complete);
  field.addEventListener("input", complete);
}
