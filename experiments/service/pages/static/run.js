// A run that has not ended: its cells and outputs as they come, over server-sent events.
import { duration, make, tell } from "./common.js";
import { look } from "./live.js";
import { place } from "./outputs.js";

const list = document.getElementById("cells");
const said = document.getElementById("said");
const wanted = document.getElementById("follow");
const cells = new Map();
let attempt;

function begin({ cell, source }) {
  const state = make("span", { class: "exp-cell-state" }, "running");
  const shown = make("li", { class: "exp-cell exp-cell-running" },
    make("div", { class: "exp-cell-head" }, make("span", {}, `Cell ${cell + 1}`), state),
    make("pre", { class: "exp-source" }, source ?? ""),
    make("div", { class: "exp-outputs" }));
  cells.get(cell)?.remove();
  cells.set(cell, shown);
  list.append(shown);
  document.getElementById("nothing").hidden = true;
  said.textContent = `Cell ${cell + 1} runs.`;
}

function end({ cell, ok, seconds }) {
  const shown = cells.get(cell);
  if (!shown) return;
  shown.classList.remove("exp-cell-running");
  shown.classList.toggle("exp-cell-failed", !ok);
  shown.querySelector(".exp-cell-state").textContent = `${ok ? "done" : "failed"} · ${duration(seconds)}`;
  if (!ok) said.textContent = `Cell ${cell + 1} failed.`;
}

const outputs = (cell) => cells.get(cell)?.querySelector(".exp-outputs");

function forget() {
  cells.clear();
  list.replaceChildren();
}

const atEnd = (box) => box.scrollHeight - box.clientHeight - box.scrollTop < 120;
const lastOutput = () => list.querySelector(":scope > :last-child .exp-outputs > :last-child");

// Only what the reader was at the end of is kept at its end: the page, and a long output in it.
function keepUp(change) {
  const page = document.documentElement;
  const before = lastOutput();
  const read = before && !atEnd(before);
  const below = atEnd(page);
  change();
  if (!wanted.checked) return;
  const now = lastOutput();
  if (now && !(read && now === before)) now.scrollTop = now.scrollHeight;
  if (below) page.scrollTop = page.scrollHeight;
}

const HEARD = {
  state(state) {
    if (attempt !== undefined && state.attempt !== attempt) forget();
    attempt = state.attempt;
    look();
  },
  cell_started: begin,
  output: ({ cell, index, output }) => outputs(cell) && place(outputs(cell), index, output),
  output_cleared: ({ cell }) => outputs(cell)?.replaceChildren(),
  cell_ended: end,
};

const source = new EventSource(list.dataset.events);
for (const [kind, hear] of Object.entries(HEARD)) {
  source.addEventListener(kind, (event) => keepUp(() => hear(JSON.parse(event.data))));
}
source.addEventListener("end", () => {
  source.close();
  look();
});
source.addEventListener("error", () => {
  // A connection that broke is taken up by the browser; one that was refused is not.
  if (source.readyState === EventSource.CLOSED) {
    tell({ message: "The cells cannot be followed here right now: too many runs are followed at once, or you are logged out. Reload the page." });
  }
});
