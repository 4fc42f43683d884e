"use strict";
// Figures of plotly in the colours and fonts of page.css.

const EMBEDDED = JSON.parse(document.getElementById("embedded").textContent);
const CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, scrollZoom: false, doubleClick: "reset" };

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Four significant digits.
function readable(value, digits = 4) {
  if (value === null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en").replace("-", "−");
  return String(Number(value.toPrecision(digits))).replace(/^-/, "−");
}

// The same value with names of CSS variables replaced by what they are now.
function themed(value) {
  if (typeof value === "string") return value.startsWith("--") ? token(value) : value;
  if (Array.isArray(value)) return value.length <= 8 || typeof value[0] === "object" ? value.map(themed) : value;
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, themed(item)]));
}

function with_defaults(layout) {
  const axis = {
    gridcolor: "--grid",
    zerolinecolor: "--grid",
    linecolor: "--line",
    automargin: true,
    tickfont: { color: "--soft" },
    title: { standoff: 12 },
  };
  const full = {
    font: { family: token("--font"), size: 13, color: "--ink" },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 12, t: 12, b: 44 },
    dragmode: false,
    hovermode: "closest",
    hoverlabel: { bgcolor: "--card", bordercolor: "--line", font: { color: "--ink" } },
    ...layout,
  };
  if (layout.showlegend !== false) {
    full.legend = { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" };
    full.margin = { ...full.margin, t: 34 };
  }
  for (const name of Object.keys(full).filter((key) => /^[xy]axis/.test(key))) {
    full[name] = { ...axis, ...full[name], title: { ...axis.title, ...full[name].title } };
  }
  return full;
}

// `figure()` gives { data, layout }; it is asked again whenever the theme changes.
function keep_drawn(place, figure) {
  const draw = () => {
    const { data, layout } = figure();
    const width = document.documentElement.classList.contains("printing") ? { width: place.clientWidth } : {};
    Plotly.react(place, themed(data), themed({ ...with_defaults(layout), ...width }), CONFIG);
  };
  redraws.push(draw);
  draw();
  return draw;
}

for (const place of document.querySelectorAll("[data-figure]")) {
  keep_drawn(place, () => EMBEDDED.figures[place.dataset.figure]);
}
