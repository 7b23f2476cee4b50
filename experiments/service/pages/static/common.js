// What all pages use: requests to the service, its refusals, elements, times.
// Text is only ever set as text here; nothing is parsed as HTML.

export const PREFIX = "/services/experiments";
export const API = `${PREFIX}/api/v1`;

// A refusal of the service: `facts` are its code, and the parameter or field that it names.
export class Refused extends Error {
  constructor(status, facts) {
    super(facts.message);
    this.status = status;
    this.facts = facts;
  }
}

const UNREACHABLE = "The lab does not answer. Check your connection, then try again.";

// Sends a request as this page and returns the answer; throws `Refused` or `Error` with a sentence.
export async function send(method, address, body) {
  const headers = { "X-XSRFToken": document.querySelector("meta[name=xsrf]").content };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(UNREACHABLE);
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}

export async function json(method, address, body) {
  return (await send(method, address, body)).json();
}

async function refusal(answer) {
  try {
    return new Refused(answer.status, (await answer.json()).error);
  } catch {
    return new Refused(answer.status, { code: "broken", message: UNREACHABLE });
  }
}

// Says at the top of the page what went wrong; nothing takes it away again.
export function tell(error) {
  const box = document.getElementById("problem");
  box.firstElementChild.textContent = error.message;
  box.hidden = !error.message;
  if (error.message) box.scrollIntoView({ block: "nearest" });
}

// Makes an element: make("a", { href }, "text", child…).
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Buttons whose work a script does are off until that is there: a press is never lost.
export function enable(root = document) {
  for (const button of root.querySelectorAll("[data-send], [data-open]")) button.disabled = false;
}

// Asks a question and resolves to true if the answer is yes.
export function ask(question) {
  const dialog = document.getElementById("ask");
  dialog.querySelector("p").textContent = question;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

const DAY = { day: "numeric", month: "short" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hour12: false };
const FULL = { weekday: "short", ...DAY, year: "numeric", ...CLOCK, second: "2-digit", timeZoneName: "short" };

function near(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds >= 0 && seconds < 60) return "just now";
  if (seconds >= 0 && seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  const clock = at.toLocaleTimeString([], CLOCK);
  if (at.toDateString() === now.toDateString()) return clock;
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return `${at.toLocaleDateString([], { ...DAY, ...year })}, ${clock}`;
}

// Shows times in the reader's zone; the whole of it, with the zone, is what the mouse finds.
export function showTimes(root = document) {
  const now = new Date();
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const { zone } = element.dataset;
    element.textContent = zone ? at.toLocaleString([], { ...DAY, ...CLOCK, weekday: "short", timeZone: zone }) : near(at, now);
    element.title = at.toLocaleString([], FULL);
  }
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Counts on what has not ended, second by second.
export function showSince(root = document) {
  for (const element of root.querySelectorAll("[data-since]")) {
    const seconds = (Date.now() - new Date(element.dataset.since)) / 1000;
    element.textContent = duration(Math.max(0, Math.round(seconds)));
  }
}
