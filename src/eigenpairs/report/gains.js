"use strict";
// The optimum of every objective on a spectrum: the same mathematics under the same names as the Python files of
// objective/, where it is explained; proofs are in docs/theory.md. Each objective is a function of the correlations rho
// (descending), the width K and its parameters, and gives
//   gains        K numbers, the energy kept of each mode
//   loss         its value where that is proved or, with status "between" and "reference", the best known; else NaN
//   lower_bound  no map of the class goes below; NaN where there is no such number
//   status       "exact" | "bound" (a map that attains it is not known in closed form) | "between" (bound and best
//                known value differ) | "reference" | "dynamics" (no loss) | "unbounded"
//   constant     gain of the constant mode
// or null where there is no closed form.

const STD_EPS = 1e-4;
const FULL = 1 - STD_EPS;
const LARGEST_RHO = 1 - 1e-6;
const NO_CORRELATION = 1e-100;

const sum = (x) => x.reduce((total, value) => total + value, 0);
const sum_of_squares = (x) => x.reduce((total, value) => total + value * value, 0);
const positive_part = (x) => Math.max(x, 0);
const padded = (gains, width) => gains.concat(Array(width - gains.length).fill(0));
const is_hadamard_order = (K) => (K & (K - 1)) === 0;

function cumsum(x) {
  let total = 0;
  return x.map((value) => (total += value));
}

function found(gains, width, loss, status, lower_bound = loss, constant = 0) {
  gains = padded(gains, width);
  const rank = gains.filter((b) => b > 0).length + (constant > 0 ? 1 : 0);
  return { gains, loss, status, lower_bound, constant, rank };
}

// ---------------------------------------------------------------- objectives

function VICReg(rho, width, { form, invariance, variance, covariance }) {
  const solve = form === "practice" ? solve_std_hinge : solve_least_squares;
  return solve(rho, width, invariance, variance, covariance);
}

function BarlowTwins(rho, width, { redundancy: lam }) {
  const r = rho.slice(0, width).filter((value) => value > NO_CORRELATION);
  if (r.length === 0) return found([], width, width, "exact");
  if (lam > 1) return null;
  const plan = best_plan(rho, r, width, lam);
  const value = plan_value(plan, lam);
  const known = rotation_is_known(plan, lam);
  return found(plan_gains(plan), width, known ? value : NaN, known ? "exact" : "bound", value);
}

function SpectralContrastive(rho, width) {
  const gains = rho.slice(0, width - 1).map(positive_part);
  return found(gains, width, -1 - sum_of_squares(gains), "exact", undefined, 1);
}

function Whitening(rho, width) {
  const kept = rho.slice(0, width).filter((value) => value >= -1);
  const loss = 2 * sum(kept.map((value) => 1 - value)) + 4 * (width - kept.length);
  return found(
    kept.map(() => 1),
    width,
    loss,
    "exact",
  );
}

function LogDet(rho, width, { invariance, eps }) {
  rho = rho.slice(0, width);
  const gains = rho.map((value) => positive_part(1 / (2 * invariance * (1 - Math.min(value, LARGEST_RHO))) - eps));
  const price = 2 * invariance * sum(rho.map((value, k) => (1 - value) * gains[k]));
  const loss = price - sum(padded(gains, width).map((b) => Math.log(b + eps)));
  return rho[0] > LARGEST_RHO ? found(gains, width, loss, "unbounded", -Infinity) : found(gains, width, loss, "exact");
}

function SimCLR(rho, width, { temperature: tau, critic }) {
  rho = rho.slice(0, width);
  let gains;
  if (critic === "dot") gains = rho.map((value) => tau * positive_part(value));
  else if (critic === "cosine") gains = budget(rho, 1 / tau);
  else {
    const capped = rho.map((value) => Math.min(positive_part(value), LARGEST_RHO));
    gains = capped.map((value) => (tau * value) / (1 - value ** 2));
  }
  return found(gains, width, info_nce_loss(gains, rho, tau, critic), "reference", NaN);
}

function DirectSet(rho, width, { alpha, weight_decay, eps, norm, criterion }) {
  if ((norm === "none") !== (criterion === "l2")) return null;
  rho = rho.slice(0, width);
  const limit = { none: absolute, spectral: relative_to_largest, frobenius: of_norm_one }[norm];
  return found(limit(rho, alpha, eps, weight_decay), width, NaN, "dynamics");
}

const OBJECTIVES = { VICReg, BarlowTwins, SpectralContrastive, Whitening, LogDet, SimCLR, DirectSet };

// ---------------------------------------------------------------- water_filling.py

// E_p = sum_{k<=p} (cost_p - cost_k) for ascending costs.
const rise = (cost) => cumsum(cost.map((value, p) => (p ? p * (value - cost[p - 1]) : 0)));

// min over b >= 0 with sum b = T of cost . b + 2 n |b|^2, for every T.
class Filling {
  constructor(cost, n) {
    const step = cost.map((value, p) => (p ? value - cost[p - 1] : 0));
    this.cost = cost;
    this.n = n;
    this.rise = rise(cost);
    this.rise_squared = cumsum(step.map((s, p) => (p ? 2 * s * this.rise[p - 1] + p * s ** 2 : 0)));
    this.entry = this.rise
      .slice(1)
      .map((value) => value / (4 * n))
      .concat(Infinity); // total at which mode p + 1 comes in
  }
  // How many modes are active, and the height of the level above the last one's cost.
  active(total) {
    let low = 0;
    let high = this.entry.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entry[middle] < total) low = middle + 1;
      else high = middle;
    }
    const p = low + 1;
    return [p, (4 * this.n * total - this.rise[p - 1]) / p];
  }
  level(total) {
    const [p, height] = this.active(total);
    return this.cost[p - 1] + height;
  }
  gains(total) {
    const [p, height] = this.active(total);
    return this.cost.map((value) => positive_part(height + (this.cost[p - 1] - value)) / (4 * this.n));
  }
  minimum(total) {
    const [p, height] = this.active(total);
    return this.cost[p - 1] * total + (p * height ** 2 - this.rise_squared[p - 1]) / (8 * this.n);
  }
  held(total, modes) {
    const [p, height] = this.active(total);
    const first = Math.min(modes, p);
    if (first === 0) return 0;
    return (first * (height + (this.cost[p - 1] - this.cost[first - 1])) + this.rise[first - 1]) / (4 * this.n);
  }
}

// ---------------------------------------------------------------- std_hinge.py (std_hinge_bounds.js for m < 16 n)

function solve_std_hinge(rho, width, invariance, m, n) {
  const cost = rho.slice(0, width).map((value) => invariance * 2 * (1 - value));
  if (width === 1) n = 0; // a single column has no off-diagonal
  if (cost[0] >= m / (2 * Math.sqrt(STD_EPS))) return found([], width, m * (1 - Math.sqrt(STD_EPS)), "exact");
  if (m < 16 * n) return best_two_levels(cost, width, m, n);
  const gains = flat(cost, width, m, n);
  const variances = Array(width).fill(sum(gains) / width);
  return found(gains, width, std_hinge_value(cost, gains, variances, m, n), "exact");
}

function std_hinge_value(cost, gains, variances, m, n) {
  const hinge = sum(variances.map((c) => positive_part(1 - Math.sqrt(c + STD_EPS))));
  const off_diagonal = positive_part(sum_of_squares(gains) - sum_of_squares(variances));
  const price = sum(gains.map((b, k) => cost[k] * b));
  return (price + m * hinge + 2 * n * off_diagonal) / variances.length;
}

// The gains for m >= 16 n: one convex problem in the total T, solved piece by piece.
function flat(cost, width, m, n) {
  if (n === 0) return cost.map((value, k) => (k ? 0 : width * root(0, value, m)));
  const filling = new Filling(cost, n);
  const total = filling.entry.map((entry) => Math.min(entry, width * FULL));
  const ends_here = (T, k) => {
    const level = cost[k] + (4 * n * T - filling.rise[k]) / (k + 1);
    const slope = level - (4 * n * T) / width - m / (2 * Math.sqrt(T / width + STD_EPS));
    return slope >= 0 || filling.entry[k] >= width * FULL;
  };
  const p = total.findIndex(ends_here) + 1;
  return filling.gains(width * root((4 * n * (width - p)) / p, sum(cost.slice(0, p)) / p, m));
}

// T/K in [0, FULL] where the slope A T/K + B - m / (2 sqrt(T/K + eps)) changes sign: a cubic in u = sqrt(T/K + eps).
function root(A, B, m) {
  const linear = B - A * STD_EPS;
  if (2 * A + 2 * linear <= m) return FULL;
  let low = Math.sqrt(STD_EPS);
  let high = 1;
  for (let k = 0; k < 200; k++) {
    const u = 0.5 * (low + high);
    if (u === low || u === high) break;
    if (2 * A * u ** 3 + 2 * linear * u < m) low = u;
    else high = u;
  }
  return high > Math.sqrt(STD_EPS) * (1 + 1e-15) ? positive_part(high ** 2 - STD_EPS) : 0;
}

// ---------------------------------------------------------------- least_squares.py

function solve_least_squares(rho, width, invariance, variance, covariance) {
  const price = rho.slice(0, width).map((value) => invariance * (1 - value));
  if (width === 1) covariance = variance; // a single column has no off-diagonal
  const apart = covariance >= variance;
  const kept = apart ? price.map((x) => positive_part(1 - x / variance)) : spread(price, width, variance, covariance);
  const gains = padded(kept, width);
  const variances = apart ? gains : Array(width).fill(sum(gains) / width);
  const off_diagonal = positive_part(sum_of_squares(gains) - sum_of_squares(variances));
  const shortfall = sum_of_squares(variances.map((c) => 1 - c));
  const loss = variance * shortfall + covariance * off_diagonal + 2 * sum(price.map((x, k) => x * gains[k]));
  return found(gains, width, loss, "exact");
}

function spread(price, width, variance, covariance) {
  const room = width / (variance - covariance);
  if (covariance === 0) return price.map((x, k) => (k ? 0 : positive_part(variance - x) * room));
  const climb = rise(price);
  const off = climb.findIndex((value, k) => !(value < covariance * room * (variance - price[k])));
  const active = off < 0 ? price.length : off;
  if (active === 0) return price.map(() => 0);
  const last = price[active - 1];
  const height = ((variance - last) * covariance - climb[active - 1] / room) / (covariance + active / room);
  return price.map((x) => positive_part(height + (last - x)) / covariance);
}

// ---------------------------------------------------------------- cross_correlation.py

// A plan holds b on the first modes, gamma = r b, the numbers of live and dead columns, and a surplus on a later mode.
function plan_gains({ b, live, dead, surplus, surplus_mode }) {
  const gains = padded(b, live + dead);
  gains[surplus_mode] += surplus;
  return gains;
}

function plan_value({ gamma, live, dead }, lam) {
  const G = sum(gamma);
  return (live - G) ** 2 / live + lam * (sum_of_squares(gamma) - G ** 2 / live) + dead;
}

function best_plan(rho, r, width, lam) {
  const p = r.length;
  const whole = { live: width, dead: 0, surplus: 0, surplus_mode: 0 };
  if (lam === 0) return { ...whole, b: [width], gamma: [width * r[0]] };
  const free = 1 / (lam + ((1 - lam) * p) / width);
  const b = r.map((value) => free / value);
  if (p === width || sum(b) >= width) return filled(r, width, lam);
  if (rho.length === p) return with_dead_columns(r, width, lam);
  const surplus = width - sum(b); // a mode with rho <= 0 can hold the variance that gamma does not need
  const energy = (surplus * r[0]) / (r[0] + Math.abs(rho[p]));
  b[0] += (energy * Math.abs(rho[p])) / r[0];
  return { ...whole, b, gamma: r.map(() => free), surplus: energy, surplus_mode: p };
}

// sum b = live exactly: gamma_k proportional to 1 - tau / r_k on the active modes.
function filled(r, live, lam, dead = 0) {
  const inverses = r.map((value) => 1 / value);
  const A = cumsum(inverses.map((value) => value - 1 + lam));
  const P = cumsum(inverses.map((value, k) => (k ? A[k - 1] * (value - inverses[k - 1]) : 0)));
  const off = inverses.findIndex((value, k) => !(lam * live * value > P[k]));
  const q = off < 0 ? r.length : off;
  const inverse = inverses.slice(0, q);
  const surplus = A[q - 1] - lam * live;
  const end = surplus >= 0 ? inverse[q - 1] : inverse[0]; // from that end on, both parts are non-negative
  const first = sum(inverse.map((value) => (value - 1 + lam) * (value - inverse[0])));
  const least = lam * live * end + (surplus >= 0 ? -P[q - 1] : first);
  const share = inverse.map((value) => least + surplus * (end - value));
  const total = sum(share.map((value, k) => value * inverse[k]));
  const gamma = share.map((value) => (live * value) / total);
  const kept = gamma.map((value, k) => [value * inverse[k], value]).filter(([, value]) => value > 0);
  return { b: kept.map(([b]) => b), gamma: kept.map(([, g]) => g), live, dead, surplus: 0, surplus_mode: 0 };
}

// Fewer modes than columns, all positive: the value is convex in the number of live columns.
function with_dead_columns(r, width, lam) {
  const cost = (live) => plan_value(filled(r, live, lam, width - live), lam);
  let low = r.length;
  let high = width;
  while (high - low > 2) {
    const left = low + Math.floor((high - low) / 3);
    const right = high - Math.floor((high - low) / 3);
    if (cost(left) <= cost(right)) high = right;
    else low = left;
  }
  let live = low;
  for (let k = low + 1; k <= high; k++) if (cost(k) < cost(live)) live = k;
  return filled(r, live, lam, width - live);
}

// Whether a rotation that flattens both diagonals is known in closed form.
function rotation_is_known(plan, lam) {
  return lam === 1 || is_hadamard_order(plan.live) || is_one_direction(plan);
}

// Whether energies and gamma, both centred, are parallel: then one flat diagonal makes the other flat too.
function is_one_direction({ b, gamma, live, surplus }) {
  const centred = (x) => x.map((value) => value - sum(x) / live);
  const energy = centred(padded([b[0] + surplus, ...b.slice(1)], live));
  const other = centred(padded(gamma, live));
  const [long, short] = sum_of_squares(energy) >= sum_of_squares(other) ? [energy, other] : [other, energy];
  const size = sum_of_squares(long);
  if (size === 0) return true;
  const along = sum(long.map((value, k) => value * short[k])) / size;
  return sum_of_squares(short.map((value, k) => value - along * long[k])) <= 1e-26 * size;
}

// ---------------------------------------------------------------- simclr.py

// (rho + theta)_+ with sum `total`.
function budget(rho, total) {
  const below = rho.map((value) => value - rho[0]);
  const level = cumsum(below).map((value, k) => (total - value) / (k + 1));
  const last = below.findLastIndex((value, k) => value + level[k] > 0);
  return below.map((value) => positive_part(value + level[last]));
}

// The loss minus log N for Gaussian modes.
function info_nce_loss(gains, rho, tau, critic) {
  const scale = critic === "cosine" ? tau * sum(gains) : tau;
  const m = gains.map((b) => b / scale);
  const agreement = sum(m.map((value, k) => value * rho[k]));
  if (critic !== "density-ratio") return 0.5 * sum_of_squares(m) - agreement;
  const q = m.map((x) => (x * 2 * x) / (1 + Math.sqrt(1 + 4 * x * x)));
  return 0.5 * sum(q.map((value, k) => value - Math.log1p(value) + m[k] ** 2 / (1 + value))) - agreement;
}

// ---------------------------------------------------------------- direct_set.py

function absolute(rho, alpha, eps, eta) {
  const threshold = eps <= Math.sqrt(eta) ? 2 * Math.sqrt(eta) : eps + eta / eps;
  const p = rho.map((value) => (value + Math.sqrt(positive_part(value ** 2 - 4 * eta))) / 2);
  return rho.map((value, k) => (value > threshold ? positive_part(p[k] - eps) ** (1 / alpha) : 0));
}

function relative_to_largest(rho, alpha, eps) {
  if (!(rho[0] > 0)) return rho.map(() => 0);
  return rho.map((value) => positive_part(((1 + eps) * value) / rho[0] - eps) ** (1 / alpha));
}

// (rho/c - eps)_+^(1/alpha), c such that the squares sum to 1: they fall as c rises.
function of_norm_one(rho, alpha, eps) {
  if (!(rho[0] > 0)) return rho.map(() => 0);
  const shape = (c) => rho.map((value) => positive_part(value / c - eps) ** (1 / alpha));
  let low = rho[0] / (1 + eps);
  let high = (rho[0] / (rho.length ** (-alpha / 2) + eps)) * (1 + 1e-9);
  if (sum_of_squares(shape(low)) <= 1) high = low; // the first mode is the only one alive
  for (let k = 0; k < 200 && high > low; k++) {
    const c = 0.5 * (low + high);
    if (c === low || c === high) break;
    if (sum_of_squares(shape(c)) > 1) low = c;
    else high = c;
  }
  const b = shape(low);
  const size = Math.sqrt(sum_of_squares(b));
  return b.map((value) => value / size);
}
