// Puts a refusal beside the field that it names, or where `otherwise` says.
import { make } from "./common.js";

const places = (form) => form.querySelectorAll("[data-error], [data-error-parameter]");

function place(form, facts) {
  if (facts.member) return form.querySelector('[data-error="rows"]');
  const name = facts.parameter ?? facts.axis ?? /^secrets\.(.+)$/.exec(facts.field)?.[1];
  if (name) return form.querySelector(`[data-error-parameter="${CSS.escape(name)}"]`);
  // "tags.0" is of the field "tags", but "notify.email" has a field of its own.
  const field = facts.field ?? "";
  return [field, field.split(".").pop(), field.split(".")[0]]
    .map((one) => form.querySelector(`[data-error="${CSS.escape(one)}"]`))
    .find((found) => found);
}

const fieldOf = (note) => note.parentElement.querySelector("input, select, textarea");

function forget(note) {
  note.textContent = "";
  fieldOf(note)?.removeAttribute("aria-invalid");
}

export function forgetRefusals(form) {
  places(form).forEach(forget);
}

// What was wrong with a field is over once it is changed, until it is found wrong again.
export function forgetBeside(field) {
  const note = field.parentElement.querySelector("[data-error], [data-error-parameter]");
  if (note) forget(note);
}

// Returns the field that is to blame, if the form has it.
export function showRefusal(form, error, otherwise) {
  const note = error.facts && place(form, error.facts);
  const visible = note && !note.closest("[hidden]");
  otherwise.hidden = Boolean(visible);
  if (!visible) {
    otherwise.textContent = error.message;
    return null;
  }
  if (error.facts.rows?.length > 1) {
    const lines = error.facts.rows.map((row) => make("li", {}, `Line ${row.line}: ${row.message}`));
    note.replaceChildren(make("ul", { class: "mb-0" }, ...lines));
  } else note.textContent = error.message;
  note.closest("details")?.setAttribute("open", "");
  const field = fieldOf(note);
  field?.setAttribute("aria-invalid", "true");
  return field;
}
