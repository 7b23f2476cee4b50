// What the two charts of a comparison show, as options for ECharts. Everything is drawn on a
// canvas, tooltips too: no name or value of a run becomes HTML.

const AXES = 12; // more do not fit side by side
const TEAL = ["#99d5cf", "#0f766e"];
const TEAL_DARK = ["#1f5f58", "#5eead4"];

function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const dark = document.documentElement.dataset.bsTheme === "dark";
  return { text: colour("--bs-body-color"), dim: colour("--bs-secondary-color"), line: colour("--bs-border-color"), back: colour("--bs-body-bg"), range: dark ? TEAL_DARK : TEAL };
}

const words = (value) => (value === null ? "–" : typeof value === "number" ? String(Number(value.toPrecision(6))) : typeof value === "string" ? value : JSON.stringify(value));

function tooltip(colours, formatter) {
  return { renderMode: "richText", confine: true, backgroundColor: colours.back, borderColor: colours.line, textStyle: { color: colours.text }, formatter };
}

// The values of a column that are drawn: numbers, or names of a few values.
const valuesOf = (table, column) => table.rows.map((row) => row.values[column]);
const namesOf = (table, column) => [...new Set(valuesOf(table, column).filter((value) => value !== null).map(words))];

export const drawable = (table, kind) =>
  table.columns.map((column, number) => ({ ...column, number })).filter((column) => column.kind === kind && (kind === "metric" ? column.numeric : column.varies));

// Whether a logarithmic scale suits a column: as with rates, its ends are far apart.
export function isWide(table, column) {
  const values = valuesOf(table, column.number).filter((value) => typeof value === "number");
  return values.every((value) => value > 0) && Math.max(...values) / Math.min(...values) >= 30;
}

function axis(column, table, colours) {
  const look = { axisLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.dim }, axisTick: { lineStyle: { color: colours.line } }, nameTextStyle: { color: colours.text } };
  if (column.numeric) {
    const whole = valuesOf(table, column.number).every((value) => value === null || Number.isInteger(value));
    return { ...look, type: "value", scale: true, minInterval: whole ? 1 : 0 };
  }
  return { ...look, type: "category", data: namesOf(table, column.number) };
}

function point(column, value) {
  return value === null || column.numeric ? value : words(value);
}

// One point a run: `x` and `y` are columns, `logs` says which of the two is logarithmic.
export function scatter(table, x, y, logs) {
  const colours = palette();
  const positive = (column) => valuesOf(table, column.number).every((value) => value === null || value > 0);
  const side = (column, log, more) => ({
    ...axis(column, table, colours), name: column.name, nameLocation: "middle",
    splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
    ...(log && column.numeric && positive(column) ? { type: "log" } : {}), ...more,
  });
  const data = table.rows
    .map((row, number) => ({ value: [point(x, row.values[x.number]), row.values[y.number]], run: row.run, name: table.labels[number] }))
    .filter(({ value }) => value[0] !== null && typeof value[1] === "number");
  return {
    animation: false,
    grid: { left: 70, right: 24, top: 16, bottom: 52 },
    xAxis: side(x, logs.x, { nameGap: 30 }),
    yAxis: side(y, logs.y, { nameGap: 50 }),
    tooltip: tooltip(colours, ({ data: one }) => `${one.name}\n${x.name}: ${words(one.value[0])}\n${y.name}: ${words(one.value[1])}`),
    series: [{ type: "scatter", symbolSize: 11, itemStyle: { color: colours.range[1], opacity: 0.85 }, data }],
  };
}

// One line a run through all that varies, coloured by a metric.
export function parallel(table, y) {
  const colours = palette();
  const columns = [...drawable(table, "parameter"), ...drawable(table, "metric")].filter((column) => column.number !== y.number).slice(0, AXES - 1).concat(y);
  const data = table.rows
    .filter((row) => typeof row.values[y.number] === "number")
    .map((row) => ({ value: columns.map((column) => point(column, row.values[column.number]) ?? "-"), run: row.run }));
  const scores = data.map(({ value }) => value[columns.length - 1]);
  return {
    animation: false,
    parallel: { left: 40, right: 90, top: 44, bottom: 24 },
    parallelAxis: columns.map((column, dim) => ({ dim, name: column.name, ...axis(column, table, colours), axisLabel: { color: colours.dim, textBorderColor: colours.back, textBorderWidth: 3 } })),
    visualMap: { show: false, dimension: columns.length - 1, min: Math.min(...scores), max: Math.max(...scores), inRange: { color: colours.range } },
    series: [{ type: "parallel", lineStyle: { width: 2, opacity: 0.75 }, inactiveOpacity: 0.08, data }],
  };
}
