"use strict";
// Draws the layer reports of one model or of two side by side, layers of the same name in one row.
const KINDS = {
  fwht: "FWHT layers", fwht2d: "2-D FWHT layers", mf: "multiplication-free layers", other: "other layers",
  unknown: "work of no layer",
};

function kindOf(layer) {
  if (!layer.onnx_nodes.length) return "unknown";
  if (layer.op.startsWith("FWHT")) return layer.op.startsWith("FWHT2D") ? "fwht2d" : "fwht";
  return layer.op.startsWith("MF") ? "mf" : "other";
}

// [{name, items}]: items has one layer per report, undefined where a model has no such layer; in the order they run.
function alignLayers(reports) {
  const rows = new Map();
  reports.forEach((report, column) => {
    let order = [...rows.keys()], place = 0;
    for (const layer of report.items) {
      const key = layer.onnx_nodes.length ? layer.name : `${layer.name} ${layer.op}`; // a name may hide two conversions
      if (!rows.has(key)) {
        rows.set(key, {name: layer.name, items: reports.map(() => undefined)});
        order.splice(place, 0, key);
      }
      rows.get(key).items[column] = layer;
      place = order.indexOf(key) + 1;
    }
    const sorted = order.map((key) => [key, rows.get(key)]);
    rows.clear();
    for (const [key, row] of sorted) rows.set(key, row);
  });
  return [...rows.values()];
}

function layerCell(layer, longest) {
  const cell = element("td", undefined, "cell");
  if (!layer) {
    cell.append(element("span", "none", "none"));
    return cell;
  }
  cell.append(element("span", layer.op, "op"), bar(longest ? layer.ms / longest : 0, kindOf(layer)),
    element("span", layer.ms.toFixed(3) + " ms", "number")); // all alike, so that the points stand below each other
  return cell;
}

function formatDifference([first, second]) {
  const value = (second ? second.ms : 0) - (first ? first.ms : 0);
  const sign = Math.abs(value) < 0.0005 ? "" : value < 0 ? "\u2212" : "+";
  return sign + Math.abs(value).toFixed(3) + " ms";
}

function layerRow(row, longest) {
  const made = element("tr"), head = element("th", row.name.replace(" -> ", " \u2192 "));
  head.scope = "row";
  made.append(head, ...row.items.map((layer) => layerCell(layer, longest)));
  if (row.items.length > 1) made.append(element("td", formatDifference(row.items), "number"));
  return made;
}

function headRow(names) {
  const row = element("tr");
  const texts = ["Layer", ...names, ...(names.length > 1 ? ["Difference"] : [])];
  row.append(...texts.map((text, place) => {
    const head = element("th", text, place > names.length ? "number" : "");
    head.scope = "col";
    return head;
  }));
  return row;
}

function kindStrip(report, name, whole) {
  const parts = Object.entries(KINDS).map(([kindName, text]) => ({
    name: text, kind: kindName,
    ms: report.items.filter((layer) => kindOf(layer) === kindName).reduce((sum, layer) => sum + layer.ms, 0),
  })).filter((part) => part.ms > 0);
  const made = element("div");
  made.append(element("h3", `${name}: layers ${formatMilliseconds(report.sum_ms + report.unattributed_ms)} together; ` +
    `a run without the profiler takes ${formatMilliseconds(report.latency_ms)}`), ...strip(parts, whole));
  return made;
}

function describeRuns(report, name) {
  return element("p", `${name}: medians of ${report.runs} profiled runs of their own, made after the answer. ` +
    (report.note || ""));
}

function showLayers(answers) {
  const reports = answers.map((answer) => answer.layers), names = answers.map((answer) => answer.model);
  at("layers").hidden = !reports[0];
  if (!reports[0]) return;
  const rows = alignLayers(reports);
  const longest = Math.max(...reports.flatMap((report) => report.items.map((layer) => layer.ms)));
  const whole = Math.max(...reports.map((report) => report.sum_ms + report.unattributed_ms));
  at("kinds").replaceChildren(...reports.map((report, place) => kindStrip(report, names[place], whole)));
  const head = element("thead"), body = element("tbody");
  head.append(headRow(names));
  body.append(...rows.map((row) => layerRow(row, longest)));
  at("rows").className = reports.length > 1 ? "two" : "one";
  at("rows").replaceChildren(head, body);
  at("notes").replaceChildren(at("notes").firstElementChild,
    ...reports.map((report, place) => describeRuns(report, names[place])));
}
