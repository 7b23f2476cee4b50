// Two reports cell by cell: what differs is shown, what is equal is counted.
import { API, json, make } from "./common.js";

const PICTURE = /^image\/(png|jpeg|gif|svg\+xml)$/;

function output(one) {
  if (one.base64 !== undefined && PICTURE.test(one.kind)) {
    const address = one.kind === "image/svg+xml" ? `data:${one.kind},${encodeURIComponent(one.base64)}` : `data:${one.kind};base64,${one.base64}`;
    return make("img", { src: address, alt: "A picture", class: "exp-picture" });
  }
  const kind = { stderr: " exp-stderr", error: " exp-error" }[one.kind] ?? "";
  return make("pre", { class: `exp-output${kind}` }, one.text ?? "");
}

function side(one) {
  if (!one) return make("div", {}, make("p", { class: "exp-dim" }, "has no such cell"));
  return make("div", {}, make("p", { class: "exp-dim" }, `Cell ${one.index + 1}`), make("pre", { class: "exp-source" }, one.source), ...one.outputs.map(output));
}

function pair(cell) {
  const said = cell.difference ?? "Only the sources differ.";
  return make("div", { class: "exp-differing" }, make("p", { class: "exp-dim" }, said), make("div", { class: "exp-pair" }, side(cell.left), side(cell.right)));
}

const same = (cell) => cell.same_source && cell.same_outputs;

function pairs(cells) {
  const shown = [];
  let equal = 0;
  const count = () => {
    if (equal) shown.push(make("p", { class: "exp-equal" }, equal === 1 ? "1 cell is the same" : `${equal} cells are the same`));
    equal = 0;
  };
  for (const cell of cells) {
    if (same(cell)) equal += 1;
    else {
      count();
      shown.push(pair(cell));
    }
  }
  count();
  return shown;
}

function summary({ compared, different }) {
  if (!compared) return "Neither has a cell of code.";
  return different ? `${different} of ${compared} cells of code gave other outputs.` : `All ${compared} cells of code gave the same outputs.`;
}

export async function showCells(place, one, other) {
  place.replaceChildren(make("p", { class: "exp-dim" }, "Comparing…"));
  try {
    const found = await json("GET", `${API}/compare/cells?${new URLSearchParams({ one, other })}`);
    place.replaceChildren(make("p", {}, summary(found)), ...pairs(found.cells));
  } catch (error) {
    place.replaceChildren(make("p", { class: "exp-note exp-wrong" }, error.message));
  }
}
