/* Strips: the picture under each schedule on the axis of t, one row a schedule, and the picture at t beside it. */

import { pixels } from "../lib/canvas.js";
import { decibels, percent, text } from "../lib/words.js";
import { clamp, forward, freshNoise, snrDb } from "../maths/forward.js";
import { normals } from "../maths/mixture.js";
import { levels, tenths } from "../maths/schedule.js";
import { colourOf, figureText, make, swatch, symbol } from "./parts.js";

const CELLS = 10; // of a film's width; where there are fewer levels, they stand at their t with gaps between

/**
 * @param {any} strips
 * @param {import("./parts.js").State} state
 * @param {(t: number) => void} go a level was chosen
 */
export function makeStrips(strips, state, go) {
  /** The levels on show. */
  const shownLevels = () => (state.value.fresh == null ? levels : tenths)(state.value.T);
  let fresh = { key: "", noises: [] };
  /** The noise of level k: the one of all, or where the strips are asked for fresh ones (value.fresh is their seed) its own. */
  function noiseOf(k) {
    const { picture, value } = state;
    if (value.fresh == null) return picture.eps;
    const key = `${value.fresh} ${picture.eps.length}`;
    if (fresh.key !== key) {
      const normal = normals(value.fresh);
      fresh = { key, noises: Array.from({ length: CELLS }, () => freshNoise(picture.eps.length, normal)) };
    }
    return fresh.noises[k];
  }

  /** Where level k of `count` begins, in cells. */
  const cellOf = (k, count) => (k * (CELLS - 1)) / (count - 1);

  /** A row for each schedule. */
  function draw() {
    const { value, series, picture } = state;
    strips.hidden = !(value && value.series && picture);
    if (strips.hidden) return;
    while (strips.children.length > series.length) strips.lastChild.remove();
    strips.classList.toggle("few", shownLevels().length < CELLS);
    series.forEach((one, i) => {
      const row = strips.children[i] || newRow();
      row.dataset.name = one.name;
      const head = row.querySelector(".head");
      head.replaceChild(swatch(colourOf(one), one.dash), head.firstChild);
      row.querySelector(".name").textContent = text(one.label);
      film(row, one);
    });
  }

  function newRow() {
    const row = make("div", "row", strips);
    const head = make("p", "head", row);
    head.append(swatch("currentColor", "solid"));
    for (const part of ["name", "now", "left"]) make("span", part, head);
    const film = make("div", "film", row);
    const canvas = make("canvas", "", film);
    canvas.setAttribute("role", "img");
    make("i", "frame", film);
    film.addEventListener("pointerdown", (event) => {
      const space = canvas.getBoundingClientRect();
      const shown = shownLevels();
      const cell = (CELLS * (event.clientX - space.left)) / space.width - 0.5;
      go(shown[clamp(Math.round((cell / (CELLS - 1)) * (shown.length - 1)), 0, shown.length - 1)]);
    });
    const big = make("canvas", "big", row);
    big.setAttribute("role", "img");
    big.dataset.view = "x_t";
    return row;
  }

  /** The levels of a row, and what is left of the picture at T. */
  function film(row, one) {
    const { n, x0 } = state.picture;
    const { T } = state.value;
    const canvas = row.querySelector(".film canvas");
    if (canvas.width !== CELLS * n || canvas.height !== n) [canvas.width, canvas.height] = [CELLS * n, n];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, n);
    const image = pixels(n);
    const shown = shownLevels();
    shown.forEach((t, k) => {
      forward(image.data, x0, noiseOf(k), Math.sqrt(one.a[t]), Math.sqrt(1 - one.a[t]));
      context.putImageData(image, Math.round(cellOf(k, shown.length) * n), 0);
    });
    const end = one.a[T];
    const values = { share: percent(end), snr: decibels(snrDb(end)) };
    row.querySelector(".left").textContent = text("at T: {share} signal, SNR {snr}", values);
    const about = { schedule: text(one.label), count: shown.length, T: shown[shown.length - 1] };
    canvas.setAttribute("aria-label", text("{schedule}: the picture at {count} levels from t = 0 to {T}", about));
    row.drawn = null;
  }

  /** One schedule has been bent. */
  function bent(name) {
    const k = state.series.findIndex((one) => one.name === name);
    if (state.picture && strips.children[k]) film(strips.children[k], state.series[k]);
  }

  /** The pictures and numbers at t. */
  function follow() {
    if (strips.hidden) return;
    const { view, lines, picture, series, t } = state;
    const shown = shownLevels();
    let nearest = 0;
    shown.forEach((at, k) => Math.abs(at - t) < Math.abs(shown[nearest] - t) && (nearest = k));
    strips.style.setProperty("--cell", String(cellOf(nearest, shown.length)));
    series.forEach((one, i) => {
      const row = strips.children[i];
      const a = one.a[t];
      if (!row || !lines[i] || row.drawn === `${a} ${view.key}`) return;
      row.drawn = `${a} ${view.key}`;
      const big = row.querySelector(".big");
      const { n, x0, eps } = picture;
      if (big.width !== n) big.width = big.height = n;
      big.image = big.image && big.image.width === n ? big.image : pixels(n);
      forward(big.image.data, x0, eps, Math.sqrt(a), Math.sqrt(1 - a));
      big.getContext("2d", { alpha: false }).putImageData(big.image, 0, 0);
      const words = text("{share} signal, SNR {snr}", { share: percent(a), snr: decibels(snrDb(a)) });
      const here = row.querySelector(".now");
      symbol(here, `${view.symbol} = `).append(`${figureText(lines[i].ys[t])}, ${words}`);
      big.setAttribute("aria-label", `${text(one.label)}, t ${t}: ${words}`);
    });
  }

  return { draw, bent, follow };
}
