/* The forward process as the page computes it: x_t = √ᾱ_t x0 + √(1−ᾱ_t) ε, its bytes and its histogram. */

/** ε travels as int16 = rint(ε · 4096): ±8 σ in steps of 2.4e-4, a fortieth of one grey level. */
export const EPS_SCALE = 4096;

/** @param {number} x @param {number} low @param {number} high */
export const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

/** The page's one mapping from a value in [−1, 1] to a byte: rint(clip(127.5 x + 127.5)), half to even. */
export function toByte(x) {
  const y = clamp(127.5 * x + 127.5, 0, 255);
  const low = Math.floor(y);
  const rest = y - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}

/**
 * x_t = signal · x0 + noise · ε as display bytes (Ho et al. 2020, eq. 4).
 * @param {Uint8ClampedArray} rgba 4·n values (it clips and rounds half to even by itself; alpha is left alone)
 * @param {Float32Array} x0 3·n values in [−1, 1]
 * @param {Int16Array} eps 3·n values, scaled by EPS_SCALE
 * @param {number} signal √ᾱ_t
 * @param {number} noise √(1−ᾱ_t)
 */
export function forward(rgba, x0, eps, signal, noise) {
  const a = 127.5 * signal;
  const b = (127.5 * noise) / EPS_SCALE;
  for (let j = 0, k = 0; j < x0.length; j += 3, k += 4) {
    rgba[k] = a * x0[j] + b * eps[j] + 127.5;
    rgba[k + 1] = a * x0[j + 1] + b * eps[j + 1] + 127.5;
    rgba[k + 2] = a * x0[j + 2] + b * eps[j + 2] + 127.5;
  }
}

/** Fresh noise as it travels, int16, from a seeded stream of standard normals. */
export const freshNoise = (length, normal) => Int16Array.from({ length }, () => Math.round(normal() * EPS_SCALE));

/**
 * Counts of x_t = signal · x0 + noise · ε in `counts.length` equal bins of [low, high), unclipped; values outside
 * are dropped. Every `stride`-th value is taken. Returns how many were looked at.
 */
export function histogram(counts, x0, eps, signal, noise, low, high, stride = 1) {
  counts.fill(0);
  const scale = counts.length / (high - low);
  const a = signal * scale;
  const b = (noise / EPS_SCALE) * scale;
  const c = -low * scale;
  let seen = 0;
  for (let j = 0; j < x0.length; j += stride, seen++) {
    const bin = a * x0[j] + b * eps[j] + c;
    if (bin >= 0 && bin < counts.length) counts[bin | 0]++;
  }
  return seen;
}

/** The density of N(mean, std²) at x. */
export function normalPdf(x, mean = 0, std = 1) {
  const z = (x - mean) / std;
  return Math.exp(-0.5 * z * z) / (std * Math.sqrt(2 * Math.PI));
}

/** Signal-to-noise ratio 10·log10(ᾱ / (1 − ᾱ)) in dB; ±Infinity at the ends. */
export const snrDb = (alphaBar) => 10 * Math.log10(alphaBar / (1 - alphaBar));
