/* Mixture: the mathematics of the score field, tested in node against Python's.
 *
 * A cloud is a mixture of equally likely round Gaussians N(m_k, s²). At level ᾱ it is the mixture of
 * N(√ᾱ m_k, ᾱ s² + 1 − ᾱ), so density, score, expected noise and expected point are all in closed form.
 */

export const EXTENT = 3.2; // the picture shows [-EXTENT, EXTENT]²; clouds have unit variance, and so has q_T

export function mixture(points, std) {
  const K = points.length >> 1,
    mx = new Float64Array(K),
    my = new Float64Array(K);
  for (let k = 0; k < K; k++) {
    mx[k] = points[2 * k];
    my[k] = points[2 * k + 1];
  }
  return { K, mx, my, std };
}

/** √ᾱ, √(1−ᾱ) and the variance of every component at this level. */
export function rates(mix, alphaBar) {
  return {
    signal: Math.sqrt(alphaBar),
    noise: Math.sqrt(Math.max(0, 1 - alphaBar)),
    variance: alphaBar * mix.std * mix.std + Math.max(0, 1 - alphaBar),
  };
}

/** log q_t, the score ∇log q_t, ε̂ = −√(1−ᾱ)·score and the posterior mean x̂0 at (x, y). */
export function at(mix, alphaBar, x, y, out = {}) {
  const { signal, noise, variance } = rates(mix, alphaBar),
    { K, mx, my, std } = mix;
  let least = Infinity; // squared distances are taken from the nearest centre, so that far away nothing underflows
  for (let k = 0; k < K; k++) {
    const dx = x - signal * mx[k],
      dy = y - signal * my[k],
      d = dx * dx + dy * dy;
    if (d < least) least = d;
  }
  let sum = 0,
    sx = 0,
    sy = 0;
  for (let k = 0; k < K; k++) {
    const dx = x - signal * mx[k],
      dy = y - signal * my[k];
    const w = Math.exp((least - dx * dx - dy * dy) / (2 * variance));
    sum += w;
    sx += w * mx[k];
    sy += w * my[k];
  }
  const cx = sx / sum,
    cy = sy / sum,
    pull = (signal * std * std) / variance; // Σ r_k m_k
  out.logq = Math.log(sum / K) - least / (2 * variance) - Math.log(2 * Math.PI * variance);
  out.sx = (signal * cx - x) / variance;
  out.sy = (signal * cy - y) / variance;
  out.ex = -noise * out.sx;
  out.ey = -noise * out.sy;
  out.x0 = cx + pull * (x - signal * cx);
  out.y0 = cy + pull * (y - signal * cy);
  return out;
}

/** q_t on a size×size grid of pixel centres, row 0 at the top. Round components are products of two 1-D Gaussians. */
export function density(mix, alphaBar, size, out = new Float32Array(size * size)) {
  const { signal, variance } = rates(mix, alphaBar),
    { K, mx, my } = mix,
    h = (2 * EXTENT) / size;
  const gx = new Float32Array(size),
    scale = 1 / (K * 2 * Math.PI * variance);
  out.fill(0);
  for (let k = 0; k < K; k++) {
    const ax = signal * mx[k],
      ay = signal * my[k],
      reach = 6 * Math.sqrt(variance); // beyond 6σ: under 2e-8 of the peak
    const from = Math.max(0, Math.floor((ax - reach + EXTENT) / h)),
      to = Math.min(size, Math.ceil((ax + reach + EXTENT) / h));
    for (let i = from; i < to; i++) {
      const d = (i + 0.5) * h - EXTENT - ax;
      gx[i] = Math.exp((-d * d) / (2 * variance));
    }
    for (let j = 0; j < size; j++) {
      const d = EXTENT - (j + 0.5) * h - ay;
      if (d > reach || d < -reach) continue;
      const g = scale * Math.exp((-d * d) / (2 * variance)),
        row = j * size;
      for (let i = from; i < to; i++) out[row + i] += g * gx[i];
    }
  }
  return out;
}

/** The densities whose upper level sets hold these shares of the probability (highest-density regions). */
export function massLevels(q, shares) {
  let peak = 0;
  for (const v of q) if (v > peak) peak = v;
  const bins = 2048,
    mass = new Float64Array(bins + 1);
  let total = 0;
  for (const v of q) {
    mass[Math.floor(Math.sqrt(v / peak) * bins)] += v;
    total += v;
  } // √: as many bins for the tails
  const levels = [];
  let held = 0,
    bin = bins + 1;
  for (const share of shares) {
    while (bin > 0 && held < share * total) held += mass[--bin];
    levels.push(peak * (bin / bins) ** 2);
  }
  return { peak, levels };
}

/** Marching squares: calls line(x1, y1, x2, y2) in grid units for each piece of the contour q = level. */
export function contour(q, size, level, line) {
  const L = Math.log(level),
    p = new Float64Array(8);
  const cut = (a, b) => {
    // log q is nearly a parabola between two pixels, q itself is not: interpolate the logarithm
    const u = Math.log(a + 1e-30),
      v = Math.log(b + 1e-30);
    return (L - u) / (v - u);
  };
  for (let j = 0; j < size - 1; j++)
    for (let i = 0; i < size - 1; i++) {
      const o = j * size + i,
        a = q[o],
        b = q[o + 1],
        c = q[o + size + 1],
        d = q[o + size];
      const A = a > level,
        B = b > level,
        C = c > level,
        D = d > level;
      if (A === B && B === C && C === D) continue;
      let n = 0;
      if (A !== B) {
        p[n++] = i + cut(a, b);
        p[n++] = j;
      }
      if (B !== C) {
        p[n++] = i + 1;
        p[n++] = j + cut(b, c);
      }
      if (C !== D) {
        p[n++] = i + cut(d, c);
        p[n++] = j + 1;
      }
      if (D !== A) {
        p[n++] = i;
        p[n++] = j + cut(a, d);
      }
      if (n === 4) line(p[0], p[1], p[2], p[3]);
      else if (a + b + c + d > 4 * level === A) {
        line(p[0], p[1], p[2], p[3]);
        line(p[4], p[5], p[6], p[7]);
      } // saddle
      else {
        line(p[0], p[1], p[6], p[7]);
        line(p[2], p[3], p[4], p[5]);
      }
    }
}

/** A seeded stream of standard normal numbers (mulberry32, Box–Muller). */
export function normals(seed) {
  let state = seed >>> 0,
    spare = null;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
  return () => {
    if (spare !== null) {
      const s = spare;
      spare = null;
      return s;
    }
    const r = Math.sqrt(-2 * Math.log(1 - uniform())),
      angle = 2 * Math.PI * uniform();
    spare = r * Math.sin(angle);
    return r * Math.cos(angle);
  };
}

/** One unadjusted Langevin step x += δ∇log q_t + √(2δ) z with δ = stepSize · (1 − ᾱ), as the sampler `langevin` has it. */
export function langevin(mix, alphaBar, xs, stepSize, normal) {
  const delta = stepSize * Math.max(0, 1 - alphaBar),
    kick = Math.sqrt(2 * delta),
    s = {};
  for (let i = 0; i < xs.length; i += 2) {
    at(mix, alphaBar, xs[i], xs[i + 1], s);
    xs[i] += delta * s.sx + kick * normal();
    xs[i + 1] += delta * s.sy + kick * normal();
  }
}

/** One step uphill, x += δ∇log q_t with the δ of `langevin`, and no noise: it ends on the peaks of q_t. */
export const ascent = (mix, alphaBar, xs, stepSize) => langevin(mix, alphaBar, xs, stepSize, () => 0);

/** The cloud's and the particles' spread: root of the mean squared distance from their own mean, per axis. */
export function spread(xs) {
  const n = xs.length / 2;
  let mx = 0,
    my = 0,
    s = 0;
  for (let i = 0; i < xs.length; i += 2) {
    mx += xs[i] / n;
    my += xs[i + 1] / n;
  }
  for (let i = 0; i < xs.length; i += 2) s += (xs[i] - mx) ** 2 + (xs[i + 1] - my) ** 2;
  return Math.sqrt(s / (2 * n));
}
export function spreadOf(mix, alphaBar) {
  const { signal, variance } = rates(mix, alphaBar),
    flat = new Float64Array(2 * mix.K);
  for (let k = 0; k < mix.K; k++) {
    flat[2 * k] = mix.mx[k];
    flat[2 * k + 1] = mix.my[k];
  }
  return Math.sqrt((signal * spread(flat)) ** 2 + variance);
}

/** Where on a run (a fractional frame) the clock shows t; the t of its frames falls. */
export function frameAt(ts, t) {
  if (t >= ts[0]) return 0;
  for (let i = 1; i < ts.length; i++) {
    if (ts[i] <= t) return i - (t - ts[i]) / (ts[i - 1] - ts[i]);
  }
  return ts.length - 1;
}
export function timeAt(ts, u) {
  const i = Math.min(ts.length - 1, Math.floor(u)),
    j = Math.min(ts.length - 1, i + 1);
  return ts[i] + (u - i) * (ts[j] - ts[i]);
}
/** The particles at a fractional frame of paths (frames × particles × 2), straight between two frames. */
export function particlesAt(paths, n, frames, u, out = new Float32Array(2 * n)) {
  const i = Math.max(0, Math.min(frames - 1, Math.floor(u))),
    j = Math.min(frames - 1, i + 1),
    f = Math.min(1, Math.max(0, u - i));
  for (let k = 0; k < 2 * n; k++) out[k] = (1 - f) * paths[i * 2 * n + k] + f * paths[j * 2 * n + k];
  return out;
}
