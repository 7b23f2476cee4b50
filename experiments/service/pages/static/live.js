// Keeps the part of a page that is marked data-live current: the service renders it again.
import { enable, showSince, showTimes } from "./common.js";

let timer;
let shown;
let pressed = false; // a button that goes away between press and release is not clicked

const part = () => document.querySelector("[data-live]");

// What somebody is using is not pulled from under the hand.
function inUse(region) {
  const active = document.activeElement;
  const filling = region.contains(active) && active.matches("input:not([type=checkbox]), select, textarea");
  const selection = window.getSelection();
  const reading = !selection.isCollapsed && region.contains(selection.anchorNode);
  return pressed || filling || reading || document.querySelector("dialog[open]");
}

const boxes = (region) => [...region.querySelectorAll("input[type=checkbox]")];

// How to find again what has the focus.
function focused(region) {
  const active = document.activeElement;
  if (!region.contains(active)) return null;
  const name = ["data-to", "href", "value"].find((one) => active.getAttribute(one));
  return name ? `${active.localName}[${name}="${CSS.escape(active.getAttribute(name))}"]` : null;
}

function replace(region, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html; // the service's own page, in which everything is escaped
  const fresh = holder.content.querySelector("[data-live]");
  if (!fresh) return;
  if (fresh.dataset.stage !== region.dataset.stage) {
    location.reload();
    return;
  }
  const focus = focused(region);
  const chosen = new Set(boxes(region).filter((box) => box.checked).map((box) => box.value));
  for (const box of boxes(fresh)) box.checked = chosen.has(box.value);
  region.replaceWith(fresh);
  enable(fresh);
  showTimes(fresh);
  showSince(fresh);
  if (focus) fresh.querySelector(focus)?.focus();
  document.dispatchEvent(new CustomEvent("live", { detail: fresh }));
}

export async function look() {
  clearTimeout(timer);
  const region = part();
  if (!region) return;
  try {
    if (!document.hidden && !inUse(region)) {
      const answer = await fetch(location.href, { headers: { "X-Part": "live" }, redirect: "error" });
      const html = answer.ok ? await answer.text() : shown;
      if (html !== shown && !inUse(region)) {
        replace(region, html);
        shown = html;
      }
    }
  } catch {
    // The lab is away for a moment: the next look finds it again.
  }
  plan();
}

function plan() {
  clearTimeout(timer);
  const seconds = Number(part()?.dataset.every);
  if (seconds) timer = setTimeout(look, seconds * 1000);
}

export function follow() {
  if (!part()) return;
  plan();
  document.addEventListener("pointerdown", () => { pressed = true; });
  for (const over of ["pointerup", "pointercancel"]) document.addEventListener(over, () => { pressed = false; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}
