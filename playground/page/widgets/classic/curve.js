/* Curve: what a chart of schedules needs to know, as numbers. Pure: no document, `require`-able in node.
 *
 * A schedule is its ᾱ, a Float64Array indexed by t = 0 … T; every other view of it follows from that here as in
 * playground/schedules.py and objective.py (a fixture holds both to the same values).
 */
(function (Lab) {
  "use strict";
  const curve = (Lab.curve = {});

  const alpha = (a, t) => (a[t - 1] > 0 ? a[t] / a[t - 1] : 0);
  const each = (a, fn) => Float64Array.from(a, (_, t) => fn(t));

  /** ᾱ → the values of a view, (T+1,). Not finite where the quantity is not defined: a gap in the line. */
  curve.views = {
    alpha_bar: (a) => a,
    signal_rate: (a) => each(a, (t) => Math.sqrt(a[t])),
    log_snr: (a) => each(a, (t) => Math.log(a[t]) - Math.log1p(-a[t])),
    beta: (a) => each(a, (t) => (t ? 1 - alpha(a, t) : 0)),
    // λ_t = β_t² / (2σ_t² α_t (1−ᾱ_t)) with σ_t² = β_t: Ho et al. 2020, eq. 12
    weight: (a) => each(a, (t) => (t ? (1 - alpha(a, t)) / (2 * alpha(a, t) * (1 - a[t])) : NaN)),
  };

  /** A view's value → ᾱ, for the views in which a curve can be drawn. */
  curve.inverse = {
    alpha_bar: (y) => y,
    signal_rate: (y) => y * y,
    log_snr: (y) => 1 / (1 + Math.exp(-y)),
  };

  /**
   * ᾱ (T+1,) through drawn points, evenly spaced over t = 0 … T, the first of them 1: monotone cubics (Fritsch & Butland
   * 1984) and a fall of one part in a million a step, the same as drawn.py.
   */
  curve.through = function (points, T) {
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
      least = Math.min(least, Lab.clamp(value, 1e-9, 1));
      out[t] = least * Math.exp(-1e-6 * t);
    }
    out[0] = 1;
    return out;
  };

  /** Move point k to y: whatever stands in the way is taken along, so the curve never rises. The first point stays 1. */
  curve.moved = function (points, k, y) {
    y = Lab.clamp(y, 0, 1);
    return points.map((p, i) => (i === 0 ? 1 : i === k ? y : i < k ? Math.max(p, y) : Math.min(p, y)));
  };

  /** Points as the setting `points` writes them: four decimals, no more digits than needed. */
  curve.written = (points) => points.map((p) => String(Math.round(p * 1e4) / 1e4)).join(" ");

  /** The value at x of a line through rising xs, straight between its points; NaN outside or in a gap. */
  curve.at = function (xs, ys, x) {
    const n = xs.length;
    if (!n || !(x >= xs[0] && x <= xs[n - 1])) return NaN;
    let low = 0;
    let high = n - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] <= x) low = middle;
      else high = middle;
    }
    if (x === xs[low] || n === 1) return value(ys[low]);
    if (x === xs[high]) return value(ys[high]);
    return value(ys[low]) + ((x - xs[low]) / (xs[high] - xs[low])) * (value(ys[high]) - value(ys[low]));
  };
  const value = (y) => (y === null || y === undefined ? NaN : y);

  /** Every how-manieth t to draw so that a line has at most `limit` points; both ends stay. */
  curve.thinned = function (T, limit = 400) {
    const stride = Math.max(1, Math.ceil(T / limit));
    const ts = [];
    for (let t = 0; t < T; t += stride) ts.push(t);
    ts.push(T);
    return ts;
  };

  /** An interleaved RGB picture of n × n shrunk (or grown) to m × m, each pixel the mean of what it covers. */
  curve.shrunk = function (x0, n, m) {
    if (n === m) return x0;
    const out = new Float32Array(3 * m * m);
    const cut = (i) => Math.min(n - 1, Math.floor((i * n) / m));
    for (let y = 0; y < m; y++) {
      for (let x = 0; x < m; x++) {
        const [top, bottom, left, right] = [cut(y), Math.max(cut(y) + 1, Math.floor(((y + 1) * n) / m)), cut(x), Math.max(cut(x) + 1, Math.floor(((x + 1) * n) / m))];
        const sum = [0, 0, 0];
        for (let j = top; j < bottom; j++) {
          for (let i = left; i < right; i++) {
            for (let c = 0; c < 3; c++) sum[c] += x0[3 * (j * n + i) + c];
          }
        }
        for (let c = 0; c < 3; c++) out[3 * (y * m + x) + c] = sum[c] / ((bottom - top) * (right - left));
      }
    }
    return out;
  };

  /** The ten levels of a film strip, evenly from t = 0 to T. */
  curve.levels = (T) => Array.from({ length: 10 }, (_, k) => Math.round((k * T) / 9));

  /** [lowest, highest] finite value of several lines, with air around them; on a log axis at most six decades. */
  curve.range = function (lines, log) {
    let low = Infinity;
    let high = -Infinity;
    for (const ys of lines) {
      for (const y of ys) {
        if (!Number.isFinite(value(y)) || (log && y <= 0)) continue;
        low = Math.min(low, y);
        high = Math.max(high, y);
      }
    }
    if (low > high) return log ? [0.1, 1] : [0, 1];
    if (log) return low === high ? [low / 2, high * 2] : [Math.max(low / 1.2, high * 1e-6), high * 1.2];
    const air = 0.04 * (high - low || Math.abs(high) || 1);
    return [low >= 0 && low < 0.3 * high ? 0 : low - air, high + air];
  };

  /** Where in `length` pixels from the low end a value lies; what is outside the range is held at its edge. */
  curve.place = function (y, [low, high], log, length) {
    const share = log ? Math.log(y / low) / Math.log(high / low) : (y - low) / (high - low);
    return length * Lab.clamp(share, 0, 1);
  };
  /** The inverse of `place`. */
  curve.unplace = function (pixels, [low, high], log, length) {
    const share = pixels / length;
    return log ? low * Math.pow(high / low, share) : low + share * (high - low);
  };

  /**
   * Labels that would lie at `wanted` pixels, moved apart to at least `gap`, within [low, high], in the order given by
   * `wanted` (ties: as they come), each as little as that allows.
   */
  curve.apart = function (wanted, gap, low, high) {
    const order = wanted.map((_, i) => i).sort((i, j) => wanted[i] - wanted[j] || i - j);
    gap = Math.min(gap, order.length > 1 ? (high - low) / (order.length - 1) : gap);
    const blocks = []; // isotonic regression of wanted − gap·rank: neighbours that would touch move as one, to their mean
    order.forEach((i, rank) => {
      let block = { sum: wanted[i] - gap * rank, size: 1 };
      while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].size > block.sum / block.size) {
        const before = blocks.pop();
        block = { sum: block.sum + before.sum, size: block.size + before.size };
      }
      blocks.push(block);
    });
    const out = new Array(wanted.length);
    let rank = 0;
    for (const { sum, size } of blocks) {
      const start = Lab.clamp(sum / size, low, high - gap * (order.length - 1));
      for (let k = 0; k < size; k++, rank++) out[order[rank]] = start + gap * rank;
    }
    return out;
  };

  if (typeof module === "object" && module.exports) module.exports = curve;
})(typeof window === "undefined" ? require("./lib.js") : window.Lab);
