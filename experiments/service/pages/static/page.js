// What every page does: times, buttons that send, forms that choose, tables that sort.
import { ask, enable, send, showSince, showTimes, tell } from "./common.js";
import "./forms.js";
import { follow, look } from "./live.js";
import { makeSortable } from "./sort.js";

// What happens once a button's request was answered.
const THEN = {
  look,
  reload: () => location.reload(),
  run: async (answer) => location.assign((await answer.json()).run.url),
  leave: (_, button) => location.assign(button.dataset.leave),
};

async function act(button) {
  if (button.dataset.ask && !(await ask(button.dataset.ask))) return;
  button.disabled = true;
  try {
    const answer = await send(button.dataset.send, button.dataset.to);
    tell({ message: "" });
    await THEN[button.dataset.then](answer, button);
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = false;
  }
}

// Answers that take long to make: the button says so until the file is there.
async function fetchFile(link) {
  const text = link.textContent;
  link.textContent = link.dataset.slow;
  link.setAttribute("aria-busy", "true");
  try {
    const answer = await send("GET", link.href);
    const address = URL.createObjectURL(await answer.blob());
    const saved = Object.assign(document.createElement("a"), { href: address, download: link.download });
    saved.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    tell(error);
  }
  link.textContent = text;
  link.removeAttribute("aria-busy");
}

function chosen(form) {
  const boxes = [...form.querySelectorAll("input[name=run]:checked")];
  const bar = form.querySelector(".exp-choose");
  bar.hidden = boxes.length === 0;
  bar.querySelector("[role=status]").textContent =
    boxes.length === 1 ? "1 run chosen: choose another." : `${boxes.length} runs chosen`;
  bar.querySelector("button").disabled = boxes.length < 2 || boxes.length > 100;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-send]");
  if (button) act(button);
  const opener = event.target.closest("[data-open]");
  if (opener) document.getElementById(opener.dataset.open).showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
  const link = event.target.closest("a[data-slow]");
  if (link) {
    event.preventDefault();
    if (!link.hasAttribute("aria-busy")) fetchFile(link);
  }
  if (event.target.closest("#problem .btn-close")) tell({ message: "" });
});

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form && "choose" in form.dataset) chosen(form);
  if (form && "auto" in form.dataset) form.requestSubmit();
});

enable();
showTimes();
showSince();
setInterval(showSince, 1000);
setInterval(showTimes, 30_000);
document.querySelectorAll("form[data-choose]").forEach(chosen);
document.querySelectorAll("table[data-sortable]").forEach(makeSortable);
document.addEventListener("live", (event) => {
  event.detail.querySelectorAll("form[data-choose]").forEach(chosen);
  event.detail.querySelectorAll("table[data-sortable]").forEach(makeSortable);
});
follow();
