// Forms that send JSON and show a refusal where they are.
import { json } from "./common.js";

// Sends `body` to the form's address, and hands the answer to `then`.
export async function submitTo(form, method, body, then) {
  const button = form.querySelector("button:not([type=button])");
  const note = form.querySelector("[role=alert]");
  button.disabled = true;
  note.textContent = "";
  try {
    await then(await json(method, form.getAttribute("action"), body));
  } catch (error) {
    note.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

export function secretsOf(form) {
  const fields = [...form.querySelectorAll("[data-secret]")].filter((field) => field.value);
  return Object.fromEntries(fields.map((field) => [field.dataset.secret, field.value]));
}

// What happens once something was asked for again.
const THEN = {
  run: (answer) => location.assign(answer.run.url),
  reload: () => location.reload(),
};

// Forms that ask for a run's secrets again, which are not kept after it.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.again) return;
  event.preventDefault();
  submitTo(form, "POST", { secrets: secretsOf(form) }, THEN[form.dataset.again]);
});
