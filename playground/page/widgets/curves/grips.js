/* Grips: a schedule drawn by hand, or by key: points of ᾱ that are moved up and down. */

import { frame } from "../lib/input.js";
import { text } from "../lib/words.js";
import { inverse, moved, views } from "../maths/schedule.js";
import { colourOf, make } from "./parts.js";

const STEPS = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 };
const ENDS = { Home: 0, End: 1 };
const PAUSE = 400; // ms after a key until the server hears of it

/**
 * @param {any} handles
 * @param {import("./parts.js").State} state
 * @param {ReturnType<typeof import("./plot.js").makePlot>} plot
 * @param {{bend: (points: number[]) => void, settled: () => void}} hands new points, many a second; they stay for a while
 */
export function makeGrips(handles, state, plot, { bend, settled }) {
  const bent = frame(bend);
  let soon = 0;

  /** A grip at every point, where the open view is one in which a curve can be drawn. */
  function draw() {
    const { points, view, value, series } = state;
    const own = series.find((one) => one.name === "custom");
    const open = Boolean(points && own && inverse[view.key] && !view.lines);
    handles.hidden = !open;
    if (!open) return handles.replaceChildren();
    handles.setAttribute("aria-label", text("Points of your curve"));
    while (handles.children.length > points.length - 1) handles.lastChild.remove();
    for (let k = 1; k < points.length; k++) {
      const grip = handles.children[k - 1] || newGrip(k);
      const t = (k / (points.length - 1)) * value.T;
      grip.style.left = `${plot.px(t)}px`;
      grip.style.top = `${plot.py(views[view.key](Float64Array.of(points[k]))[0])}px`;
      grip.style.setProperty("--own", colourOf(own));
      grip.setAttribute("aria-label", text("ᾱ of your curve at t = {t}", { t: Math.round(t) }));
      grip.setAttribute("aria-valuenow", points[k].toFixed(3));
      grip.setAttribute("aria-valuetext", points[k].toFixed(3));
    }
  }

  function newGrip(k) {
    const grip = make("div", "grip", handles);
    const about = { role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": 1, "aria-orientation": "vertical" };
    for (const [name, value] of Object.entries(about)) grip.setAttribute(name, value);
    let before = null;
    grip.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      grip.focus();
      grip.setPointerCapture(event.pointerId);
      before = state.points.slice();
    });
    grip.addEventListener("pointermove", (event) => {
      if (before) bent(moved(before, k, inverse[state.view.key](plot.valueAt(event.clientY))));
    });
    for (const name of ["pointerup", "pointercancel"]) {
      grip.addEventListener(name, () => {
        if (before) settled();
        before = null;
      });
    }
    grip.addEventListener("keydown", (event) => {
      const [by, to] = [STEPS[event.key], ENDS[event.key]];
      if (by === undefined && to === undefined) return;
      event.preventDefault();
      bent(moved(state.points, k, to === undefined ? state.points[k] + by * (event.shiftKey ? 10 : 1) : to));
      clearTimeout(soon);
      soon = setTimeout(settled, PAUSE);
    });
    return grip;
  }

  return { draw };
}
