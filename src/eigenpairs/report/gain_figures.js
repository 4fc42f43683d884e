"use strict";
// Pictures of a spectrum with a gain curve over it: over the number of the mode, over rho, and small.

const HEIGHT = 380;
const MARGIN = { l: 52, r: 56, t: 34, b: 44 };

// So many modes are drawn: twice the width, for the sake of what is left out.
const modes_shown = (rho, width) => Math.min(rho.length, Math.max(32, 2 * width));

function gain_curve(x, best) {
  const count = Math.min(x.length, best.gains.length);
  return {
    type: "scatter",
    mode: count <= 128 ? "lines+markers" : "lines",
    name: "gain: how much is kept",
    x: x.slice(0, count),
    y: best.gains.slice(0, count),
    yaxis: "y2",
    line: { color: "--gain", width: 2.5 },
    marker: { color: "--gain", size: 6 },
    text: best.gains.slice(0, count).map((gain, k) => `mode ${k + 1}: gain ${readable(gain)}`),
    hovertemplate: "%{text}<extra></extra>",
  };
}

// Both vertical axes have their zero at the same height.
function vertical_axes(best, count, lowest) {
  const top = Math.max(...best.gains.slice(0, count), 0) || 1;
  const low = Math.min(0, lowest) * 1.05;
  return {
    yaxis: { title: { text: "rho" }, range: [low, 1.06], zeroline: true, color: "--ink" },
    yaxis2: {
      title: { text: "gain" },
      range: [low * top, 1.06 * top],
      overlaying: "y",
      side: "right",
      showgrid: false,
      tickvals: round_steps(top),
      zeroline: false,
      tickfont: { color: "--gain" },
    },
  };
}

// 0, and round numbers up to `top`: gains are never negative, even where rho is.
function round_steps(top) {
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((round) => round * power >= rough);
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, k) => k * step);
}

function over_modes(rho, width, best) {
  const count = modes_shown(rho, width);
  const numbers = Array.from({ length: count }, (_, k) => k + 1);
  const heights = rho.slice(0, count);
  const text = heights.map((value, k) => `mode ${k + 1}: rho ${readable(value)}`);
  const look = {
    name: "rho: how much pairs agree",
    x: numbers,
    y: heights,
    text,
    hovertemplate: "%{text}<extra></extra>",
  };
  const bars = {
    ...look,
    type: "bar",
    textposition: "none",
    marker: { color: numbers.map((k) => token(k > width ? "--beyond" : "--rho")) },
  };
  const steps = {
    ...look,
    type: "scatter",
    mode: "lines",
    line: { shape: "hvh", width: 0 },
    fill: "tozeroy",
    fillcolor: "--rho",
  };
  const edge = {
    type: "line",
    x0: width + 0.5,
    x1: width + 0.5,
    y0: 0,
    y1: 1,
    yref: "paper",
    line: { color: "--soft", width: 1, dash: "dot" },
  };
  const note = {
    x: width + 0.5,
    y: 1,
    yref: "paper",
    text: `K = ${width}`,
    showarrow: false,
    xanchor: width > 0.8 * count ? "right" : "left",
    yanchor: "top",
    font: { color: "--soft", size: 12 },
  };
  return {
    data: [count <= 256 ? bars : steps, gain_curve(numbers, best)],
    layout: {
      height: HEIGHT,
      bargap: 0.15,
      margin: MARGIN,
      shapes: [edge],
      annotations: [note],
      xaxis: { title: { text: "mode, the most invariant first" }, range: [0.4, count + 0.6], showgrid: false },
      ...vertical_axes(best, count, Math.min(...heights)),
    },
  };
}

function over_rho(rho, width, best) {
  const heights = rho.slice(0, modes_shown(rho, width));
  const ticks = {
    type: "scatter",
    mode: "markers",
    name: "rho of each mode",
    x: heights,
    y: heights.map(() => 0),
    text: heights.map((value, k) => `mode ${k + 1}: rho ${readable(value)}`),
    hovertemplate: "%{text}<extra></extra>",
    marker: { symbol: "line-ns-open", size: 16, color: "--rho", line: { width: 2 } },
    yaxis: "y2",
    cliponaxis: false,
  };
  const { yaxis2 } = vertical_axes(best, heights.length, 0);
  return {
    data: [ticks, gain_curve(heights, best)],
    layout: {
      height: HEIGHT,
      margin: MARGIN,
      xaxis: {
        title: { text: "rho: how much pairs agree" },
        range: [Math.min(0, ...heights) - 0.03, 1.03],
        zeroline: false,
      },
      yaxis: { visible: false },
      yaxis2: {
        ...yaxis2,
        side: "left",
        overlaying: undefined,
        showgrid: true,
        range: [-0.06 * yaxis2.range[1], yaxis2.range[1]],
      },
    },
  };
}

// A small picture of rho and gains: an area and a line, both to their largest value.
function draw_spark(svg, rho, width, best) {
  const count = modes_shown(rho, width);
  const bins = Math.min(count, 60);
  const pick = (values) =>
    Array.from({ length: bins }, (_, k) => Math.max(values[Math.floor((k * count) / bins)] ?? 0, 0));
  const top = Math.max(...best.gains.slice(0, count), 0) || 1;
  const x = (k) => ((120 * k) / bins).toFixed(1);
  const y = (share) => (38 - 36 * share).toFixed(1);
  const steps = (heights) => heights.map((share, k) => `${k ? "L" : "M"}${x(k)},${y(share)}H${x(k + 1)}`).join("");
  svg.querySelector(".area").setAttribute("d", `${steps(pick(rho))}V38H0Z`);
  const curve = pick(best.gains).map((gain, k) => `${k ? "L" : "M"}${x(k + 0.5)},${y(gain / top)}`);
  svg.querySelector(".stroke").setAttribute("d", best.gains.length ? curve.join("") : "");
}
