"use strict";
// What the visitor does: an image comes in, goes to the server once per model, and its answers are shown.
const TITLES = {
  400: "This image cannot be read", 401: "This server asks for a key", 408: "The upload took too long",
  413: "The image is too large", 415: "This is not an image the server reads", 503: "The server is busy",
  504: "The answer took too long",
};
const NO_ANSWER = "It may have stopped, or have refused a very large file.";
let last = null;    // the file on show, to be sent again when an option changes
let sending = null; // the AbortController of the newest request, which alone may write its answer
let models = [];    // what the server says of each, the default first

class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const key = at("key").value.trim(), headers = key ? {"X-API-Key": key} : {};
  if (/[^!-~]/.test(key)) throw new Refused(401, "that key has a space, or a letter that no key has");
  const response = await fetch(document.documentElement.dataset.root + path, {...options, headers});
  const answer = await response.json().catch(() => null); // a proxy in between may answer with a page of its own
  if (response.ok && answer) return answer;
  throw new Refused(response.status, (answer && answer.detail) || `The answer was status ${response.status}.`);
}

function complain(title, detail, again) {
  at("waiting").hidden = at("verdict").hidden = at("layers").hidden = true;
  at("cards").replaceChildren();
  at("top").classList.remove("comparing");
  at("wrong").hidden = false;
  at("title").textContent = title;
  at("reason").textContent = detail.charAt(0).toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : ".");
  at("again").hidden = !again;
}

function explain(error) {
  if (!(error instanceof Refused)) return complain("The server did not answer", NO_ANSWER, true);
  const {status, message} = error;
  if (status === 401) at("lock").hidden = false;
  if (status === 404) start(); // a model was taken away meanwhile
  complain(TITLES[status] || (status < 500 ? "The server refused this" : "The server failed"), message,
    status === 408 || status >= 500);
}

function show(answers) {
  at("waiting").hidden = at("wrong").hidden = true;
  showAnswers(answers);
  showLayers(answers);
  const size = answers[0].results[0].image;
  at("picture").classList.toggle("small", Math.max(size.width, size.height) <= 128);
}

function preview(file) {
  URL.revokeObjectURL(at("picture").src);
  at("picture").src = URL.createObjectURL(file);
  at("picture").hidden = false;
  at("invitation").textContent = file.name || "pasted image";
}

async function classify(file, model, signal) {
  const form = new FormData(), query = new URLSearchParams({layers: at("wanted").checked});
  form.append("file", file, file.name || "pasted");
  if (model) query.set("model", model);
  return ask("v1/classify?" + query, {method: "POST", body: form, signal});
}

async function send(file) {
  if (sending) sending.abort();
  const mine = sending = new AbortController(), answers = [];
  last = file;
  preview(file);
  at("answer").classList.add("busy");
  at("waiting").textContent = at("said").textContent = "Working\u2026";
  at("waiting").hidden = at("cards").children.length > 0;
  at("wrong").hidden = true;
  try {
    for (const model of [at("model").value, at("other").value].filter((name, place) => name || !place)) {
      answers.push(await classify(file, model, mine.signal)); // one after the other: together they would slow each other
    }
    if (mine === sending) show(answers);
  } catch (error) {
    if (mine === sending) explain(error);
  } finally {
    if (mine === sending) at("answer").classList.remove("busy");
  }
}

function take(files) {
  if (files.length) send(files[0]);
  else complain("There is no image file in that", "Give a file, or copy the image itself: links are not fetched.");
}

function offerOthers(names) {
  const before = at("other").value, chosen = at("model").value;
  const others = names.filter((name) => name !== chosen).map((name) => new Option(name));
  at("other").replaceChildren(new Option("no other", ""), ...others);
  at("other").value = names.includes(before) && before !== chosen ? before : "";
}

function chooseModel() {
  offerOthers(models.map((model) => model.name));
  const chosen = models.find((model) => model.name === at("model").value);
  samples.offer((chosen && chosen.labels) || []);
}

async function describe() {
  models = [];
  try {
    models = (await ask("v1/models")).models;
    at("lock").hidden = true;
  } catch (error) {
    if (error.status === 401) at("lock").hidden = false;
    else if (error.status !== 503) throw error;
  }
  const names = models.map((model) => model.name);
  at("about").textContent = names.length > 1 ? `${names.length} models` : names[0] ||
    (at("lock").hidden ? "the models are still loading" : "this server asks for a key");
  const before = at("model").value;
  at("model").replaceChildren(...names.map((name) => new Option(name, name, false, name === before)));
  at("choices").hidden = names.length < 2;
  chooseModel();
  if (!names.length && at("lock").hidden) setTimeout(start, 1000);
}

function start() {
  return describe().catch(() => { at("about").textContent = "the server does not answer"; });
}

function resend() {
  if (last) send(last);
}

at("file").addEventListener("change", () => {
  if (at("file").files.length) send(at("file").files[0]);
  at("file").value = ""; // so that the same file can be chosen again
});
at("picture").addEventListener("error", () => { at("picture").hidden = true; });
at("wanted").addEventListener("change", resend);
at("other").addEventListener("change", resend);
at("again").addEventListener("click", resend);
at("model").addEventListener("change", () => {
  chooseModel();
  resend();
});
for (const button of at("samples").querySelectorAll("button")) {
  button.addEventListener("click", () => samples.load(button).then(send).catch((error) =>
    complain("The photo cannot be had", error.message || NO_ANSWER)));
}
at("lock").addEventListener("submit", (event) => {
  event.preventDefault();
  start().then(resend);
});
document.addEventListener("paste", (event) => {
  if (event.target !== at("key")) take(event.clipboardData.files);
});
document.addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
document.addEventListener("dragleave", () => at("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") camera.shut(); });
at("open").hidden = !camera.allowed;
at("open").addEventListener("click", () => camera.open().catch((error) =>
  complain("The camera cannot be used", error.message || error.name)));
at("shoot").addEventListener("click", async () => send(await camera.shoot()));
at("shut").addEventListener("click", () => camera.shut());
start();
