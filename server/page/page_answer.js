"use strict";
// Draws the answer of one model: its labels, and where the time went.
const at = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function formatMilliseconds(value) {
  return value.toFixed(value < 0.1 ? 3 : value < 10 ? 2 : 1) + " ms";
}

function formatPercent(share) {
  return (100 * share).toFixed(1) + " %";
}

// A piece of a bar, as wide as its share.
function piece(share, kind) {
  const made = element("i", undefined, kind);
  made.style.width = `${100 * share}%`;
  return made;
}

function bar(share, kind) {
  const track = element("div", undefined, "track");
  track.append(piece(share, kind));
  return track;
}

// One bar of several parts {name, kind, ms}, each as wide as its share of `whole`, and the list that names them.
function strip(parts, whole) {
  const line = element("div", undefined, "strip"), legend = element("ul", undefined, "legend");
  for (const part of parts) {
    const entry = element("li");
    line.append(piece(whole ? part.ms / whole : 0, part.kind));
    entry.append(element("i", undefined, part.kind), part.name + " ", element("b", formatMilliseconds(part.ms)));
    legend.append(entry);
  }
  line.setAttribute("aria-hidden", "true"); // the legend says the same in words
  return [line, legend];
}

// What an answer says the image is; null where its score is too low for a label.
function labelOf(answer) {
  const {label, predictions} = answer.results[0];
  return label === null ? null : predictions[0].label;
}

function labelTable(predictions) {
  const table = element("table", undefined, "labels"), body = element("tbody");
  for (const found of predictions) {
    const row = element("tr"), head = element("th", found.label), middle = element("td", undefined, "bar");
    head.scope = "row";
    middle.append(bar(found.score));
    row.append(head, middle, element("td", formatPercent(found.score), "number"));
    body.append(row);
  }
  table.append(body);
  return table;
}

// `longest` is the total of the slowest answer on show: strips side by side have one scale.
function answerCard(answer, longest) {
  const card = element("article"), {total, ...stages} = answer.timings_ms, size = answer.results[0].image;
  const parts = Object.entries(stages).map(([name, ms]) => ({name, kind: name, ms}));
  const between = total - parts.reduce((sum, part) => sum + part.ms, 0);
  if (between > total / 50) parts.push({name: "in between", kind: "other", ms: between}); // a busy machine's doing
  card.append(
    element("h2", answer.model),
    element("p", `${answer.backend}, ${answer.precision}; image of ${size.width} x ${size.height}`, "soft"),
    ...(labelOf(answer) === null ? [element("p", `No label: ${answer.results[0].reason}.`, "unsure")] : []),
    labelTable(answer.results[0].predictions),
    element("h3", `Time on the server: ${formatMilliseconds(total)}`),
    ...strip(parts, longest));
  return card;
}

// Two answers in a sentence each on labels and time.
function compareAnswers(answers) {
  const [first, second] = answers, [a, b] = answers.map((answer) => labelOf(answer) || "nothing for certain");
  const labels = a === b ? `Both say ${a}.` : `They disagree: ${first.model} says ${a}, ${second.model} says ${b}.`;
  const [mine, theirs] = answers.map((answer) => answer.layers ? answer.layers.latency_ms : answer.timings_ms.inference);
  const runs = first.layers ? "medians of several runs on this machine, now" : "one run each, so take it with care";
  const [quick, slow] = mine <= theirs ? answers : [second, first];
  const ratio = Math.max(mine, theirs) / Math.min(mine, theirs);
  return [labels, `Inference: ${quick.model} ${formatMilliseconds(Math.min(mine, theirs))}, ` +
    `${slow.model} ${formatMilliseconds(Math.max(mine, theirs))}, ${ratio.toFixed(2)} times as long (${runs}).`];
}

function showAnswers(answers) {
  const longest = Math.max(...answers.map((answer) => answer.timings_ms.total));
  at("cards").replaceChildren(...answers.map((answer) => answerCard(answer, longest)));
  const comparing = answers.length > 1, [labels, times] = comparing ? compareAnswers(answers) : ["", ""];
  at("verdict").replaceChildren(element("strong", labels), " " + times);
  at("verdict").hidden = !comparing;
  at("top").classList.toggle("comparing", comparing);
  at("said").textContent = answers.map((answer) => {
    const best = answer.results[0].predictions[0], time = formatMilliseconds(answer.timings_ms.total);
    const label = labelOf(answer) === null ? `no label, at best ${best.label}` : best.label;
    return `${answer.model}: ${label}, ${formatPercent(best.score)}, ${time}`;
  }).join("; ");
}
