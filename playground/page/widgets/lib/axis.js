/* Axis: places and labels of a chart, as numbers. Pure: no document. */

import { clamp } from "../maths/forward.js";

/** The value at x of a line through rising xs, straight between its points; NaN outside or in a gap. */
export function at(xs, ys, x) {
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
}
const value = (y) => (y === null || y === undefined ? NaN : y);

/** The t to draw, evenly, so that a line has at most `limit` points; both ends stay. */
export function thinned(T, limit = 400) {
  const stride = Math.max(1, Math.ceil(T / limit));
  const ts = [];
  for (let t = 0; t < T; t += stride) ts.push(t);
  ts.push(T);
  return ts;
}

/** [lowest, highest] finite value of several lines, with air around them; on a log axis at most six decades. */
export function range(lines, log) {
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
}

/** Where in `length` pixels from the low end a value lies; what is outside the range is held at its edge. */
export function place(y, [low, high], log, length) {
  const share = log ? Math.log(y / low) / Math.log(high / low) : (y - low) / (high - low);
  return length * clamp(share, 0, 1);
}
/** The inverse of `place`. */
export function unplace(pixels, [low, high], log, length) {
  const share = pixels / length;
  return log ? low * Math.pow(high / low, share) : low + share * (high - low);
}

/**
 * Labels that would lie at `wanted` pixels, moved apart to at least `gap`, within [low, high], in the order given by
 * `wanted` (ties: as they come), each as little as that allows.
 */
export function apart(wanted, gap, low, high) {
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
    const start = clamp(sum / size, low, high - gap * (order.length - 1));
    for (let k = 0; k < size; k++, rank++) out[order[rank]] = start + gap * rank;
  }
  return out;
}

/** Round numbers in [low, high], about `most` of them at the most: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) || 10);
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(Number((k * step).toPrecision(12)));
  return out;
}

/** The powers of ten in [low, high], at most `most` of them. */
export function decades(low, high, most) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / most));
  const out = [];
  for (let k = first; k <= last; k += every) out.push(10 ** k);
  return out;
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
/** A tick of a logarithmic axis: 1 and 10 as they are, other powers as 10⁻³. */
export function power(value) {
  const exponent = Math.round(Math.log10(value));
  if (exponent === 0 || exponent === 1) return String(10 ** exponent);
  return `10${[...String(exponent)].map((sign) => RAISED[sign]).join("")}`;
}
