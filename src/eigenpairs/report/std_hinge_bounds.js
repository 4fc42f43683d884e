"use strict";
// VICReg as practised with variance < 16 covariance (std_hinge_bounds.py): a lower bound, and the best embedding whose
// columns have two levels of variance. Python refines the latter by descent for up to 16 columns; this page does not.

function best_two_levels(cost, width, m, n) {
  const [gains, variances] = two_level(cost, width, m, n);
  const loss = std_hinge_value(cost, gains, variances, m, n);
  const bound = Math.min(envelope_bound(cost, width, m, n), loss);
  const attained = loss - bound <= 1e-9 * Math.abs(bound) + 1e-13 * (m + n);
  return found(gains, width, loss, attained ? "exact" : "between", bound);
}

// q columns at a high level, the others at a low one; the first q modes must hold what the q high columns need.
function two_level(cost, width, m, n) {
  const candidates = column_counts(width).map((q) => best_levels(cost, width, m, n, q));
  const { q, high, low } = candidates.reduce((best, next) => (next.value < best.value ? next : best));
  const rest = (width - q) * low;
  let gains = new Filling(cost, n).gains(q * high + rest);
  if (q > 0 && q < cost.length && sum(gains.slice(0, q)) < q * high) {
    gains = new Filling(cost.slice(0, q), n).gains(q * high).concat(new Filling(cost.slice(q), n).gains(rest));
  }
  const variances = Array.from({ length: width }, (_, k) => (k < q ? high : low));
  const scale = sum(variances) > 0 ? sum(gains) / sum(variances) : 0;
  return [gains, variances.map((c) => c * scale)];
}

// Every number of high columns up to a width of 64, a dozen of them beyond.
function column_counts(width) {
  if (width <= 64) return Array.from({ length: width + 1 }, (_, q) => q);
  const dozen = Array.from({ length: 12 }, (_, k) => (k === 11 ? width : Math.floor(width ** (k / 11))) - 1);
  return [...new Set(dozen)];
}

// The best two levels for q high columns: a coarse grid, then a compass search.
function best_levels(cost, width, m, n, q) {
  const whole = new Filling(cost, n);
  const parts = q > 0 && q < cost.length ? [new Filling(cost.slice(0, q), n), new Filling(cost.slice(q), n)] : null;
  const value = (high, low) => {
    const top = q * high;
    const rest = (width - q) * low;
    const together = parts === null || whole.held(top + rest, q) >= top;
    const filling = together ? whole.minimum(top + rest) : parts[0].minimum(top) + parts[1].minimum(rest);
    return filling + q * column_price(high, m, n) + (width - q) * column_price(low, m, n);
  };
  let best = { value: Infinity, q, high: 0, low: 0 };
  const consider = (high, low) => {
    const found = value(high, low);
    if (found < best.value) best = { value: found, q, high, low };
  };
  const grid = Array.from({ length: 13 }, (_, k) => (k === 12 ? FULL : k * (FULL / 12)));
  const alone = q === 0 || q === width;
  for (const high of grid) for (const low of alone ? [high] : grid.filter((x) => x <= high)) consider(high, low);
  const inside = (x) => Math.min(positive_part(x), FULL);
  for (let step = grid[1] / 2; step > 1e-11;) {
    const { value: before, high, low } = best;
    for (const [a, b] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
      [1, 1],
      [-1, -1],
    ]) {
      const [x, y] = [inside(high + a * step), inside(low + b * step)];
      if (x >= y) consider(x, y);
    }
    if (!(best.value < before)) step /= 2;
  }
  return best;
}

// What a column of variance c costs beside the water-filling: m hinge(c) - 2 n c^2.
const column_price = (c, m, n) => m * positive_part(1 - Math.sqrt(c + STD_EPS)) - 2 * n * c ** 2;

// The loss grows with n, so every n' <= n bounds it; the best of a grid.
function envelope_bound(cost, width, m, n) {
  const weaker = Array.from({ length: 25 }, (_, k) => (m / 16) * ((16 * n) / m) ** (k / 24));
  return Math.max(...weaker.map((value) => envelope_minimum(cost, width, m, value)));
}

// min over T of filling(T) + K phi**(T/K), phi** the convex envelope of column_price on [0, FULL].
function envelope_minimum(cost, width, m, n) {
  const phi = (c) => column_price(c, m, n);
  const slope = (c) => -m / (2 * Math.sqrt(c + STD_EPS)) - 4 * n * c;
  const inflection = Math.min(positive_part((m / (16 * n)) ** (2 / 3) - STD_EPS), FULL);
  // The envelope follows phi up to the point whose tangent hits the right end, and that tangent from there on.
  const touch = bisect(0, inflection, (c) => phi(c) + slope(c) * (FULL - c) < phi(FULL))[0];
  const chord = FULL - touch > 1e-12 ? (phi(FULL) - phi(touch)) / (FULL - touch) : slope(touch);
  const filling = new Filling(cost, n);
  const falls = (T) => filling.level(T) + (T / width < touch ? slope(T / width) : chord) < 0;
  const total = bisect(0, width * FULL, falls)[1];
  const c = total / width;
  const envelope = c < touch ? phi(c) : phi(touch) + chord * (c - touch);
  return (filling.minimum(total) + width * envelope) / width - 1e-13 * (m + n);
}

// The interval, halved 100 times, in which `below` turns from true to false.
function bisect(low, high, below) {
  for (let k = 0; k < 100; k++) {
    const middle = 0.5 * (low + high);
    if (below(middle)) low = middle;
    else high = middle;
  }
  return [low, high];
}
