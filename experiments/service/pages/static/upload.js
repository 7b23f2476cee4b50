// Hands files in as a snapshot, then goes on to the form of a run.
import { API, PREFIX } from "./common.js";
import { pack } from "./tar.js";

const form = document.getElementById("upload");
const button = form.querySelector("button");
const sending = document.getElementById("sending");
const note = form.querySelector("[role=alert]");
const LEFT_OUT = /(^|\/)(\.[^/]*|__pycache__|node_modules|venv)(\/|$)/;

// The files that were chosen, by their path below the folder that was.
function chosen() {
  const folder = [...document.getElementById("f-folder").files]
    .map((file) => ({ name: file.webkitRelativePath.replace(/^[^/]*\//, ""), file }))
    .filter(({ name }) => !LEFT_OUT.test(name));
  return [...folder, ...[...document.getElementById("f-files").files].map((file) => ({ name: file.name, file }))];
}

function check(files) {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  if (!files.some(({ name }) => name.endsWith(".ipynb"))) throw new Error("Choose a notebook, a file whose name ends in .ipynb.");
  if (files.length > Number(form.dataset.files)) throw new Error(`These are ${files.length.toLocaleString()} files, too many for a run: choose fewer.`);
  if (bytes > Number(form.dataset.most)) throw new Error(`These are ${Math.round(bytes / 1e6).toLocaleString()} MB, too much for a run: choose less.`);
}

function say(text, percent) {
  sending.hidden = false;
  sending.querySelector("p").textContent = text;
  sending.querySelector(".progress").setAttribute("aria-valuenow", percent);
  sending.querySelector(".progress-bar").style.width = `${percent}%`;
}

// fetch has no progress of what is sent.
function deliver(archive) {
  const body = new FormData();
  body.append("archive", archive, "folder.tar.gz");
  body.append("owner", form.elements.owner.value);
  const request = new XMLHttpRequest();
  return new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => {
      const percent = Math.round((100 * event.loaded) / event.total);
      say(percent < 100 ? `Sending, ${percent} %` : "The lab is looking at the files…", percent);
    };
    request.onerror = () => reject(new Error("The lab does not answer. Check your connection, then try again."));
    request.onload = () => {
      const answer = request.response;
      if (request.status === 201) resolve(answer);
      else reject(new Error(answer?.error?.message ?? "The files could not be handed in. Try again."));
    };
    request.responseType = "json";
    request.open("POST", `${API}/snapshots`);
    request.setRequestHeader("X-XSRFToken", document.querySelector("meta[name=xsrf]").content);
    request.send(body);
  });
}

function go(snapshot, files) {
  const notebooks = files.filter(({ name }) => name.endsWith(".ipynb"));
  const query = new URLSearchParams({ snapshot, owner: form.elements.owner.value });
  if (notebooks.length === 1) query.set("notebook", notebooks[0].name);
  location.assign(`${PREFIX}/new?${query}`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  note.hidden = true;
  try {
    const files = chosen();
    check(files);
    say("Packing…", 0);
    go((await deliver(await pack(files))).hash, files);
  } catch (error) {
    sending.hidden = true;
    note.textContent = error.message;
    note.hidden = false;
    button.disabled = false;
  }
});
button.disabled = false; // without this script the form would be sent as it is
