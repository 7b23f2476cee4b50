// The form of a new run: once, as a sweep, or by the clock.
import { PREFIX, json, make, showTimes } from "./common.js";
import { readClock, watchClock } from "./clock.js";
import { forgetBeside, forgetRefusals, showRefusal } from "./refusals.js";

const form = document.getElementById("draft");
const go = document.getElementById("go");
const refused = document.getElementById("refused");
const same = document.getElementById("same");
const members = document.getElementById("members");
const kind = () => form.elements.kind.value;
const touched = new Set();
let watching = false;

function texts() {
  const fields = [...form.querySelectorAll("[data-parameter]")].filter((field) => !field.disabled);
  const changed = fields.filter((field) => field.value !== field.dataset.default);
  return Object.fromEntries(changed.map((field) => [field.dataset.parameter, field.value]));
}

function secrets() {
  const given = [...form.querySelectorAll("[data-secret]")].filter((field) => field.value);
  return Object.fromEntries(given.map((field) => [field.dataset.secret, field.value]));
}

function axes() {
  const given = [...form.querySelectorAll("[data-axis]")].filter((field) => field.value.trim());
  return Object.fromEntries(given.map((field) => [field.dataset.axis, field.value.trim()]));
}

// What is no number goes as it is, so that the service can name the field.
function number(field, unit = 1) {
  const value = Number(field.value);
  return field.value.trim() === "" || Number.isNaN(value) ? field.value : Math.round(value * unit * 1e6) / 1e6;
}

function run() {
  const { snapshot, notebook, kernel } = form.dataset;
  const fields = form.elements;
  const body = {
    snapshot, notebook, kernel,
    cpus: number(fields.cpus),
    memory: fields.memory.value.trim(),
    time_limit_s: number(fields.time_limit_s, 60),
    title: fields.title.value,
    tags: fields.tags.value.split(",").map((tag) => tag.trim()).filter((tag) => tag),
    notify: { email: fields["notify.email"].value.trim() || null, webhook: fields["notify.webhook"].value.trim() || null },
  };
  if (fields.cell_limit_s.value.trim()) body.cell_limit_s = number(fields.cell_limit_s, 60);
  if (fields.gpus) body.gpus = number(fields.gpus);
  if (fields.image) body.image = fields.image.value;
  if (fields.network) body.network = fields.network.checked;
  return body;
}

function spec() {
  const fields = form.elements;
  const how = fields.how.value;
  if (how === "list") return { kind: how };
  return how === "grid" ? { kind: how, axes: axes() } : { kind: how, axes: axes(), count: number(fields.count), seed: number(fields.seed) };
}

const isList = () => form.elements.how.value === "list";
// What a sweep still needs before it is one; null if nothing.
function lacking() {
  if (isList()) return form.elements.rows.value.trim() ? null : "The list has no rows yet.";
  return Object.keys(axes()).length ? null : "No parameter has several values yet.";
}

function draft() {
  const body = { owner: form.dataset.owner, kind: kind(), run: run(), texts: texts(), secrets: secrets() };
  if (body.kind === "sweep") Object.assign(body, { spec: spec(), max_running: number(form.elements.max_running) }, isList() && { rows: form.elements.rows.value });
  if (body.kind === "schedule") body.schedule = readClock(form);
  return body;
}

function table(first) {
  const names = [...new Set(first.flatMap((one) => Object.keys(one)))];
  const cell = (value) => make("td", {}, value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  const rows = first.map((one) => make("tr", {}, ...names.map((name) => cell(one[name]))));
  return make("div", { class: "exp-scroll" }, make("table", { class: "exp-table" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function showPlan({ runs, first }) {
  const more = runs > first.length ? `, the first ${first.length} of them:` : ":";
  members.replaceChildren(make("p", {}, make("b", {}, runs === 1 ? "1 run" : `${runs} runs`), more), table(first));
  go.textContent = runs === 1 ? "Run" : `Run all ${runs}`;
}

// Checks the form as it is; what is wrong is said beside fields that somebody has been in.
let planned = 0;
async function plan() {
  const turn = (planned += 1);
  const sweep = kind() === "sweep";
  if (sweep && lacking()) {
    members.replaceChildren(make("p", { class: "exp-dim" }, lacking()));
    return;
  }
  try {
    const found = await json("POST", `${PREFIX}/new/plan`, draft());
    if (turn === planned && sweep) showPlan(found);
  } catch (error) {
    if (turn !== planned) return;
    if (sweep) members.replaceChildren();
    const facts = error.facts ?? {};
    const name = facts.member ? "rows" : (facts.parameter ?? facts.axis ?? facts.field);
    if (touched.has(name)) showRefusal(form, error, refused);
  }
}

let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(plan, 400);
}

function showKind() {
  for (const part of form.querySelectorAll("[data-only]")) {
    const { only, how } = part.dataset;
    part.hidden = only !== kind() || (how !== undefined && !how.split(" ").includes(form.elements.how.value));
  }
  // What a sweep goes through has no one value.
  for (const axis of form.querySelectorAll("[data-axis]")) {
    const field = form.querySelector(`[data-parameter="${CSS.escape(axis.dataset.axis)}"]`);
    field.disabled = !axis.hidden && axis.value.trim() !== "";
  }
  go.textContent = { run: "Run", sweep: "Run the sweep", schedule: "Schedule" }[kind()];
  if (kind() === "schedule" && !watching) {
    watching = true;
    watchClock(form, (error) => showRefusal(form, error, refused));
  }
}

function offer(run) {
  const at = make("time", { datetime: run.ended_at });
  const again = make("button", { class: "btn btn-sm btn-outline-contrast", type: "button" }, "Run it again all the same");
  again.addEventListener("click", () => submit(true));
  same.replaceChildren(
    make("p", {}, "The same was run before, with the same files, parameters and image: ", make("a", { href: run.url }, run.title), ", ", at, "."),
    make("div", { class: "lab-actions" }, make("a", { class: "btn btn-sm btn-lab", href: run.url }, "See that run"), again));
  same.hidden = false;
  showTimes(same);
  same.scrollIntoView({ block: "center" });
}

async function submit(again) {
  go.disabled = true;
  same.hidden = refused.hidden = true;
  forgetRefusals(form);
  try {
    if (kind() === "sweep" && lacking()) throw new Error(lacking());
    const made = await json("POST", `${PREFIX}/new`, { ...draft(), again });
    if (!made.same) return location.assign(made.url); // the button stays off until that is there
    offer(made.same);
  } catch (error) {
    showRefusal(form, error, refused)?.focus();
  }
  go.disabled = false;
}

form.addEventListener("input", (event) => {
  const { parameter, axis, secret } = event.target.dataset;
  forgetBeside(event.target);
  touched.add(parameter ?? axis ?? secret ?? event.target.name);
  same.hidden = true;
  showKind();
  later();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(false);
});
showKind();
go.disabled = false; // without this script the form would be sent as it is
