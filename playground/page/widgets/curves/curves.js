/* Curves: charts on the page's clock, each a choice of views over t, and under them the picture on the same axis.
 *
 * value  {T, t, view, views: [{key, symbol, title, log, range, lines?: traces of a figure}],
 *         fresh?: a seed: strips at k·T/10, each level with a noise of its own,
 *         series?: [{name, label, light, dark, dash, alpha_bar}],   schedules, whose views are worked out here
 *         points?: [ᾱ, …],                                         the drawn schedule's, when it is among them
 *         sum?: [{symbol, label, value, view}], the bound's terms, each with the view that explains it
 *         open?: the view to open when this changes, progress?: {done, of, seconds, device}, table?: {title, head, rows}}
 * props  picture {n, x0, eps} for the strips; live {view, progress}
 *
 * A curve drawn by hand is told to the page as the setting `points`, the open view as `view`. The chart is plot.js, the
 * pictures strips.js, the curve under the hand grips.js.
 */

import { bytes, float64, int16, unit } from "../lib/bytes.js";
import * as clock from "../lib/clock.js";
import * as facts from "../lib/facts.js";
import { frame, slider as makeSlider } from "../lib/input.js";
import { inSight } from "../lib/page.js";
import * as settings from "../lib/settings.js";
import { follow as followPicture } from "../lib/shared.js";
import { number, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { shrunk } from "../maths/pictures.js";
import { through, written } from "../maths/schedule.js";
import { makeGrips } from "./grips.js";
import { make, plain, symbol } from "./parts.js";
import { makePlot } from "./plot.js";
import { makeStrips } from "./strips.js";

// What views and the terms of the bound are called in the glossary, where that has another name for them.
const TERMS = { error: "L_simple", terms: "L_t", share: "bits", posterior: "mu", variance: "beta_tilde" };
const SUM = ["L_T", "L_t", "L_0", "bits"];

const OWN = "custom"; // the name of the schedule that is drawn by hand
const FRESH = 1500; // ms for which points of the server's do not replace those under the hand

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount({ element, props, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const box = $(".curves");
  const slider = $(".clock input");
  const source = element;
  /** @type {import("./parts.js").State} */
  const state = { value: null, view: null, series: [], lines: [], points: null, picture: null, t: 0 };
  const moved = frame(move);
  const plot = makePlot(box, state, (t) => moved(t, true));
  const strips = makeStrips($(".strips"), state, (t) => moved(t, true));
  const grips = makeGrips($(".handles"), state, plot, { bend, settled: () => (known(), say("points", written(state.points))) });
  let opened = null; // value.open, when it was last obeyed
  let adopted = null; // the other widget's picture in hand
  let received = ""; // the picture that the server sent last
  let bent = ""; // the drawn curve, when it was last looked at
  let edited = 0; // when the drawn curve was last touched here
  let later = 0;

  // ---------------------------------------------------------------- what comes from the server

  function take() {
    const next = props.value;
    if (!next || !next.views) return;
    const first = !state.value;
    const value = (state.value = next);
    box.dataset.state = "ready";
    box.dataset.kind = value.series ? "schedules" : "figures";
    if (value.points && Date.now() - edited > FRESH) state.points = value.points.slice();
    if (!value.points) state.points = null;
    state.series = (value.series || []).map((one) => ({ ...one, a: float64(one.alpha_bar) }));
    redrawn();
    if (first) state.t = clock.t === null ? value.t : clock.t;
    state.t = clamp(state.t, 0, value.T);
    slider.max = value.T;
    slider.value = String(state.t);
    const key = state.view ? state.view.key : settings.get("view") || value.view;
    const open = value.open && value.open !== opened ? (opened = value.open) : key;
    state.view = value.views.find((one) => one.key === open) || value.views[0];
    words();
    strips.draw();
    draw();
    known();
  }
  /** What lessons may ask about (lib/facts.js). */
  function known() {
    const { series, t, value, points } = state;
    for (const { name, a } of series) {
      facts.tell(`schedules.half.${name}`, a.findIndex((share) => share <= 0.5));
      const every = Math.max(1, Math.floor(value.T / 50));
      facts.tell(`schedules.alpha_bar.${name}`, Array.from(a, (share, k) => [k, share]).filter(([k]) => k % every === 0));
    }
    if (series.length) {
      facts.tell("schedules.shown", series.length);
      facts.tell("schedules.t", t);
      const now = points && written(points);
      const before = bent || settings.state.defaults.points; // both may come at once: a curve, and other points for it
      if (now && before && now !== before) facts.count("schedules.drawn");
      bent = now || bent;
    } else if (value.sum?.length && value.progress?.done && value.progress.done === value.progress.of) {
      facts.tell("objective.bits", value.sum[value.sum.length - 1].value);
      const share = value.views.find((one) => one.key === "share");
      if (share) facts.tell("objective.half", share.values.bound);
      facts.count("objective.runs");
    }
  }
  /** While something is measured: one view, newer than the one in hand, and how far it is. */
  function takeLive() {
    const { live } = props;
    if (!live || !state.value) return;
    let { value } = state;
    const before = value.views.findIndex((one) => one.key === live.view.key);
    if (before < 0 || value.sum.some((term) => term.value !== null)) {
      value = { ...value, table: null, sum: (value.sum || []).map((term) => ({ ...term, value: null, view: null })) };
      inSight(box);
    }
    const others = value.views.filter((one) => !["terms", "share", live.view.key].includes(one.key));
    state.value = { ...value, progress: live.progress, views: [live.view, ...others] };
    opened = null;
    state.view = before < 0 ? live.view : state.value.views.find((one) => one.key === state.view.key) || live.view;
    words();
    draw();
  }
  /** The drawn curve's ᾱ from its points. */
  function redrawn() {
    const own = state.series.find((one) => one.name === OWN);
    if (own && state.points) own.a = through(state.points, state.value.T);
  }
  function takePicture() {
    const sent = props.picture;
    if (!sent || !sent.n) return;
    if (sent.x0 !== received) adopted = null; // another picture, not only another noise
    received = sent.x0;
    const x0 = adopted ? shrunk(adopted.x0, adopted.n, sent.n) : unit(bytes(sent.x0));
    state.picture = { n: sent.n, x0, eps: int16(sent.eps) };
    strips.draw();
    draw();
  }
  /** Another widget's picture (x0 of any size), shrunk to the size of ours; ε stays. */
  function adopt(other) {
    if (!state.picture || other === adopted) return;
    adopted = other;
    state.picture = { ...state.picture, x0: shrunk(other.x0, other.n, state.picture.n) };
    strips.draw();
    draw();
  }

  // ---------------------------------------------------------------- views and words

  function words() {
    buttons();
    sum();
    progress();
    table();
  }
  function buttons() {
    const { value, view } = state;
    const bar = $(".top .views");
    bar.hidden = value.views.length < 2;
    bar.setAttribute("aria-label", text("What to plot"));
    const keys = value.views.map((one) => one.key).join();
    if (bar.dataset.made !== keys) {
      bar.dataset.made = keys;
      bar.replaceChildren();
      for (const one of value.views) {
        const button = make("button", "", bar);
        button.type = "button";
        button.dataset.view = one.key;
        button.dataset.explain = TERMS[one.key] || one.key;
        symbol(button, one.symbol);
        button.title = text(one.title);
        button.setAttribute("aria-label", `${plain(one.symbol)}: ${text(one.title)}`);
        button.addEventListener("click", () => show(one.key));
      }
    }
    for (const button of bar.children) button.setAttribute("aria-pressed", String(button.dataset.view === view.key));
    $(".caption").textContent = text(view.caption || view.title, view.values);
  }
  function show(key) {
    state.view = state.value.views.find((one) => one.key === key) || state.view;
    say("view", state.view.key);
    buttons();
    sum();
    draw();
  }

  /** The bound as a sum: each term with its number, each opening the view that explains it. */
  function sum() {
    const { value, view } = state;
    const host = $(".sum");
    host.hidden = !value.sum;
    if (!value.sum) return;
    host.replaceChildren();
    value.sum.forEach((term, i) => {
      if (i) make("span", "sign", host).textContent = i === value.sum.length - 1 ? "=" : "+";
      const part = make(term.view ? "button" : "span", "term", host);
      part.dataset.explain = SUM[i];
      if (term.view) {
        part.type = "button";
        part.setAttribute("aria-pressed", String(view.key === term.view));
        part.addEventListener("click", () => show(term.view));
      }
      symbol(make("span", "symbol lab-math", part), term.symbol);
      make("span", "number", part).textContent = term.value === null ? "…" : number(term.value, 3);
      if (term.error) make("span", "error", part).textContent = `± ${number(term.error, 2)}`;
      make("span", "what", part).textContent = part.title = text(term.label);
    });
  }

  function progress() {
    const { done, of, seconds, device } = state.value.progress || {};
    const host = $(".progress");
    host.hidden = !of;
    if (!of) return;
    const bar = host.firstElementChild;
    bar.hidden = done === of;
    bar.value = done / of;
    bar.setAttribute("aria-label", text("Measured so far"));
    host.lastElementChild.textContent = text("{done} of {of} evaluations, {seconds} s on {device}", { done, of, seconds, device });
  }

  function table() {
    const { value } = state;
    const host = $(".table");
    host.hidden = !value.table;
    if (!value.table) return;
    host.replaceChildren();
    make("p", "", host).textContent = text(value.table.title);
    const grid = make("table", "", make("div", "scroll", host));
    const head = make("tr", "", make("thead", "", grid));
    for (const word of value.table.head) {
      const cell = symbol(make("th", "", head), text(word));
      cell.scope = "col";
    }
    const body = make("tbody", "", grid);
    for (const row of value.table.rows) {
      const line = make("tr", "", body);
      for (const cell of row) make("td", "", line).textContent = cell;
    }
  }

  // ---------------------------------------------------------------- the clock

  /** Everything about the open view anew; asked for twice in a frame, drawn once. */
  const draw = frame(() => {
    if (!state.value || !box.clientWidth) return;
    plot.draw();
    follow();
    grips.draw();
  });
  /** What else goes with t. */
  function follow() {
    const { t, value } = state;
    slider.style.setProperty("--share", String(t / value.T));
    slider.setAttribute("aria-valuetext", `t ${t}`);
    $(".clock output").textContent = `t = ${t}`;
    if (value.series && state.lines.length) strips.follow();
  }
  function move(next, tell) {
    state.t = clamp(Math.round(next), 0, state.value.T);
    if (Number(slider.value) !== state.t) slider.value = String(state.t);
    plot.follow();
    follow();
    if (state.series.length) facts.tell("schedules.t", state.t);
    if (tell) clock.tell(state.t, source);
  }
  slider.setAttribute("aria-label", text("Level t"));
  makeSlider(slider, (next) => move(next, true)); // a frame later would take back the next key's step
  clock.hear(element, source, (next) => state.value && moved(next, false));

  const say = (name, value) => window.dispatchEvent(new CustomEvent("lab:set", { detail: { name, value, source: "curves" } }));
  /** The drawn curve takes new points: curve, strip and numbers follow in this frame. */
  function bend(points) {
    state.points = points;
    edited = Date.now();
    redrawn();
    plot.bent(OWN);
    strips.bent(OWN);
    follow();
    grips.draw();
    clearTimeout(later);
    later = setTimeout(draw, 300); // the range of the axis may be another
  }

  // ---------------------------------------------------------------- begin

  new ResizeObserver(() => draw()).observe($(".chart"));
  const themed = new MutationObserver(() => state.value && (strips.draw(), draw()));
  themed.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  watch("value", take);
  watch("picture", takePicture);
  watch("live", takeLive);
  takePicture();
  take();
  followPicture(element, adopt);
  element.curves = { get lines() { return state.lines; } }; // for scripts and tests
}
