/* What the parts of the curves widget share: nodes, symbols, swatches, a number as they write it. */

import { svg } from "../lib/chart.js";
import { number } from "../lib/words.js";

/**
 * What is on show, for all parts.
 * @typedef {object} State
 * @property {any} value the widget's value
 * @property {any} view the open one of value.views
 * @property {{name: string, label: string, light: string, dark: string, dash: string, a: Float64Array}[]} series
 * @property {Line[]} lines what is drawn
 * @property {number[] | null} points of the drawn schedule
 * @property {{n: number, x0: Float32Array, eps: Int16Array} | null} picture
 * @property {number} t
 *
 * @typedef {{name: string, label: string, colour: string, dash: string, dots: boolean, xs: ArrayLike<number>,
 *   ys: ArrayLike<number | null>}} Line
 */

export function make(tag, className, parent = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (parent) parent.append(node);
  return node;
}

/** The parts of a symbol such as "ᾱ<sub>t−1</sub>": only sub and sup are known. */
const parts = (symbol) =>
  symbol.split(/(<su[bp]>.*?<\/su[bp]>)/).map((part) => {
    const found = /^<(su[bp])>(.*)<\/su[bp]>$/.exec(part);
    return found ? { tag: found[1], letters: found[2] } : { tag: "", letters: part };
  });

/** A symbol in `node`, without innerHTML. Digits stand upright. */
export function symbol(node, letters) {
  node.replaceChildren();
  for (const part of parts(letters)) {
    const host = part.tag ? make(part.tag, "", node) : node;
    for (const run of part.letters.split(/(\d+)/)) {
      if (/\d/.test(run)) make("b", "", host).textContent = run;
      else if (run) host.append(run);
    }
  }
  return node;
}

/** The same in an SVG text. */
export function symbolIn(label, letters) {
  for (const { tag, letters: run } of parts(letters)) {
    if (!run) continue;
    const shift = tag ? { "baseline-shift": tag === "sub" ? "-25%" : "35%", "font-size": "70%" } : {};
    svg("tspan", shift, label).textContent = run;
  }
}

export const plain = (letters) => letters.replace(/<\/?su[bp]>/g, "");

export const isDark = () => document.body.classList.contains("dark");
export const colourOf = (look) => (isDark() ? look.dark : look.light);

/** Plotly's name or lengths of a dash as SVG's. */
export const dashOf = (dash) => (dash === "solid" ? "" : dash.replace(/px/g, ""));

export function swatch(colour, dash) {
  const made = svg("svg", { class: "swatch", viewBox: "0 0 30 8", "aria-hidden": "true" });
  const line = { x1: 1, x2: 29, y1: 4, y2: 4, stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dashOf(dash) };
  svg("line", line, made);
  return made;
}

export function figureText(y) {
  if (!Number.isFinite(y)) return "–";
  if (y !== 0 && Math.abs(y) < 0.001) return y.toExponential(1).replace("-", "−");
  return number(y, Math.abs(y) < 0.1 ? 4 : Math.abs(y) < 10 ? 3 : 1);
}
