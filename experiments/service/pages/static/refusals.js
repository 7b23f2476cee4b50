// Puts a refusal beside the field that it names, or where `otherwise` says.

const places = (form) => form.querySelectorAll("[data-error], [data-error-parameter]");

function place(form, facts) {
  const name = facts.parameter ?? facts.axis ?? /^secrets\.(.+)$/.exec(facts.field)?.[1];
  if (name) return form.querySelector(`[data-error-parameter="${CSS.escape(name)}"]`);
  // "tags.0" is of the field "tags", but "notify.email" has a field of its own.
  const field = facts.field ?? "";
  return [field, field.split(".").pop(), field.split(".")[0]]
    .map((one) => form.querySelector(`[data-error="${CSS.escape(one)}"]`))
    .find((found) => found);
}

const fieldOf = (note) => note.parentElement.querySelector("input, select, textarea");

export function forgetRefusals(form) {
  for (const note of places(form)) {
    note.textContent = "";
    fieldOf(note)?.removeAttribute("aria-invalid");
  }
}

// Returns the field that is to blame, if the form has it.
export function showRefusal(form, error, otherwise) {
  forgetRefusals(form);
  const note = error.facts && place(form, error.facts);
  const visible = note && !note.closest("[hidden]");
  if (!visible) {
    otherwise.textContent = error.message;
    otherwise.hidden = false;
    return null;
  }
  otherwise.hidden = true;
  note.textContent = error.message;
  note.closest("details")?.setAttribute("open", "");
  const field = fieldOf(note);
  field?.setAttribute("aria-invalid", "true");
  return field;
}
