/* Progress: the curve under the pictures, one line a lane over the places of the run. */

import { chart as makeChart, svg } from "../lib/chart.js";
import { node } from "../lib/page.js";
import { number, text } from "../lib/words.js";

const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const about = (curve) =>
  ({
    error: () => text("Error: how far the guess x̂0 is from the picture, root mean square"),
    change: () => text("How much the guess x̂0 changes from step to step"),
    apart: () => text("How far x̂0 is from the first lane, at the same noise"),
  })[curve]();

function ticks(last, count) {
  const every = Math.max(1, Math.ceil(last / count));
  return Array.from({ length: Math.floor(last / every) + 1 }, (_, k) => k * every);
}

/**
 * @param {any} player the widget's section
 * @param {{film: import("./film.js").Film | null, place: number}} state what is on show
 * @param {(place: number) => void} scrub a place was chosen
 */
export function makeProgress(player, state, scrub) {
  const host = player.querySelector(".chart");
  let chart = null;
  let top = 0; // of the chart

  const timeAt = (film, index) => (film.places[index] ? `t ${Math.round(film.leader(index).t)}` : "");

  /** All of it, for the width there is. */
  function draw() {
    const { film } = state;
    const width = host.clientWidth;
    if (!film || !width) return;
    const values = film.lanes.flatMap((lane) => lane.curve).filter(Number.isFinite);
    const most = Math.max(film.places.length, film.end ? 0 : Math.max(...film.lanes.map((lane) => lane.steps)) + 1);
    top = Math.max(0.05, ...values) * 1.08;
    const last = Math.max(1, most - 1);
    chart = makeChart(host, {
      x: [0, last], y: [0, top], xTicks: ticks(last, width < 500 ? 4 : 8), yTicks: [0, top / 1.08],
      width, height: 96, margin: { l: 34, r: 10, t: 6, b: 18 }, label: about(film.start.curve),
      format: (value, axis) => (axis === "x" ? timeAt(film, value) : number(value, 2)),
    });
    chart.onDrag((x) => scrub(Math.round(x)));
    lines();
    legend();
    mark();
  }

  function lines() {
    const { film } = state;
    film.lanes.forEach((lane, k) => {
      if (film.start.curve === "apart" && !k) return;
      const many = film.lanes.length > 4;
      const className = many ? "c" : "abcd"[k];
      chart.line(`lane${k}`, lane.curve.map((_, x) => x), lane.curve, { dash: many ? "" : DASHES[k], className });
    });
  }

  function legend() {
    const { film } = state;
    const parts = [node("span", "", about(film.start.curve))];
    if (film.lanes.length > 1 && film.lanes.length <= 4) {
      film.lanes.forEach((lane, k) => {
        if (film.start.curve === "apart" && !k) return;
        const key = node("span", "key");
        const swatch = svg("svg", { viewBox: "0 0 28 8", class: "lab-chart", "aria-hidden": "true" });
        svg("line", { x1: 0, x2: 28, y1: 4, y2: 4, class: `line ${"abcd"[k]}`, "stroke-dasharray": DASHES[k] }, swatch);
        key.append(swatch, node("span", "", lane.label));
        parts.push(key);
      });
    }
    player.querySelector(".about").replaceChildren(...parts);
  }

  /** The cursor at the place in hand. */
  function mark() {
    const { film, place } = state;
    if (chart && place >= 0) chart.cursor(place, film.lanes.map((lane) => lane.curve[place]).filter(Number.isFinite));
  }

  /** Another step has come: its piece of each line, or all anew where it does not fit. */
  function grow() {
    const newest = state.film.lanes.map((lane) => lane.curve[lane.curve.length - 1]).filter(Number.isFinite);
    if (!chart || newest.some((value) => value > top)) draw();
    else lines();
  }

  return { draw, mark, grow };
}
