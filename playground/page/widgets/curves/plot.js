/* Plot: the curves of the open view over t, their names at their ends, a cursor that can be dragged, values at t. */

import { apart, at, decades, place, power, range, thinned, ticks, unplace } from "../lib/axis.js";
import { chart, svg } from "../lib/chart.js";
import { number, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { views } from "../maths/schedule.js";
import { colourOf, dashOf, figureText, make, plain, swatch, symbolIn } from "./parts.js";

const WHOLE = 600; // points up to which a line is drawn whole

/**
 * @param {any} box the widget
 * @param {import("./parts.js").State} state
 * @param {(t: number) => void} drag the cursor is dragged to t
 */
export function makePlot(box, state, drag) {
  const $ = (selector) => box.querySelector(selector);
  const [plot, over, readout, host] = [$(".plot"), $(".over"), $(".readout"), $(".chart")];
  let geometry = null; // {left, top, width, height, range, log} of the axes in CSS pixels
  let drawn = null; // the chart

  const narrow = () => box.clientWidth < 620;
  const px = (t) => geometry.left + (t / state.value.T) * geometry.width;
  const py = (y) => geometry.top + geometry.height - place(y, geometry.range, geometry.log, geometry.height);
  /** The value at a place on the screen. */
  function valueAt(clientY) {
    const up = geometry.top + geometry.height - (clientY - over.getBoundingClientRect().top);
    return unplace(clamp(up, 0, geometry.height), geometry.range, geometry.log, geometry.height);
  }

  /** What the open view draws: a figure's lines, or the schedules as that view sees them. */
  function collect() {
    const { value, view, series } = state;
    if (view.lines) {
      state.lines = view.lines.map((line) => ({
        name: line.meta.name, label: text(line.name), colour: colourOf(line.meta), dash: line.line.dash,
        dots: line.mode.includes("markers"), ys: line.y,
        xs: line.x || Array.from(line.y, (_, i) => line.x0 + i * line.dx),
      }));
      return;
    }
    const ts = Array.from({ length: value.T + 1 }, (_, i) => i);
    state.lines = series.map((one) => ({
      name: one.name, label: text(one.label), colour: colourOf(one), dash: one.dash, dots: false, xs: ts, ys: views[view.key](one.a),
    }));
  }

  function measure() {
    const { view, lines } = state;
    const small = narrow();
    const [width, height] = [host.clientWidth, small ? 280 : 360];
    const margin = small ? { l: 44, r: 76, t: 14, b: 34 } : { l: 68, r: 136, t: 14, b: 38 };
    geometry = {
      left: margin.l, top: margin.t, width: Math.max(60, width - margin.l - margin.r), height: height - margin.t - margin.b,
      outer: [width, height], margin, log: Boolean(view.log),
      range: view.range || range(lines.map((line) => Array.from(line.ys)), view.log),
    };
    box.style.setProperty("--left", `${margin.l}px`);
    box.style.setProperty("--wide", `${geometry.width}px`);
    box.style.setProperty("--right", `${margin.r}px`);
  }

  /** The line as it is drawn: thinned where it is long, held at the edges of the plot. */
  function trace(line) {
    const whole = line.xs.length <= WHOLE;
    const xs = whole ? line.xs : thinned(state.value.T);
    const ys = whole ? line.ys : xs.map((t) => line.ys[t]);
    drawn.line(line.name, xs, ys, { dash: dashOf(line.dash), stroke: line.colour, dots: line.dots });
  }

  /** Everything about the open view. */
  function draw() {
    if (!host.clientWidth) return;
    collect();
    measure();
    const { view, value, lines } = state;
    const { outer, margin, log, range: [low, high], left, top, width, height } = geometry;
    const digits = Math.max(0, -Math.floor(Math.log10((high - low) / 6)));
    const about = {
      x: [0, value.T], y: [low, high], log, margin, width: outer[0], height: outer[1],
      xTicks: ticks(0, value.T, narrow() ? 3 : 9), yTicks: log ? decades(low, high, 8) : ticks(low, high, 6),
      format: (v, axis) => (axis === "x" ? String(v) : log ? power(v) : number(v, Number.isInteger(v) ? 0 : digits)),
    };
    drawn = chart(plot, about);
    svg("line", { class: "axis", x1: left, x2: left, y1: top, y2: top + height }, drawn.svg);
    svg("text", { class: "title", x: left + width / 2, y: outer[1] - 2, "text-anchor": "middle" }, drawn.svg).textContent = "t";
    if (!narrow()) {
      const turned = { class: "title", "text-anchor": "middle", transform: `translate(14 ${top + height / 2}) rotate(-90)` };
      symbolIn(svg("text", turned, drawn.svg), view.axis || view.symbol);
    }
    for (const line of lines) trace(line);
    overlay();
    follow();
    box.dataset.drawn = view.key;
  }

  /** One schedule has been bent: its line anew, on the axes as they are. */
  function bent(name) {
    collect();
    trace(state.lines.find((line) => line.name === name));
    overlay();
    follow();
  }

  /** Names at the ends of the curves, as far as they have come, moved apart, each tied to its curve by a thin line. */
  function overlay() {
    const { lines } = state;
    over.replaceChildren();
    over.setAttribute("viewBox", `0 0 ${geometry.outer[0]} ${geometry.outer[1]}`);
    over.setAttribute("width", geometry.outer[0]);
    over.setAttribute("height", geometry.outer[1]);
    const shown = lines.filter((line) => Array.from(line.ys).some((y) => y !== null && Number.isFinite(y)));
    const ends = shown.map((line) => {
      let i = line.ys.length - 1;
      while (i > 0 && (line.ys[i] === null || !Number.isFinite(line.ys[i]))) i--;
      return { x: px(line.xs[i]), y: py(line.ys[i]), middle: at(line.xs, line.ys, line.xs[i] / 2) };
    });
    // Where curves end in one point, those that were higher half-way stand higher.
    const near = (end) => Math.round(end.y / 4);
    const order = ends.map((_, i) => i).sort((i, j) => near(ends[i]) - near(ends[j]) || ends[j].middle - ends[i].middle);
    const wanted = order.map((i, rank) => 4 * near(ends[i]) + 1e-6 * rank);
    const ys = apart(wanted, narrow() ? 15 : 18, geometry.top, geometry.top + geometry.height - 2);
    const x = Math.max(...ends.map((end) => end.x));
    order.forEach((i, rank) => {
      const [line, end, y] = [shown[i], ends[i], ys[rank]];
      svg("path", { class: "tie", d: `M${end.x + 2} ${end.y}L${x + 12} ${y}H${x + 16}`, stroke: line.colour }, over);
      const name = svg("text", { x: x + 20, y: y + 4, fill: line.colour, "data-name": line.name }, over);
      name.textContent = line.label;
    });
    svg("line", { class: "cursor", y1: geometry.top, y2: geometry.top + geometry.height }, over);
    for (const line of lines) svg("circle", { class: "dot", r: 4.5, fill: line.colour }, over);
  }

  /** What goes with t: cursor, dots and the values. */
  function follow() {
    if (!drawn) return;
    const { lines, t, view, value } = state;
    const x = px(t);
    const cursor = over.querySelector(".cursor");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    const dots = over.querySelectorAll(".dot");
    lines.forEach((line, i) => {
      const y = at(line.xs, line.ys, t);
      const seen = Number.isFinite(y) && !(geometry.log && y <= 0);
      dots[i].setAttribute("visibility", seen ? "visible" : "hidden");
      if (!seen) return;
      dots[i].setAttribute("cx", x);
      dots[i].setAttribute("cy", py(y));
    });
    if (!value.series) figures();
    const said = lines.map((line) => `${line.label} ${figureText(at(line.xs, line.ys, t))}`).join(", ");
    drawn.svg.setAttribute("aria-label", `${plain(view.symbol)}, ${text(view.title)}. t ${t}: ${said}`);
  }

  /** For figures: every line's value at t, beside its colour and dash. */
  function figures() {
    const { lines, t } = state;
    readout.hidden = lines.length === 0;
    while (readout.children.length > lines.length) readout.lastChild.remove();
    lines.forEach((line, i) => {
      const item = readout.children[i] || make("div", "", readout);
      const mark = swatch(line.colour, line.dash);
      if (item.firstChild) item.replaceChild(mark, item.firstChild);
      else item.append(mark, make("dt", ""), make("dd", ""));
      item.children[1].textContent = line.label;
      item.children[2].textContent = figureText(at(line.xs, line.ys, t));
    });
  }

  let pointer = null;
  const toT = (event) =>
    drag(((event.clientX - over.getBoundingClientRect().left - geometry.left) / geometry.width) * state.value.T);
  over.addEventListener("pointerdown", (event) => {
    if (event.button || !geometry) return;
    pointer = event.pointerId;
    over.setPointerCapture(pointer);
    toT(event);
  });
  over.addEventListener("pointermove", (event) => event.pointerId === pointer && toT(event));
  for (const name of ["pointerup", "pointercancel"]) {
    over.addEventListener(name, (event) => {
      if (event.pointerId === pointer) pointer = null;
    });
  }

  return { draw, bent, follow, px, py, valueAt };
}
