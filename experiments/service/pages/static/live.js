// Keeps the part of a page that is marked data-live current: the service renders it again.
import { showSince, showTimes } from "./common.js";

let timer;
let shown;

const part = () => document.querySelector("[data-live]");

// What somebody is using is not pulled from under the hand.
function inUse(region) {
  const active = document.activeElement;
  const filling = region.contains(active) && active.matches("input, select, textarea");
  const selection = window.getSelection();
  const reading = !selection.isCollapsed && region.contains(selection.anchorNode);
  const choosing = region.querySelector("input:checked");
  return filling || reading || choosing || document.querySelector("dialog[open]");
}

function focused(region) {
  const active = document.activeElement;
  if (!region.contains(active)) return null;
  for (const name of ["data-to", "href"]) {
    const value = active.getAttribute(name);
    if (value) return `[${name}="${CSS.escape(value)}"]`;
  }
  return null;
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
  region.replaceWith(fresh);
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
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}
