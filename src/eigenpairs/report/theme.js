"use strict";
// Light and dark: the system's choice until the button is pressed. Figures register here to follow.

const redraws = [];
const dark_system = window.matchMedia("(prefers-color-scheme: dark)");
const theme_button = document.getElementById("theme");
let chosen_theme = null;

function show_theme(theme = chosen_theme ?? (dark_system.matches ? "dark" : "light")) {
  document.documentElement.dataset.theme = theme;
  theme_button.setAttribute("aria-pressed", String(theme === "dark"));
  for (const redraw of redraws) redraw();
}

theme_button.addEventListener("click", () => {
  chosen_theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  show_theme();
});
dark_system.addEventListener("change", () => show_theme());

// Paper is white: figures are drawn anew, in light colours and as wide as the page.
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  show_theme("light");
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  show_theme();
});

show_theme();
