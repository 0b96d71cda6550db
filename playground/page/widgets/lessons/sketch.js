/* Sketch: a small chart on which a curve is drawn, by hand or by keyboard, before the true one is shown. */

import { svg } from "../lib/chart.js";
import { text } from "../lib/words.js";
import { at } from "./checks.js";

const POINTS = 9;
const [WIDTH, HEIGHT, EDGE] = [300, 170, 26];

/**
 * @param {HTMLElement} place
 * @param {[number, number][]} curve the true one: it gives the axes their ranges, and is drawn by `reveal`
 * @param {string} xName
 * @param {string} yName
 */
export function sketch(place, curve, xName, yName) {
  const xs = curve.map(([x]) => x);
  const ys = curve.map(([, y]) => y);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(0, ...ys), Math.max(...ys)];
  const points = Array.from({ length: POINTS }, (_, k) => [left + ((right - left) * k) / (POINTS - 1), (low + high) / 2]);
  const toX = (x) => EDGE + ((WIDTH - 2 * EDGE) * (x - left)) / (right - left || 1);
  const toY = (y) => HEIGHT - EDGE - ((HEIGHT - 2 * EDGE) * (y - low)) / (high - low || 1);
  const path = (line) => line.map(([x, y], k) => `${k ? "L" : "M"}${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`).join("");

  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "sketch" }, place);
  svg("path", { d: `M${EDGE} ${EDGE}V${HEIGHT - EDGE}H${WIDTH - EDGE}`, class: "axes" }, chart);
  svg("text", { x: WIDTH - EDGE, y: HEIGHT - 8, "text-anchor": "end" }, chart).textContent = xName;
  svg("text", { x: EDGE, y: 16 }, chart).textContent = yName;
  const truth = svg("path", { class: "truth" }, chart);
  const line = svg("path", { class: "drawn" }, chart);
  const grips = points.map(([x], k) => {
    const label = text("{name} at {x}", { name: yName, x: x.toPrecision(3) });
    const grip = svg("circle", { r: 6, tabindex: 0, role: "slider", "aria-label": label, "data-point": k }, chart);
    grip.setAttribute("aria-valuemin", low);
    grip.setAttribute("aria-valuemax", high);
    grip.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
      if (!step) return;
      event.preventDefault();
      move(k, points[k][1] + (step * (high - low)) / 20);
    });
    return grip;
  });

  function move(k, y) {
    points[k][1] = Math.min(high, Math.max(low, y));
    draw();
  }
  function draw() {
    line.setAttribute("d", path(points));
    points.forEach(([x, y], k) => {
      grips[k].setAttribute("cx", toX(x));
      grips[k].setAttribute("cy", toY(y));
      grips[k].setAttribute("aria-valuenow", y.toPrecision(3));
    });
  }
  const pull = (event) => {
    const box = chart.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    const y = ((event.clientY - box.top) / box.height) * HEIGHT;
    const k = Math.round(((x - EDGE) / (WIDTH - 2 * EDGE)) * (POINTS - 1));
    move(Math.min(POINTS - 1, Math.max(0, k)), low + ((HEIGHT - EDGE - y) / (HEIGHT - 2 * EDGE)) * (high - low));
  };
  chart.addEventListener("pointerdown", (event) => {
    chart.setPointerCapture(event.pointerId);
    pull(event);
    chart.onpointermove = pull;
  });
  for (const end of ["pointerup", "pointercancel"]) chart.addEventListener(end, () => (chart.onpointermove = null));
  draw();
  return {
    points,
    /** Shows the true curve over the drawn one. */
    reveal() {
      truth.setAttribute("d", path(curve));
      chart.classList.add("revealed");
      for (const grip of grips) grip.setAttribute("tabindex", -1);
      chart.style.pointerEvents = "none";
    },
    /** Draws the true one by itself, for who wants to see it done. */
    show() {
      points.forEach((point) => (point[1] = at(curve, point[0])));
      draw();
    },
  };
}
