"use strict";
// Rows as points: two axes to choose, and a legend whose buttons hide and show classes.

function decoded(base64, Kind) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Kind(bytes.buffer);
}

// What plotly draws would be read as its pseudo-HTML.
const as_text = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function scatter(area) {
  const points = EMBEDDED.data[area.dataset.scatter];
  const rows = decoded(points.rows, Uint32Array);
  const axes = points.axes.map(({ title, values }) => ({ title, values: decoded(values, Float32Array) }));
  const selects = [...area.querySelectorAll("[data-axis]")];
  const hidden = new Set();
  const size = rows.length > 5000 ? 4 : rows.length > 1000 ? 5 : 7;
  const base = { type: "scatter", mode: "markers", hovertemplate: "%{text}<extra></extra>" };
  const place = (members) => {
    const [x, y] = selects.map((select) => axes[select.value].values);
    return { x: Array.from(members, (k) => x[k]), y: Array.from(members, (k) => y[k]) };
  };

  function trace_of_class(members, at) {
    const name = at < 0 ? points.none : points.names[at];
    const [colour, symbol] =
      at < 0 ? ["--none", "circle"] : [`--series-${EMBEDDED.shapes[at][0]}`, EMBEDDED.shapes[at][1]];
    const prefix = points.labelled ? `${as_text(name)}, ` : "";
    return {
      ...base,
      ...place(members),
      name: as_text(name),
      visible: !hidden.has(at),
      text: members.map((k) => `${prefix}row ${rows[k]}`),
      marker: { color: colour, symbol, size: at < 0 ? size - 1 : size, opacity: rows.length > 2000 ? 0.65 : 0.8 },
    };
  }

  function trace_of_scores() {
    const scores = Array.from(decoded(points.scores, Float32Array), (x) => (Number.isNaN(x) ? null : x));
    const bar = { thickness: 12, outlinewidth: 0, tickfont: { color: "--soft" } };
    return {
      ...base,
      ...place(rows.keys()),
      text: scores.map((score, k) => `${readable(score)}, row ${rows[k]}`),
      marker: { color: scores, colorscale: "Cividis", size, opacity: 0.85, colorbar: bar },
    };
  }

  const members = new Map(); // rows of each class; those without one (-1) are drawn first, below the others
  decoded(points.classes ?? "", Int16Array).forEach((at, k) => {
    if (!members.has(at)) members.set(at, []);
    members.get(at).push(k);
  });
  const classes = [...members.keys()].sort((a, b) => a - b);

  const draw = keep_drawn(area.querySelector(".plot"), () => ({
    data: points.scores ? [trace_of_scores()] : classes.map((at) => trace_of_class(members.get(at), at)),
    layout: {
      height: 460,
      showlegend: false,
      xaxis: { title: { text: axes[selects[0].value].title }, zeroline: false },
      yaxis: { title: { text: axes[selects[1].value].title }, zeroline: false },
    },
  }));

  for (const select of selects) select.addEventListener("change", draw);
  for (const button of area.querySelectorAll("[data-class]")) {
    button.addEventListener("click", () => {
      const at = Number(button.dataset.class);
      const shown = hidden.delete(at) || !hidden.add(at);
      button.setAttribute("aria-pressed", String(shown));
      draw();
    });
  }
}

for (const area of document.querySelectorAll("[data-scatter]")) scatter(area);
