/* Points: a small net learns the score of a cloud, here in the page; beside it the exact one. The training runs in a worker. */

import * as clock from "../lib/clock.js";
import * as facts from "../lib/facts.js";
import { float64 } from "../lib/bytes.js";
import { chart } from "../lib/chart.js";
import { css } from "../lib/colour.js";
import { frame, slider } from "../lib/input.js";
import { announce, number, percent, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { EXTENT } from "../maths/mixture.js";
import { drawParticles, drawScore, plate } from "./scene.js";

const MOST_POINTS = 200; // of a drawing
const LIVE = ["loss", "rate", "batch"]; // what may change while it learns; anything else begins anew

/** Ends of an axis that holds these values, with round ticks; where all are zero it goes to one. */
function scale(values) {
  const most = Math.max(0, ...values.filter(Number.isFinite)),
    high = most ? Math.max(1e-3, most) : 1,
    unit = 10 ** Math.floor(Math.log10(high)),
    top = [1, 2, 5, 10].find((m) => m * unit >= high) * unit;
  return { y: [0, top], yTicks: [0, top / 2, top] };
}

export function mount({ element, props, watch }) {
  const host = element.querySelector(".points"),
    $ = (selector) => host.querySelector(selector),
    all = (selector) => [...host.querySelectorAll(selector)];
  const score = plate($("[data-view=score]")),
    particles = plate($("[data-view=particles]")),
    range = $(".level input"),
    source = element.id;
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  let given = null, // the value in hand
    key = "", // what the training was begun with
    news = null, // what the worker told last
    playing = false,
    drawing = [], // points of a cloud drawn by hand
    pen = [0, 0];

  // ------------------------------------------------------------------------------------------------------ charts
  const tick = (value, axis) => (axis === "x" ? String(Math.round(value)) : number(value, value && value < 0.1 ? 2 : 1));
  const losses = chart($("[data-chart=loss]"), {
    x: [0, 100], y: [0, 1], xTicks: [0, 100], yTicks: [0, 0.5, 1], height: 130, fluid: true, format: tick,
    label: text("Loss against steps"),
  });
  const levels = chart($("[data-chart=levels]"), {
    x: [0, 1], y: [0, 1], xTicks: [0, 1], yTicks: [0, 0.5, 1], height: 130, fluid: true, label: text("Loss by noise level"),
    format: (value, axis) => (axis === "x" ? (value ? "T" : "0") : tick(value, "y")),
  });
  function drawCharts() {
    const { batch, mean, every } = news.losses,
      xs = batch.map((_, k) => (k + 1) * every),
      high = Math.max(news.steps, 10);
    const sorted = [...batch].sort((a, b) => a - b),
      most = sorted[Math.floor(0.98 * (sorted.length - 1))] || 1;
    losses.domain({ x: [0, high], xTicks: [0, high], ...scale([most, ...mean.slice(-1)]) });
    losses.line("batch", xs, batch, { className: "c thin" });
    losses.line("mean", xs, mean, { className: "a" });
    const bars = [...news.byLevel].map((value) => (Number.isFinite(value) ? value : 0));
    levels.domain(scale(bars));
    levels.bars("levels", bars, 0, 1);
  }

  // ------------------------------------------------------------------------------------------------------ what is seen
  const paint = {};
  function palette() {
    host.classList.toggle("dim", document.body.classList.contains("dark"));
    for (const name of ["wrong", "exact", "ink", "particle"]) paint[name] = css(host, `--points-${name}`);
    paint.exactInk = css(host, "--points-exact-ink");
    paint.ground = css(host, "--background-fill-secondary") || "#fff";
  }
  const put = (node, value) => node.textContent === value || (node.textContent = value);
  const isDrawing = () => given.cloud === "draw";

  const draw = frame(() => {
    if (!given || !host.isConnected) return;
    palette();
    const shown = score.fit();
    particles.fit();
    if (!shown) return;
    put($(".hint"), text("Draw points here: drag, or move with the arrow keys and press Enter."));
    $(".hint").hidden = !isDrawing() || drawing.length > 0;
    $(".pen").hidden = !isDrawing() || !drawing.length;
    particles.canvas.classList.toggle("drawing", isDrawing());
    if (!news) {
      for (const p of [score, particles]) {
        p.context.fillStyle = paint.ground;
        p.context.fillRect(0, 0, p.size, p.size);
      }
      put($(".count"), "");
      return;
    }
    drawScore(score, news.score, paint);
    drawParticles(particles, { ...news.particles, data: isDrawing() ? [...drawing, ...pen] : null }, paint);
    drawCharts();
    const said = text("{steps} steps in {seconds} s of learning · loss {loss}", {
      steps: news.steps,
      seconds: number(news.seconds, 1),
      loss: news.steps ? number(news.mean, 3) : "–",
    });
    const learnt = text("The net knows {share} of what there is to learn of the score.", {
      share: percent(Math.max(0, news.learnt)),
    });
    put($(".count"), said);
    put($(".status"), learnt);
    score.canvas.setAttribute("aria-label", `${text("The score at t {t}: arrows learnt, over exact ones", { t: news.t })}. ${learnt}`);
    particles.canvas.setAttribute("aria-label", `${text("Particles that the net denoised, beside exact ones")}. ${said}`);
    const numbers = { steps: news.steps, learnt: news.learnt.toFixed(4), seconds: news.seconds.toFixed(2), shownT: news.t };
    Object.assign(host.dataset, { ...numbers, seed: given.settings.seed, playing });
    facts.tell("train.seen", news.steps * given.settings.batch);
    facts.tell("train.loss", news.mean);
  });
  worker.onmessage = ({ data }) => {
    if (!host.isConnected) return worker.terminate();
    news = data;
    draw();
  };

  // ------------------------------------------------------------------------------------------------------ training
  const ready = () => given && (!isDrawing() || drawing.length >= 4);
  function play(on) {
    playing = on && ready();
    worker.postMessage({ run: playing });
    host.classList.toggle("playing", playing);
    host.dataset.playing = playing;
    const label = playing ? text("Pause") : text("Play");
    $(".play").setAttribute("aria-label", label);
    $(".play").title = label;
    if (!playing && news && news.steps) announce($(".status").textContent);
  }
  function begin() {
    play(false);
    news = null;
    const points = isDrawing() ? drawing : given.points;
    if (points.length) {
      worker.postMessage({
        start: { points, std: given.std, alphaBar: float64(given.alpha_bar), settings: given.settings },
        look: { t: Number(range.value) },
      });
    }
    draw();
  }
  function take() {
    const next = props.value;
    if (!next || !next.alpha_bar) return;
    const before = given && given.T;
    given = next;
    const fixed = Object.entries(next.settings).filter(([name]) => !LIVE.includes(name)),
      wanted = JSON.stringify([next.cloud, next.alpha_bar, fixed]);
    if (before !== next.T) {
      range.max = next.T;
      look(clock.t ?? Math.round(0.3 * next.T), false);
    }
    if (wanted !== key) {
      const going = playing; // whoever has pressed Play sees the new one learnt
      key = wanted;
      begin();
      if (going) play(true);
    } else worker.postMessage({ settings: Object.fromEntries(LIVE.map((name) => [name, next.settings[name]])) });
  }

  // ------------------------------------------------------------------------------------------------------ the level
  function look(t, ours = true) {
    const at = clamp(Math.round(t), 1, Number(range.max));
    range.value = at;
    range.style.setProperty("--share", (at - 1) / Math.max(1, range.max - 1));
    put($(".level output"), String(at));
    worker.postMessage({ look: { t: at } });
    if (ours) clock.tell(at, source);
  }
  slider(range, (value) => look(value));
  clock.hear(host, source, (t) => look(t, false));

  // ------------------------------------------------------------------------------------------------------ drawing
  function add(x, y) {
    if (drawing.length >= 2 * MOST_POINTS) return;
    drawing = [...drawing, clamp(x, -EXTENT, EXTENT), clamp(y, -EXTENT, EXTENT)];
    begin();
  }
  let stroke = null;
  const place = (event) => {
    const box = particles.canvas.getBoundingClientRect();
    return [
      EXTENT * ((2 * (event.clientX - box.left)) / box.width - 1),
      EXTENT * (1 - (2 * (event.clientY - box.top)) / box.height),
    ];
  };
  particles.canvas.addEventListener("pointerdown", (event) => {
    if (!given || !isDrawing() || event.button) return;
    particles.canvas.setPointerCapture(event.pointerId);
    pen = stroke = place(event);
    add(...stroke);
  });
  particles.canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const at = place(event);
    if (Math.hypot(at[0] - stroke[0], at[1] - stroke[1]) < 0.18) return;
    pen = stroke = at;
    add(...at);
  });
  for (const name of ["pointerup", "pointercancel"]) particles.canvas.addEventListener(name, () => (stroke = null));
  particles.canvas.addEventListener("keydown", (event) => {
    if (!given || !isDrawing()) return;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (by) pen = pen.map((v, k) => clamp(v + by[k] * (event.shiftKey ? 0.5 : 0.1), -EXTENT, EXTENT));
    else if (event.key === "Enter") add(...pen);
    else if (event.key === "Backspace") undo();
    else return;
    event.preventDefault();
    draw();
  });
  function undo() {
    drawing = drawing.slice(0, -2);
    begin();
  }
  $(".undo").onclick = undo;
  $(".clear").onclick = () => {
    drawing = [];
    begin();
  };

  // ------------------------------------------------------------------------------------------------------ words
  host.setAttribute("aria-label", text("A net learns the score of a cloud of points"));
  const captions = all("figcaption");
  put(captions[0].firstChild, text("The score at t"));
  put(captions[1].firstChild, text("Particles from noise, 20 steps"));
  put(captions[2], text("Loss against steps: of each batch, and its running mean"));
  put(captions[3], text("Loss by noise level, t from 0 to T"));
  [text("exact"), text("learnt"), text("difference"), text("exact"), text("the net's")].forEach((word, k) => put(all(".key em")[k], word));
  put($(".level span"), text("Level t"));
  range.setAttribute("aria-label", text("Level t"));
  for (const [name, label] of Object.entries({
    next: text("One step"),
    again: text("Begin anew, with the same seed"),
    undo: text("Undo the last point"),
    clear: text("Clear"),
  })) {
    $(`.${name}`).setAttribute("aria-label", label);
    $(`.${name}`).title = label;
  }
  put($(".undo"), text("Undo"));
  put($(".clear"), text("Clear"));
  $(".play").onclick = () => play(!playing);
  $(".next").onclick = () => {
    play(false);
    if (ready()) worker.postMessage({ step: true });
  };
  $(".again").onclick = begin;
  new ResizeObserver(draw).observe(score.canvas);
  new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  watch("value", take);
  play(false);
  take();
}
