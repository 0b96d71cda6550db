/* Scrubber: the forward process under the hand. See scrubber.py for what it is sent.
 *
 * Everything that follows t is drawn by `show`, in one frame, from x0, ε and ᾱ; no request is made but by the two
 * buttons at the bottom (`look`, `chain`), and by `look` when it is set to follow.
 */

import { base64, bytes, float64, int16, unit } from "../lib/bytes.js";
import { paintRGB, pixels } from "../lib/canvas.js";
import { chart } from "../lib/chart.js";
import * as clock from "../lib/clock.js";
import { mapped } from "../lib/colour.js";
import * as facts from "../lib/facts.js";
import { calm, frame, pump, slider } from "../lib/input.js";
import * as settings from "../lib/settings.js";
import { share } from "../lib/shared.js";
import { announce, decibels, number, percent, text, write } from "../lib/words.js";
import { clamp, forward, histogram, normalPdf, snrDb } from "../maths/forward.js";
import { reduced, thinned } from "../maths/pictures.js";
import { levels } from "../maths/schedule.js";

const THUMB = 64; // pixels a side of the film strip's pictures
const BINS = 56;
const RANGE = [-3.5, 3.5]; // of the histogram
const SWEEP = 7000; // ms from clean to noise
const ASK = 64; // pixels a side of the picture sent to the network
const SOURCE = "scrubber"; // who tells the page's clock

/** One line for the ear: "t 600: 8 % signal, SNR −10.6 dB". */
export function told(t, alphaBar) {
  const values = { t, share: percent(alphaBar), snr: decibels(snrDb(alphaBar)) };
  return text("t {t}: {share} signal, SNR {snr}", values);
}

/** One line for the eye: what a person can still make out. */
export function verdict(alphaBar) {
  const db = snrDb(alphaBar);
  if (alphaBar === 1) return text("The clean picture.");
  if (db > 10) return text("A little grain.");
  if (db > 0) return text("More picture than noise.");
  if (db > -12) return text("More noise than picture.");
  if (db > -22) return text("Only the large shapes are left.");
  return text("To the eye, pure noise.");
}

/** The opening: clean to noise and back to `home`, slowly. t of `ms` since its start, or null at its end. */
export function opening(ms, T, home) {
  const out = 4200;
  const back = 2600;
  const ease = (u) => u * u * (3 - 2 * u);
  if (ms < out) return Math.round(T * ease(ms / out));
  if (ms < out + back) return Math.round(T + (home - T) * ease((ms - out) / back));
  return ms < out + back + 200 ? home : null;
}

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount({ element, props, server, watch }) {
  const root = element.querySelector(".lab-scrubber");
  const $ = (selector) => root.querySelector(selector);
  const canvas = (view) => $(`canvas[data-view=${view}]`);
  const state = { n: 0, T: 0, t: 0, playing: null, nearest: null };
  const counts = new Float64Array(BINS);
  let x0, eps, image, context, alphaBar, curve, curveChart, bars;
  let thumbs = [];

  // ------------------------------------------------------------ words

  root.setAttribute("aria-label", text("Forward process"));
  $(".equation").setAttribute("aria-label", text("x_t is the signal rate times x0 plus the noise rate times ε"));
  $(".strip").setAttribute("aria-label", text("Film strip: go to a level"));
  $(".level").setAttribute("aria-label", text("Level t"));
  $(".place .t").setAttribute("aria-label", text("Level t"));
  $(".curve figcaption").textContent = text("Share of the power that is the picture's");
  write($(".histogram figcaption"), text("Values of x_t against N(0, 1)"));
  $(".once").textContent = text("What does the U-Net see in this?");
  $(".ask label span").textContent = text("Live");
  $(".walk").textContent = text("Walk there step by step");

  const say = (selector, words) => ($(selector).textContent = words);
  const label = (node, words) => node.setAttribute("aria-label", words);
  const term = (name) => $(`.term[data-term=${name}]`);
  label(term("x_t"), `x_t: ${text("the noised picture")}`);
  label(term("x0"), `x0: ${text("the clean picture")}`);
  label(term("eps"), `ε: ${text("the noise")}`);
  const rates = [
    { node: term("signal"), name: `${text("signal rate")} √ᾱ`, of: (ab) => Math.sqrt(ab) },
    { node: term("noise"), name: `${text("noise rate")} √(1 − ᾱ)`, of: (ab) => Math.sqrt(1 - ab) },
  ];

  // ------------------------------------------------------------ what follows t

  /** Draw level t: picture, numbers, histogram, cursor, strip; all of it in this frame. */
  function show(t) {
    if (!state.n || !alphaBar) return;
    state.t = t = clamp(Math.round(t), 0, state.T);
    const ab = alphaBar[t];
    const signal = Math.sqrt(ab);
    const noise = Math.sqrt(1 - ab);
    forward(image.data, x0, eps, signal, noise);
    context.putImageData(image, 0, 0);

    const line = told(t, ab);
    const snr = decibels(snrDb(ab));
    label(canvas("x_t"), line);
    for (const { node, name, of } of rates) {
      const value = node.lastElementChild;
      value.textContent = number(of(ab), 3);
      value.style.setProperty("--rate", of(ab));
      label(node, `${name}: ${value.textContent}`);
    }
    say(".alpha", ab > 0 && ab < 0.001 ? ab.toExponential(1).replace("-", "−") : number(ab, 3));
    say(".snr", snr);
    say(".told", verdict(ab));
    facts.tell("noise.t", t);
    facts.tell("noise.alpha_bar", ab);
    facts.tell("noise.snr_db", snrDb(ab));

    const seen = histogram(counts, x0, eps, signal, noise, ...RANGE, Math.max(1, Math.round(x0.length / 60000)));
    const width = (RANGE[1] - RANGE[0]) / BINS;
    for (let i = 0; i < BINS; i++) counts[i] /= seen * width;
    bars.bars("x_t", counts, ...RANGE);
    curveChart.cursor(t, [ab]);

    const slider = $(".level");
    slider.value = t;
    slider.setAttribute("aria-valuetext", line);
    slider.style.setProperty("--share", state.T ? t / state.T : 0);
    if (document.activeElement !== $(".place .t")) $(".place .t").value = t;
    const nearest = thumbs[Math.round((t / state.T) * (thumbs.length - 1))];
    if (nearest === state.nearest) return;
    for (const thumb of thumbs) thumb.setAttribute("aria-current", thumb === nearest ? "true" : "false");
    state.nearest = nearest;
  }

  /** A move made here: draw it, tell the page, and let the network look if it follows. */
  function go(t, speak = false) {
    show(t);
    clock.tell(state.t, SOURCE);
    if (speak) announce(told(state.t, alphaBar[state.t]));
    follow();
  }

  function drawStrip() {
    const m = Math.min(THUMB, state.n);
    const small = { x0: thinned(x0, state.n, m, Float32Array), eps: thinned(eps, state.n, m, Int16Array) };
    const shown = levels(state.T);
    if (thumbs.length !== shown.length) {
      thumbs = shown.map(newThumb);
      $(".strip").replaceChildren(...thumbs);
    }
    thumbs.forEach((thumb, k) => {
      const t = shown[k];
      const face = thumb.firstChild;
      const image = face.width === m && thumb.image ? thumb.image : (thumb.image = pixels(m));
      face.width = face.height = m;
      forward(image.data, small.x0, small.eps, Math.sqrt(alphaBar[t]), Math.sqrt(1 - alphaBar[t]));
      face.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
      thumb.level = t;
      thumb.lastChild.textContent = t;
      label(thumb, told(t, alphaBar[t]));
    });
  }

  // ------------------------------------------------------------ what comes from the server

  function loadPicture() {
    const value = props.value;
    if (!value || !value.n) return;
    state.n = value.n;
    const clean = bytes(value.x0);
    x0 = unit(clean);
    eps = int16(value.eps);
    image = pixels(state.n);
    canvas("x_t").width = canvas("x_t").height = state.n;
    context = canvas("x_t").getContext("2d", { alpha: false });
    paintRGB(canvas("x0"), clean, state.n);
    forward(image.data, x0, eps, 0, 1);
    const face = canvas("eps");
    face.width = face.height = state.n;
    face.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
    label(canvas("x0"), `x0: ${value.picture || text("your picture")}`);
    label(canvas("eps"), `ε: ${text("noise of seed {seed}", { seed: value.seed })}`);
    share({ n: state.n, x0 }); // the Schedules tab shows it too
    forget();
    if (alphaBar) {
      drawStrip();
      show(state.t);
      follow();
    }
  }

  function loadCurve() {
    curve = props.curve;
    if (!curve || !curve.alpha_bar) return;
    alphaBar = float64(curve.alpha_bar);
    const before = state.T;
    state.T = alphaBar.length - 1;
    if (before && before !== state.T) {
      const { t } = settings.state.firm; // a link's or a receipt's own t is meant as it is
      state.t = t === undefined ? Math.round((state.t / before) * state.T) : Math.min(t, state.T);
    }
    for (const input of [$(".level"), $(".place .t")]) input.max = state.T;
    const ticks = [0, Math.round(state.T / 2), state.T];
    curveChart.domain({ x: [0, state.T], xTicks: ticks });
    const every = Math.max(1, Math.floor(state.T / 250));
    const ts = [];
    for (let t = 0; t < state.T; t += every) ts.push(t);
    ts.push(state.T);
    curveChart.line("alpha_bar", ts, ts.map((t) => alphaBar[t]));
    $(".curve figcaption").textContent = `${text("Share of the power that is the picture's")} · ${text(curve.title)}`;
    facts.tell("noise.half", alphaBar.findIndex((share) => share <= 0.5));
    forget();
    if (state.n) {
      drawStrip();
      show(state.t);
      if (before && before !== state.T) clock.tell(state.t, SOURCE);
      follow();
    }
  }

  /** What a question to the server carries besides the picture. */
  const question = () => {
    const small = reduced(x0, state.n, ASK);
    const checkpoint = settings.get("checkpoint");
    return { x0: base64(small.bytes), n: small.n, t: state.t, seed: props.value.seed, checkpoint, ...curve.settings };
  };

  const paint = (view, sent, n) => paintRGB(canvas(view), bytes(sent), n);
  const captions = (section, texts) => {
    root.querySelectorAll(`${section} figcaption`).forEach((node, k) => (node.textContent = texts[k]));
  };

  /**
   * A question whose answer appears in `section`: latest wins, and where the picture or the schedule has changed
   * meanwhile it is asked again about what is there now. `answered(answer)` draws it and returns the line above it.
   */
  function questionIn(section, ask, answered) {
    const note = $(`${section} .note`);
    const asked = () => {
      if (!note.textContent) note.textContent = text("One moment …");
      post({ x0, alphaBar });
    };
    const post = pump(
      () => ask(question()),
      (answer, about) => {
        if (!root.isConnected) return;
        if (about.x0 !== x0 || about.alphaBar !== alphaBar) return asked();
        note.textContent = answer.error || answered(answer);
        if (!answer.error) $(`${section} .pictures`).hidden = false;
      },
      () => (note.textContent = text("The server did not answer.")),
    );
    return asked;
  }

  const look = questionIn(".look", (asked) => server.look(asked), (answer) => {
    const { n, t } = answer;
    paint("seen", answer.x, n);
    paint("x0_hat", answer.x0_hat, n);
    paint("truth", answer.x0, n);
    paintRGB(canvas("error"), mapped(bytes(answer.gap), "viridis"), n);
    const values = { t, size: n, rmse: number(answer.rmse, 3), ms: Math.round(answer.ms) };
    const texts = [
      text("what it gets, {size} × {size}", values),
      text("x̂0, what it sees"),
      text("x0, the truth"),
      text("error, 0 to 2"),
    ];
    captions(".look", texts);
    ["seen", "x0_hat", "truth", "error"].forEach((view, k) => label(canvas(view), `${texts[k]}, t ${t}`));
    label(canvas("x0_hat"), `x̂0, ${told(t, alphaBar[t])}, ${text("model error {rmse}", values)}`);
    facts.tell("noise.looked", t);
    return text("t {t}: root mean square error {rmse}, in {ms} ms", values);
  });
  function follow() {
    if ($(".live").checked) look();
  }
  $(".once").addEventListener("click", look);
  $(".live").addEventListener("change", () => {
    $(".look .note").setAttribute("aria-live", $(".live").checked ? "off" : "polite"); // a number a frame is no news
    follow();
  });

  const chain = questionIn(".chain", (asked) => server.chain(asked), (answer) => {
    paint("chain", answer.chain, answer.n);
    paint("jump", answer.jump, answer.n);
    const texts = [text("{t} steps", { t: answer.t }), text("one jump")];
    captions(".chain", texts);
    ["chain", "jump"].forEach((view, k) => label(canvas(view), texts[k]));
    const heads = root.querySelectorAll(".chain th[scope=col]");
    heads[0].textContent = text("mean");
    heads[1].textContent = text("standard deviation");
    const { chain: walked, jump, theory } = answer.told;
    const names = [...texts, text("in theory")];
    const rows = [walked, jump, theory].map((row, k) => {
      const line = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.textContent = names[k];
      line.append(name);
      for (const moment of [row.mean, row.std]) line.insertCell().textContent = number(moment, 4);
      return line;
    });
    $(".chain tbody").replaceChildren(...rows);
    facts.tell("noise.walked", answer.t);
    return text("Fresh noise at each step, and yet the same distribution.");
  });
  $(".walk").addEventListener("click", chain);

  /** Another picture or schedule: what was answered about the last one goes (live, its place stays). */
  function forget() {
    $(".look .pictures").hidden ||= !$(".live").checked;
    $(".chain .pictures").hidden = true;
    for (const note of root.querySelectorAll(".note")) note.textContent = "";
  }

  // ------------------------------------------------------------ hands

  curveChart = chart($(".curve div"), {
    x: [0, 1000], y: [0, 1], xTicks: [], yTicks: [0, 0.5, 1], height: 160, fluid: true, label: text("ᾱ over t"),
  });
  curveChart.onDrag((t) => {
    stop();
    drag(t);
  });
  const drag = frame((t) => go(t, true));
  bars = chart($(".histogram div"), {
    x: RANGE, y: [0, 0.85], xTicks: [-3, -1, 1, 3], height: 160, fluid: true, margin: { l: 8 },
    label: text("Histogram of x_t against the normal density"),
  });
  const grid = Array.from({ length: 71 }, (_, k) => RANGE[0] + k / 10);
  bars.bars("x_t", counts, ...RANGE);
  bars.line("normal", grid, grid.map((x) => normalPdf(x)), { className: "b", dash: "4 3" });

  function newThumb() {
    /** @type {any} */
    const thumb = document.createElement("button");
    thumb.type = "button";
    thumb.append(document.createElement("canvas"), document.createElement("span"));
    thumb.addEventListener("click", () => {
      stop();
      go(thumb.level, true);
    });
    return thumb;
  }
  slider(
    $(".level"),
    (t) => {
      stop();
      go(t);
    },
    { wheelOver: canvas("x_t") },
  );
  $(".place .t").addEventListener("input", (event) => {
    if (event.target.value === "") return;
    stop();
    go(Number(event.target.value));
  });
  $(".place .t").addEventListener("blur", (event) => (event.target.value = state.t));

  for (const node of root.querySelectorAll("[data-term]")) {
    const light = (on) => () => {
      const terms = node.dataset.term;
      for (const other of root.querySelectorAll(`[data-term="${terms}"]`)) other.classList.toggle("lit", on);
      root.classList.toggle("lighting", on);
    };
    for (const name of ["pointerenter", "focusin"]) node.addEventListener(name, light(true));
    for (const name of ["pointerleave", "focusout"]) node.addEventListener(name, light(false));
  }

  // ------------------------------------------------------------ playing

  /** Move along `path(ms)`, a level, until it is null; `step` shows a level. */
  function play(path, step = go) {
    let before = null;
    let ms = 0;
    const tick = (now) => {
      if (state.playing !== tick || !root.isConnected) return;
      ms += Math.min(100, now - (before ?? now)); // a page that was busy or hidden goes on where it was
      before = now;
      const t = path(ms);
      if (t === null) return stop();
      if (t !== state.t) step(t);
      requestAnimationFrame(tick);
    };
    state.playing = tick;
    root.classList.add("playing");
    label($(".play"), text("Pause"));
    requestAnimationFrame(tick);
  }
  function stop() {
    state.playing = null;
    root.classList.remove("playing");
    label($(".play"), text("Play"));
  }
  $(".play").addEventListener("click", () => {
    if (state.playing) return stop();
    const from = state.t >= state.T ? 0 : state.t;
    play((ms) => (ms > SWEEP * (1 - from / state.T) ? (state.t < state.T ? state.T : null) : Math.round(from + (ms / SWEEP) * state.T)));
  });
  stop();

  // ------------------------------------------------------------ begin

  clock.hear(element, SOURCE, (t) => {
    stop();
    show(t);
    follow();
  });
  watch("value", loadPicture);
  watch("curve", loadCurve);
  const linked = Number(settings.get("t") ?? NaN);
  state.t = clock.t ?? (Number.isFinite(linked) ? linked : props.t);
  loadCurve();
  loadPicture();

  // What moves before any click: once a visit, where it is wanted, and only until somebody does something.
  if (clock.t === null && !calm() && !new URLSearchParams(location.search).has("t")) {
    const home = state.t;
    const hands = ["pointerdown", "keydown", "wheel"];
    const leave = () => {
      if (state.playing) stop();
      for (const name of hands) window.removeEventListener(name, leave, true);
    };
    for (const name of hands) window.addEventListener(name, leave, true);
    play((ms) => opening(ms, state.T, home), show); // not told to the page: its link stays as it is
  }
  root.lab = { show, go, state };
}
