// The histograms of a course. Everything is drawn on a canvas, tooltips too: no name of an
// assignment becomes HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const TENTHS = Array.from({ length: 10 }, (_, n) => `${n * 10}–${n * 10 + 10}`);

function options(histogram) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const dim = { color: colour("--bs-secondary-color") };
  const line = { lineStyle: { color: colour("--bs-border-color") } };
  return {
    animation: false,
    grid: { left: 40, right: 10, top: 20, bottom: 40 },
    tooltip: { renderMode: "richText", confine: true, backgroundColor: colour("--bs-body-bg"), borderColor: colour("--bs-border-color"), textStyle: { color: colour("--bs-body-color") } },
    xAxis: { type: "category", data: TENTHS, axisLabel: { ...dim, interval: 0 }, axisLine: line, name: "% of the points", nameLocation: "middle", nameGap: 25, nameTextStyle: dim },
    yAxis: { type: "value", minInterval: 1, axisLabel: dim, splitLine: line },
    series: [{ type: "bar", data: histogram, barCategoryGap: "10%", itemStyle: { color: colour("--lab") } }],
  };
}

const charts = [...document.querySelectorAll("[data-histogram]")].map((place) => {
  const { histogram } = data.find((one) => one.name === place.dataset.histogram);
  const chart = echarts.init(place);
  new ResizeObserver(() => chart.resize()).observe(place);
  return { chart, histogram };
});
const draw = () => charts.forEach(({ chart, histogram }) => chart.setOption(options(histogram), true));
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
draw();
