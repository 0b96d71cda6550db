/* Checks: whether what a lesson asks for is so, and what it says of the learner's own run. No page in here. */

const SIGNS = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  "==": (a, b) => String(a) === String(b),
  "!=": (a, b) => String(a) !== String(b),
};

/**
 * Whether all of some comparisons hold. What is not known yet holds for none.
 * @param {[string, string, number | string][]} checks
 * @param {(name: string) => any} value
 */
export const holds = (checks, value) =>
  checks.every(([name, sign, wanted]) => {
    const found = value(name);
    return found !== undefined && found !== null && SIGNS[sign](found, wanted);
  });

/** Whether a choice is the right one: as written, or by what was measured. @param {boolean | any[]} right */
export const isRight = (right, value) => (typeof right === "boolean" ? right : holds(right, value));

/** The names a sentence asks for, between braces: "{noise.t:.0f}" asks for noise.t. */
export const asked = (sentence) => [...sentence.matchAll(/\{([a-z]+\.[a-z_0-9.]+)[^}]*\}/g)].map(([, name]) => name);

/** The sentence with numbers in their places: {name:.1f}, {name:.0%} or {name}; what is not known is "…". */
export const filled = (sentence, value) =>
  sentence.replace(/\{([a-z]+\.[a-z_0-9.]+)(?::\.(\d)([f%]))?\}/g, (all, name, digits = "0", kind = "f") => {
    const found = value(name);
    if (typeof found !== "number") return found === undefined || found === null ? "…" : String(found);
    return kind === "%" ? `${(100 * found).toFixed(+digits)} %` : found.toFixed(+digits).replace("-", "−");
  });

/** A curve [[x, y], …] at x, on straight lines between its points. */
export function at(curve, x) {
  const k = curve.findIndex(([here]) => here >= x);
  if (k <= 0) return curve[k < 0 ? curve.length - 1 : 0][1];
  const [[x0, y0], [x1, y1]] = [curve[k - 1], curve[k]];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0 || 1);
}

/** How far a drawn curve is from the true one: mean distance in y, as a share of the true one's range. */
export function apart(drawn, curve) {
  const ys = curve.map(([, y]) => y);
  const range = Math.max(...ys) - Math.min(...ys) || 1;
  return drawn.reduce((sum, [x, y]) => sum + Math.abs(y - at(curve, x)), 0) / drawn.length / range;
}
