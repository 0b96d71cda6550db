/* Schedule: the views of a noise schedule, and one drawn by hand, as numbers. Pure: no document.
 *
 * A schedule is its ᾱ, a Float64Array indexed by t = 0 … T; every other view of it follows from that here as in
 * playground/schedules/ and theory/objective.py (a fixture holds both to the same values).
 */

import { clamp } from "./forward.js";

const DECIBELS = 10 / Math.log(10); // of a natural logarithm
const alpha = (a, t) => (a[t - 1] > 0 ? a[t] / a[t - 1] : 0);
const each = (a, fn) => Float64Array.from(a, (_, t) => fn(t));

/** atan(signal rate / noise rate) of a log-SNR, from 0 at pure noise to π/2. */
const angle = (logSnr) => Math.atan(Math.exp(Math.min(logSnr, 1400) / 2));

/**
 * ᾱ at t in [0, T], as NoiseSchedule.level has it: between two whole t log-SNR is interpolated linearly; in a step where
 * it is infinite at an end, the angle is.
 */
export function alphaAt(alphaBar, t) {
  const low = clamp(Math.floor(t), 0, alphaBar.length - 1);
  const share = t - low;
  if (!(share > 0) || low + 1 >= alphaBar.length) return alphaBar[low];
  const [a, b] = [low, low + 1].map((k) => Math.log(alphaBar[k]) - Math.log1p(-alphaBar[k]));
  if (b === -Infinity) return Math.sin((1 - share) * angle(a)) ** 2;
  if (a === Infinity) return Math.cos(share * angle(-b)) ** 2;
  return 1 / (1 + Math.exp(-(a + share * (b - a))));
}

/** ᾱ → the values of a view, (T+1,). Not finite where the quantity is not defined: a gap in the line. */
export const views = {
  alpha_bar: (a) => a,
  signal_rate: (a) => each(a, (t) => Math.sqrt(a[t])),
  log_snr: (a) => each(a, (t) => DECIBELS * (Math.log(a[t]) - Math.log1p(-a[t]))),
  beta: (a) => each(a, (t) => (t ? 1 - alpha(a, t) : 0)),
  // λ_t = β_t² / (2σ_t² α_t (1−ᾱ_t)) with σ_t² = β_t: Ho et al. 2020, eq. 12
  weight: (a) => each(a, (t) => (t ? (1 - alpha(a, t)) / (2 * alpha(a, t) * (1 - a[t])) : NaN)),
};

/** A view's value → ᾱ, for the views in which a curve can be drawn. */
export const inverse = {
  alpha_bar: (y) => y,
  signal_rate: (y) => y * y,
  log_snr: (y) => 1 / (1 + Math.exp(-y / DECIBELS)),
};

/**
 * ᾱ (T+1,) through drawn points, evenly spaced over t = 0 … T, the first of them 1: monotone cubics (Fritsch & Butland
 * 1984) and a fall of one part in a million a step, the same as drawn.py.
 */
export function through(points, T) {
  const y = Float64Array.from(points);
  y[0] = 1;
  for (let i = 1; i < y.length; i++) y[i] = Math.min(y[i - 1], y[i]);
  const last = y.length - 1;
  const slope = (i) => y[i + 1] - y[i];
  const tangent = Float64Array.from(y, (_, i) => {
    if (i === 0) return slope(0);
    if (i === last) return slope(last - 1);
    return (2 * slope(i - 1) * slope(i)) / Math.min(slope(i - 1) + slope(i), -1e-300);
  });
  const out = new Float64Array(T + 1);
  for (let t = 0, least = 1; t <= T; t++) {
    const u = (t / T) * last;
    const k = Math.min(Math.floor(u), last - 1);
    const f = u - k;
    const g = 1 - f;
    const value =
      y[k] * (1 + 2 * f) * g * g + y[k + 1] * f * f * (3 - 2 * f) + tangent[k] * f * g * g - tangent[k + 1] * f * f * g;
    least = Math.min(least, clamp(value, 1e-9, 1));
    out[t] = least * Math.exp(-1e-6 * t);
  }
  out[0] = 1;
  return out;
}

/** Move point k to y: whatever stands in the way is taken along, so the curve never rises. The first point stays 1. */
export function moved(points, k, y) {
  y = clamp(y, 0, 1);
  return points.map((p, i) => (i === 0 ? 1 : i === k ? y : i < k ? Math.max(p, y) : Math.min(p, y)));
}

/** Points as the setting `points` writes them: four decimals, no more digits than needed. */
export const written = (points) => points.map((p) => String(Number(p.toFixed(4)))).join(" ");

/** The levels k·T/10, without T itself: with T = 300 the k·30 of the notebooks that show a strip. */
export const tenths = (T) => [...new Set(Array.from({ length: 10 }, (_, k) => Math.floor((k * T) / 10)))];

/** The levels of a film strip, evenly from t = 0 to T: `most` of them, or all where there are not so many. */
export function levels(T, most = 10) {
  const count = Math.min(most, T + 1);
  return Array.from({ length: count }, (_, k) => Math.round((k * T) / (count - 1)));
}
