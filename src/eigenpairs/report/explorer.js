"use strict";
// The spectrum with the gain curve of an objective over it; sliders move the hyper-parameter and the width.

const STATUS = {
  exact: ["exact", "no map of this class does better"],
  relative: ["exact on this spectrum", "whose modes are not orthonormal under the pairs"],
  bound: ["lower bound", "no map goes below; at this width no map that reaches it is known in closed form"],
  between: ["bound and best known", "no map goes below the first, one that reaches the second is known"],
  reference: ["a reference", "for Gaussian modes, relative to log N for N candidates; no bound"],
  dynamics: ["no loss", "learning without negatives follows no scalar: this is where it ends"],
  unbounded: ["no optimum", "at rho = 1 volume is free; gains are capped at rho = 1 − 1e-6"],
  computed: ["as computed", "found by computation and not by a formula: it holds for this setting"],
  unknown: ["not known", "there is no closed form for this setting: go back to the start to see what was computed"],
};
const NOTHING = { gains: [], loss: NaN, lower_bound: NaN, rank: 0, constant: 0, status: "unknown" };
const PATH_POINTS = 81;
const LONGEST_TABLE = 100;

function explorer(area) {
  const { rho, width: first_width, faithful, objectives } = EMBEDDED.data[area.dataset.explorer];
  const find = (selector) => area.querySelector(selector);
  const [parameter, width_slider] = [find(".parameter input"), find(".width input")];
  const options = [...area.querySelectorAll(".option")];
  const state = { at: 0, width: first_width, axis: "mode", values: objectives.map(({ knob }) => knob?.value ?? null) };

  // ------------------------------------------------------------ mathematics

  function optimum(at, value = state.values[at], width = state.width) {
    const { name, params, knob, solved } = objectives[at];
    if (solved && width === first_width && value === (knob?.value ?? null)) {
      const unproved = Number.isFinite(solved.lower_bound ?? NaN) ? "between" : "computed";
      return { ...solved, loss: solved.loss ?? NaN, status: solved.exact ? "exact" : unproved };
    }
    const given = knob ? { ...params, [knob.parameter]: value } : params;
    const best = OBJECTIVES[name]?.(rho, width, given) ?? NOTHING;
    return best.status === "exact" && !faithful ? { ...best, status: "relative" } : best;
  }

  // Positions 0 to 1000 of the slider, logarithmic.
  const value_at = ({ low, high }, position) => low * (high / low) ** (position / 1000);
  const position_of = ({ low, high }, value) =>
    value > 0 ? Math.max(0, Math.min(1000, (1000 * Math.log(value / low)) / Math.log(high / low))) : 0;

  // ------------------------------------------------------------ pictures

  const shown = () => modes_shown(rho, state.width);

  function figure() {
    const picture = state.axis === "mode" ? over_modes : over_rho;
    return picture(rho, state.width, optimum(state.at));
  }

  // How many modes are kept along the whole slider.
  function draw_path(knob) {
    const area = find(".parameter .path .area");
    if (knob.slow) return area.setAttribute("d", "");
    const positions = Array.from({ length: PATH_POINTS }, (_, k) => (1000 * k) / (PATH_POINTS - 1));
    const ranks = positions.map((position) => optimum(state.at, value_at(knob, position)).rank);
    const y = (rank) => (43 - (40 * rank) / state.width).toFixed(1);
    const steps = positions.map((x, k) => `L${x},${y(ranks[k])}`).join("");
    area.setAttribute("d", `M0,44${steps}V44Z`);
  }

  // rho along the slider of the width.
  function draw_widths() {
    const most = Number(width_slider.max);
    const bins = Math.min(most, 250);
    const height = (k) => 43 - 40 * positive_part(rho[Math.floor((k * most) / bins)] ?? 0);
    const steps = Array.from(
      { length: bins },
      (_, k) => `L${((1000 * k) / bins).toFixed(1)},${height(k).toFixed(1)}H${((1000 * (k + 1)) / bins).toFixed(1)}`,
    );
    find(".width .area").setAttribute("d", `M0,44${steps.join("")}V44Z`);
  }

  // ------------------------------------------------------------ words and numbers

  function loss_in_words(best) {
    if (best.status === "bound") return `≥ ${readable(best.lower_bound, 5)}`;
    if (best.status === "between") return `${readable(best.lower_bound, 5)} to ${readable(best.loss, 5)}`;
    return readable(best.loss, 5);
  }

  function sentence(best) {
    if (best.status === "unknown") return "No closed form is known for this setting.";
    const kept = best.gains
      .map((gain, k) => (gain > 0 && k < rho.length ? rho[k] : null))
      .filter((value) => value !== null);
    const constant = best.constant > 0 ? " and the constant" : "";
    if (kept.length === 0) return `No mode is kept${constant}: total collapse.`;
    const which =
      kept.length === 1
        ? `one mode, of rho ${readable(kept[0])}`
        : `${kept.length} modes, down to rho ${readable(kept[kept.length - 1])}`;
    const left = Math.min(state.width, rho.length) - kept.length;
    const others = left > 0 && !constant ? `; the other ${left} it has room for are not worth their price` : "";
    return `Keeps ${which}${constant}${others}.`;
  }

  function show_numbers(best) {
    const { knob, called, words } = objectives[state.at];
    const value = state.values[state.at];
    find(".chosen").textContent =
      knob && value !== knob.value
        ? `${objectives[state.at].name}, ${knob.parameter.replace("_", " ")} ${readable(value)}`
        : called;
    find(".words").textContent = words;
    find(".rank").textContent = best.status === "unknown" ? "–" : `${best.rank} of ${state.width}`;
    find(".loss").textContent = loss_in_words(best);
    find(".status").replaceChildren(STATUS[best.status][0], note_of(STATUS[best.status][1]));
    find(".sentence").textContent = sentence(best);
    find(".window").textContent =
      shown() < rho.length ? `The first ${shown()} of ${rho.length.toLocaleString("en")} modes.` : "";
    show_control(knob, value);
  }

  function note_of(text) {
    const note = document.createElement("span");
    note.className = "note";
    note.textContent = text;
    return note;
  }

  function show_control(knob, value) {
    find(".parameter").hidden = !knob;
    width_slider.value = state.width;
    find(".width output").textContent = state.width;
    const place = (1000 * (state.width - 1)) / Math.max(width_slider.max - 1, 1);
    for (const end of ["x1", "x2"]) find(".width line").setAttribute(end, place);
    if (!knob) return;
    find(".called").textContent = knob.parameter.replace("_", " ");
    find(".effect").textContent = knob.slow
      ? knob.effect
      : `${knob.effect} The shape above the slider is the number of modes kept.`;
    find(".parameter output").textContent = readable(value);
    parameter.value = position_of(knob, value);
    parameter.setAttribute("aria-valuetext", `${knob.parameter.replace("_", " ")} ${readable(value)}`);
    for (const end of ["x1", "x2"]) find(".parameter line").setAttribute(end, position_of(knob, value));
  }

  function show_table(best) {
    if (!find(".live").open) return;
    const rows = rho.slice(0, Math.min(shown(), LONGEST_TABLE)).map((value, k) => {
      const row = document.createElement("tr");
      for (const [tag, text] of [
        ["th", k + 1],
        ["td", readable(value)],
        ["td", readable(best.gains[k] ?? 0)],
      ]) {
        row.appendChild(document.createElement(tag)).textContent = text;
      }
      row.firstChild.scope = "row";
      return row;
    });
    find(".live tbody").replaceChildren(...rows);
    find(".live .note").textContent =
      rows.length < rho.length ? `The first ${rows.length} of ${rho.length} modes.` : "";
  }

  // ------------------------------------------------------------ what moves what

  const draw = keep_drawn(find(".stage .plot"), figure);

  function show_options() {
    options.forEach((option, at) => {
      const best = optimum(at);
      draw_spark(option.querySelector(".spark"), rho, state.width, best);
      option.querySelector(".fact").textContent =
        best.status === "unknown" ? "not known" : `keeps ${best.rank} of ${state.width}`;
    });
  }

  function show(everything = false) {
    const best = optimum(state.at);
    const { knob } = objectives[state.at];
    show_numbers(best);
    show_table(best);
    draw();
    if (everything) show_options();
    else draw_spark(options[state.at].querySelector(".spark"), rho, state.width, best);
    if (everything && knob) draw_path(knob);
    options[state.at].querySelector(".fact").textContent =
      best.status === "unknown" ? "not known" : `keeps ${best.rank} of ${state.width}`;
    area.state = { ...state, best }; // what is shown, with all digits
  }

  parameter.addEventListener("input", () => {
    state.values[state.at] = value_at(objectives[state.at].knob, Number(parameter.value));
    show();
  });
  width_slider.addEventListener("input", () => {
    state.width = Number(width_slider.value);
    show(true);
  });
  for (const option of options) {
    option.querySelector("input").addEventListener("change", (event) => {
      state.at = Number(event.target.value);
      show(true);
    });
  }
  for (const input of area.querySelectorAll(".switch input")) {
    input.addEventListener("change", () => {
      state.axis = input.value;
      show();
    });
  }
  find(".reset").addEventListener("click", () => {
    state.width = first_width;
    state.values = objectives.map(({ knob }) => knob?.value ?? null);
    show(true);
  });
  find(".live").addEventListener("toggle", () => show_table(optimum(state.at)));
  draw_widths();
  show(true);
}

for (const area of document.querySelectorAll("[data-explorer]")) explorer(area);
