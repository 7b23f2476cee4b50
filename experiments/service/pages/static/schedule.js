// A schedule is changed in a dialog, with its next times shown as it will have them.
import { json } from "./common.js";
import { readClock, watchClock } from "./clock.js";
import { forgetRefusals, showRefusal } from "./refusals.js";

const form = document.querySelector("#change form");

if (form) {
  const note = form.querySelector("[role=alert]");
  watchClock(form, (error) => showRefusal(form, error, note));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    forgetRefusals(form);
    try {
      await json("PATCH", form.getAttribute("action"), { ...readClock(form), title: form.elements.title.value });
      location.reload();
    } catch (error) {
      showRefusal(form, error, note)?.focus();
      button.disabled = false;
    }
  });
}
