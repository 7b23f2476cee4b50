// A cron expression in a form: presets for it, and the next times that it names.
import { API, json, make } from "./common.js";
import { forgetBeside } from "./refusals.js";

const TIME = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false };

// A time in the schedule's zone, and in the reader's behind it if that is another.
export function timeWords(iso, timeZone) {
  const at = new Date(iso);
  const there = at.toLocaleString([], { ...TIME, timeZone });
  const here = at.toLocaleString([], TIME);
  return there === here ? there : `${there} (${here} where you are)`;
}

export function readClock(form) {
  const names = ["cron", "timezone", "missed", "overlap"];
  return Object.fromEntries(names.map((name) => [name, form.elements[name].value.trim()]));
}

// Keeps presets and next times as the fields are; `refused` is given what is wrong with them.
export function watchClock(form, refused) {
  const preset = form.querySelector("#f-preset");
  const { cron, timezone } = form.elements;
  const next = form.querySelector("[data-next]");
  let asked = 0;
  let timer;

  async function look() {
    const number = (asked += 1);
    try {
      const { times } = await json("POST", `${API}/schedules/preview`, { cron: cron.value.trim(), timezone: timezone.value.trim() });
      if (number !== asked) return;
      next.replaceChildren(...times.map((time) => make("li", {}, timeWords(time, timezone.value.trim()))));
    } catch (error) {
      if (number !== asked) return;
      next.replaceChildren();
      refused(error);
    }
  }

  const later = () => {
    [cron, timezone].forEach(forgetBeside);
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  };
  preset.addEventListener("change", () => {
    if (preset.value) cron.value = preset.value;
    else cron.focus();
    later();
  });
  cron.addEventListener("input", () => {
    const same = [...preset.options].find((option) => option.value === cron.value.trim());
    preset.value = same ? same.value : "";
    later();
  });
  timezone.addEventListener("input", later);
  look();
}
