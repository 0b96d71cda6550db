/* Chart: a small SVG line chart with a cursor that can be dragged. It is all that the page draws curves with. */

import { clamp } from "../maths/forward.js";
import { place } from "./axis.js";
import { number } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
/** An SVG element with attributes. */
export function svg(name, attributes = {}, parent = null) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (parent) parent.append(node);
  return node;
}

/**
 * A small line chart in `host` (emptied): options {x: [lo, hi], y: [lo, hi], log, width, height, margin: {l, r, t, b},
 * xTicks: [..], yTicks: [..], label, format(value, axis), fluid}. All in viewBox units; it scales to the
 * width of its host, letters and all, or with `fluid` takes that width as its own and redraws. `log` is of the y axis.
 * Colours come from CSS (`.lab-chart`, `.line`, `.bars`, `.tick`, `.cursor`), so both themes follow. Returns
 *   line(name, xs, ys, {dash, className, stroke, dots})
 *                                           draw or replace a line, with gaps where a value is not finite: className
 *                                           "a".."f" or `stroke` colours it, `dots` puts one at every value
 *   bars(name, counts, lo, hi)              draw or replace a step area from 0
 *   domain({x, y})                          change the ranges (redraws what is there)
 *   cursor(x, marks = [])                   put the cursor at x, a dot at each mark's y
 *   onDrag(fn)                              fn(x) while the pointer is dragged over the plot
 */
export function chart(host, options) {
  const { height = 120, xTicks = [], yTicks = [], label = "", log = false } = options;
  let width = options.width || 320;
  const m = { l: 28, r: 8, t: 8, b: 18, ...(options.margin || {}) };
  const format = options.format || ((value) => number(value, Number.isInteger(value) ? 0 : 1));
  let x = options.x;
  let y = options.y;
  let ticks = { x: xTicks, y: yTicks };
  const drawn = new Map(); // name → how to draw it again
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "lab-chart", role: "img", "aria-label": label });
  host.replaceChildren(root);
  const axes = svg("g", { class: "axes", "aria-hidden": "true" }, root);
  const plot = svg("g", { class: "plot" }, root);
  const cursor = svg("line", { class: "cursor", y1: m.t, y2: height - m.b, visibility: "hidden" }, root);
  const dots = svg("g", { class: "dots" }, root);
  const px = (value) => m.l + ((value - x[0]) / (x[1] - x[0])) * (width - m.l - m.r);
  const deep = height - m.t - m.b;
  const py = (value) => height - m.b - (log ? place(value, y, true, deep) : ((value - y[0]) / (y[1] - y[0])) * deep);
  const inside = (value) => clamp(py(value), m.t - 1, height - m.b + 1);
  const seen = (value) => value !== null && Number.isFinite(value) && !(log && value <= 0);

  function drawAxes() {
    axes.replaceChildren();
    svg("line", { class: "axis", x1: m.l, x2: width - m.r, y1: height - m.b, y2: height - m.b }, axes);
    for (const value of ticks.x) {
      const tick = svg("text", { class: "tick", x: px(value), y: height - m.b + 14, "text-anchor": "middle" }, axes);
      tick.textContent = format(value, "x");
    }
    for (const value of ticks.y) {
      svg("line", { class: "grid", x1: m.l, x2: width - m.r, y1: py(value), y2: py(value) }, axes);
      const tick = svg("text", { class: "tick", x: m.l - 5, y: py(value) + 3.5, "text-anchor": "end" }, axes);
      tick.textContent = format(value, "y");
    }
  }
  const api = {
    svg: root, px, py,
    line(name, xs, ys, style = {}) {
      const { dash = "", className = style.stroke ? "" : "a", stroke = "", dots = false } = style;
      drawn.set(name, () => api.line(name, xs, ys, style));
      const path = plot.querySelector(`[data-name="${name}"]`) || svg("path", { "data-name": name, fill: "none" }, plot);
      path.setAttribute("class", `line ${className}`);
      path.setAttribute("stroke-dasharray", dash);
      if (stroke) path.setAttribute("stroke", stroke);
      let d = "";
      let spots = "";
      let pen = "M";
      for (let i = 0; i < xs.length; i++) {
        if (!seen(ys[i])) {
          pen = "M";
          continue;
        }
        const at = `${px(xs[i]).toFixed(1)} ${inside(ys[i]).toFixed(1)}`;
        d += pen + at;
        spots += `M${at}h0`;
        pen = "L";
      }
      path.setAttribute("d", d);
      if (!dots) return path;
      const marks = plot.querySelector(`[data-dots="${name}"]`) || svg("path", { "data-dots": name, class: "spots" }, plot);
      marks.setAttribute("stroke", stroke);
      marks.setAttribute("d", spots);
      return path;
    },
    bars(name, heights, low, high) {
      drawn.set(name, () => api.bars(name, heights, low, high));
      let path = plot.querySelector(`[data-name="${name}"]`);
      if (!path) path = svg("path", { "data-name": name, class: "bars" }, plot);
      const step = (high - low) / heights.length;
      let d = `M${px(low).toFixed(1)} ${py(y[0]).toFixed(1)}`;
      for (let i = 0; i < heights.length; i++) {
        const top = inside(heights[i]).toFixed(1);
        d += `V${top}H${px(low + (i + 1) * step).toFixed(1)}`;
      }
      path.setAttribute("d", `${d}V${py(y[0]).toFixed(1)}Z`);
      return path;
    },
    domain(next) {
      x = next.x || x;
      y = next.y || y;
      ticks = { x: next.xTicks || ticks.x, y: next.yTicks || ticks.y };
      drawAxes();
      for (const redraw of drawn.values()) redraw();
    },
    cursor(at, marks = []) {
      drawn.set("cursor", () => api.cursor(at, marks));
      cursor.setAttribute("visibility", "visible");
      cursor.setAttribute("x1", px(at));
      cursor.setAttribute("x2", px(at));
      while (dots.childNodes.length > marks.length) dots.lastChild.remove();
      marks.forEach((mark, i) => {
        const dot = dots.childNodes[i] || svg("circle", { r: 4, class: "dot" }, dots);
        dot.setAttribute("cx", px(at));
        dot.setAttribute("cy", inside(mark));
      });
    },
    onDrag(fn) {
      const at = (event) => {
        const box = root.getBoundingClientRect();
        const unit = ((event.clientX - box.left) / box.width) * width;
        return clamp(x[0] + ((unit - m.l) / (width - m.l - m.r)) * (x[1] - x[0]), x[0], x[1]);
      };
      root.classList.add("draggable");
      root.style.touchAction = "pan-y";
      root.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        root.setPointerCapture(event.pointerId);
        fn(at(event));
      });
      root.addEventListener("pointermove", (event) => {
        if (root.hasPointerCapture(event.pointerId)) fn(at(event));
      });
    },
  };
  drawAxes();
  if (options.fluid) {
    new ResizeObserver(() => {
      const now = Math.round(host.clientWidth);
      if (!now || now === width) return;
      width = now;
      root.setAttribute("viewBox", `0 0 ${width} ${height}`);
      api.domain({});
    }).observe(host);
  }
  return api;
}
