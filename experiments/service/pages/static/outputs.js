// Outputs of cells while they come in. A notebook's words are set as text, its pictures as data
// of <img>, and nothing else: what it made as HTML or script is never given to this page.
import { make } from "./common.js";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/svg+xml"];
const LONGEST = 100_000; // characters of one text on the page; the notebook keeps all of it
const CUT = "… the beginning is in the notebook and its report\n";
// Colours and cursor moves of terminals.
const ESCAPES = /\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;

const plain = (text) => (Array.isArray(text) ? text.join("") : String(text ?? "")).replace(ESCAPES, "");

// Text as a terminal shows it: a carriage return goes back to the beginning of the line.
function printed(old, text) {
  if (!text.includes("\r")) return old + text;
  const start = old.lastIndexOf("\n") + 1;
  const lines = (old.slice(start) + text).replaceAll("\r\n", "\n").split("\n");
  return old.slice(0, start) + lines.map(overwritten).join("\n");
}

function overwritten(line) {
  const held = line.endsWith("\r") ? "\r" : ""; // what follows will overwrite it
  return line.slice(0, line.length - held.length).split("\r").reduce((shown, next) => next + shown.slice(next.length), "") + held;
}

const shortened = (text) => (text.length > LONGEST ? CUT + text.slice(-LONGEST) : text);

function picture(data) {
  const kind = PICTURES.find((one) => typeof data[one] === "string" || Array.isArray(data[one]));
  if (!kind) return null;
  const content = plain(data[kind]);
  const address = kind === "image/svg+xml" ? `data:${kind},${encodeURIComponent(content)}` : `data:${kind};base64,${content.replaceAll("\n", "")}`;
  return make("img", { src: address, alt: plain(data["text/plain"]) || "A picture", class: "exp-picture" });
}

function display(data) {
  const shown = picture(data);
  if (shown) return shown;
  const text = data["text/plain"] ?? data["text/markdown"] ?? data["text/latex"];
  const element = make("div");
  if (text !== undefined) element.append(make("pre", { class: "exp-output" }, shortened(plain(text))));
  if (data["text/html"] || data["application/javascript"]) {
    element.append(make("p", { class: "exp-dim" }, "HTML output: see the report when the run has ended."));
  }
  return element;
}

function element(output) {
  if (output.output_type === "stream") {
    const stderr = output.name === "stderr" ? " exp-stderr" : "";
    return make("pre", { class: `exp-output${stderr}`, "data-stream": output.name });
  }
  if (output.output_type === "error") {
    const trace = plain((output.traceback ?? []).join("\n")) || `${output.ename}: ${output.evalue}`;
    return make("pre", { class: "exp-output exp-error" }, shortened(trace));
  }
  return display(output.data ?? {});
}

// Puts an output at its place among a cell's outputs: more text of a stream, or something new.
export function place(cell, index, output) {
  const there = cell.children[index];
  const more = output.output_type === "stream" && there?.dataset.stream === output.name;
  const shown = more ? there : element(output);
  if (output.output_type === "stream") {
    shown.held = shortened(printed(shown.held ?? "", plain(output.text)));
    shown.textContent = shown.held.replaceAll("\r", "");
  }
  if (more) return;
  if (there) there.replaceWith(shown);
  else cell.append(shown);
}
