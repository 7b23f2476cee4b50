// The page of a comparison: its charts, and two of its reports cell by cell.
import { PREFIX, make } from "./common.js";
import { showCells } from "./cells.js";
import { drawable, isWide, parallel, scatter } from "./charts.js";

const data = document.getElementById("data");
const table = data && JSON.parse(data.textContent);

function select(id, columns) {
  const element = document.getElementById(id);
  element.replaceChildren(...columns.map((column) => make("option", { value: column.number }, column.name)));
  return () => columns.find((column) => column.number === Number(element.value));
}

function showCharts(parameters, metrics) {
  const section = document.getElementById("charts");
  section.hidden = false;
  const y = select("c-y", metrics);
  const x = select("c-x", [...parameters, ...metrics]);
  const logs = { x: document.getElementById("c-log-x"), y: document.getElementById("c-log-y") };
  const places = ["scatter", "parallel"].map((id) => document.getElementById(id));
  const charts = places.map((place) => echarts.init(place));
  const draw = () => {
    charts[0].setOption(scatter(table, x(), y(), { x: logs.x.checked, y: logs.y.checked }), true);
    charts[1].setOption(parallel(table, y()), true);
  };
  charts[0].on("click", ({ data: one }) => location.assign(`${PREFIX}/runs/${one.run}`));
  const suit = () => {
    logs.x.checked = isWide(table, x());
    logs.y.checked = isWide(table, y());
  };
  section.addEventListener("change", (event) => {
    if (event.target.matches("select")) suit();
    draw();
  });
  suit();
  new ResizeObserver(() => charts.forEach((chart) => chart.resize())).observe(section);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  draw();
}

function watchPair(form) {
  const place = document.getElementById("pairs");
  const show = () => showCells(place, form.elements.one.value, form.elements.other.value);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  if (table.rows.length === 2) show();
}

if (table && table.rows.length > 1) {
  const parameters = drawable(table, "parameter");
  const metrics = drawable(table, "metric");
  if (metrics.length && parameters.length + metrics.length > 1) showCharts(parameters, metrics);
  watchPair(document.getElementById("pair"));
}
