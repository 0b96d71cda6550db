/* The score field: q_t of a point cloud, its score, and particles that follow it, on the page's clock t. Four ways to
 * move: "forward" (noise), "reverse" (a sampler's run, computed by the server, played here), and computed here "langevin"
 * and "ascent", the same without its noise.
 *
 * The mathematics is maths/mixture.js, the looks painter.js, the words words.js, points of one's own drawing.js.
 */

import { bytes, float32, float64, int16, unit } from "../lib/bytes.js";
import { pixels } from "../lib/canvas.js";
import { svg } from "../lib/chart.js";
import * as clock from "../lib/clock.js";
import * as facts from "../lib/facts.js";
import { calm, frame as onceAFrame, slider } from "../lib/input.js";
import * as settings from "../lib/settings.js";
import { number, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { ascent, frameAt, langevin, mixture, normals, spread, spreadOf, timeAt } from "../maths/mixture.js";
import { alphaAt } from "../maths/schedule.js";
import { makeDrawing } from "./drawing.js";
import { painter as makePainter } from "./painter.js";
import { makeWords, put } from "./words.js";

const RUN_SECONDS = 7; // a whole run at speed 1
const LANGEVIN_RATE = 30; // Langevin steps a second at speed 1
const TAIL = 8; // Langevin: how many steps behind it a particle shows

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const host = ui.element.querySelector(".field"),
    $ = (s) => host.querySelector(s),
    all = (s) => [...host.querySelectorAll(s)];
  const source = ui.element.id || "field";
  const canvas = $("canvas.big"),
    range = $(".track input"),
    stepRange = $(".step input"),
    playButton = $(".play"),
    modes = all(".modes input");

  /** @type {Float64Array} */
  let alphaBar = Float64Array.of(1, 0);
  let stepSize = 0.1,
    seed = 0;
  const scene = {
    cloud: null, // {name, std, points, version}
    version: 0, // counts the clouds, whoever changed them
    mix: null, // its mixture
    data: null, // some of its points, each with its own ε: {x0, eps, now}
    run: null, // a sampler's
    walk: null, // of Langevin and ascent: {xs, tail, steps, normal}
    get walks() {
      return scene.mode === "langevin" || scene.mode === "ascent";
    },
    get stepSize() {
      return stepSize;
    },
    picture: null,
    mode: "reverse",
    t: 0,
    T: 1,
    u: 0, // the frame of the run, with parts of it
    probe: [0.9, 1.3],
    term: "", // of the formula, in hand
    layer: (name) => $(`.layers input[value=${name}]`).checked,
    alpha: (t = scene.t) => alphaAt(alphaBar, t),
    get drawing() {
      return Boolean(scene.cloud && scene.cloud.name === "draw");
    },
  };
  const painter = makePainter(host);
  const redraw = onceAFrame(draw);
  const words = makeWords(host, scene, ui.props.katex);
  const drawing = makeDrawing(host, scene, {
    send: (drawn) => ui.trigger("drawn", drawn), redraw, pause, moveTo, probeText: words.probeText,
  });
  let playing = false,
    speed = 1,
    last = 0,
    owed = 0;

  /**
   * While a slow machine plays, field and numbers follow at 10 a second, so that the particles keep their pace.
   * (What moves by hand, and the last frame, is drawn whole.)
   */
  let pace = 16;
  const drawnAt = { ground: 0, numbers: 0 };
  function due(part) {
    const time = performance.now();
    if (playing && pace > 22 && time - drawnAt[part] < 100) return false;
    drawnAt[part] = time;
    return true;
  }

  function draw() {
    if (!scene.cloud || !painter.size) return; // not on show
    const s = painter.draw(scene, due);
    range.value = scene.t;
    range.style.setProperty("--share", scene.t / scene.T);
    if (due("numbers")) words.write(s, scene.alpha());
  }

  // ------------------------------------------------------------------------------------------------- time moves
  function showPlay() {
    host.classList.toggle("playing", playing);
    playButton.setAttribute("aria-label", playing ? text("Pause") : text("Play"));
    playButton.title = playButton.getAttribute("aria-label");
  }
  function pause() {
    if (playing) {
      playing = false;
      tell();
    }
    showPlay();
  }
  /** The page hears of t: in whole steps, and not of every frame that plays (its controls and its address follow). */
  let told = 0;
  function tell() {
    const now = performance.now(),
      whole = Math.round(scene.t);
    if (whole === clock.t || (playing && now - told < 250)) return;
    told = now;
    clock.tell(whole, source);
  }
  /** Put the clock at `value`; the run and, unless it came from there, the page follow. */
  function moveTo(value, ours = true) {
    scene.t = clamp(value, 0, scene.T);
    if (scene.run && scene.mode === "reverse") scene.u = frameAt(scene.run.t, scene.t);
    if (ours) tell();
    facts.tell("score.t", scene.t);
    redraw();
  }
  function moveRun(frame) {
    scene.u = clamp(frame, 0, scene.run.frames - 1);
    scene.t = timeAt(scene.run.t, scene.u);
    tell();
  }
  function step(by) {
    pause();
    if (scene.mode === "reverse" && scene.run)
      moveRun(by > 0 ? Math.floor(scene.u + 1e-6) + 1 : Math.ceil(scene.u - 1e-6) - 1);
    else if (scene.walks) {
      if (by > 0) walkOn(1);
    } else return moveTo(scene.t + by * Math.max(1, Math.round(scene.T / 50)));
    redraw();
  }
  function walkOn(steps) {
    const { walk } = scene;
    for (let i = 0; i < steps; i++) {
      walk.tail.push(walk.xs.slice());
      if (walk.tail.length > TAIL) walk.tail.shift();
      if (scene.mode === "ascent") ascent(scene.mix, scene.alpha(), walk.xs, stepSize);
      else langevin(scene.mix, scene.alpha(), walk.xs, stepSize, walk.normal);
    }
    walk.steps += steps;
    facts.tell("score.spread", spread(walk.xs) / spreadOf(scene.mix, scene.alpha()));
    facts.tell(`score.${scene.mode}`, walk.steps);
  }
  /** A walk starts from N(0, 1), with the seed of the page. */
  const walkers = () => (scene.run ? scene.run.particles : 200);
  const walkKey = () => [seed, walkers(), scene.mix.std, ...scene.cloud.points].join();
  function startWalk() {
    const normal = normals(seed);
    scene.walk = { key: walkKey(), xs: Float64Array.from({ length: 2 * walkers() }, normal), tail: [], steps: 0, normal };
  }
  function setStep(value) {
    stepSize = clamp(Number(value), ui.props.step_size.low, ui.props.step_size.high);
    stepRange.value = Math.log10(stepSize);
    stepRange.style.setProperty("--share", (stepRange.value - stepRange.min) / (stepRange.max - stepRange.min));
    put($(".step output"), number(stepSize, 3));
    stepRange.setAttribute("aria-valuetext", number(stepSize, 3));
  }
  function tick(time) {
    if (!playing || !host.isConnected) return;
    const seconds = Math.min(0.1, (time - last) / 1000 || 0) * speed;
    pace += 0.1 * (Math.min(100, time - last) - pace);
    last = time;
    if (scene.walks) {
      owed += seconds * LANGEVIN_RATE;
      walkOn(Math.floor(owed));
      owed -= Math.floor(owed);
    } else if (scene.mode === "reverse" && scene.run) {
      moveRun(scene.u + (seconds * (scene.run.frames - 1)) / RUN_SECONDS);
      if (scene.u >= scene.run.frames - 1) pause();
    } else {
      scene.t = Math.min(scene.T, scene.t + (seconds * scene.T) / RUN_SECONDS);
      tell();
      if (scene.t >= scene.T) pause();
    }
    draw();
    if (playing) requestAnimationFrame(tick);
  }
  function play() {
    if (playing) return pause();
    if (!scene.mix || !scene.mix.K || (scene.mode === "reverse" && !scene.run)) return;
    if (scene.mode === "reverse" && scene.u >= scene.run.frames - 1 - 1e-6) moveRun(0);
    if (scene.mode === "forward" && scene.t >= scene.T) moveTo(0);
    if (scene.walks && !scene.walk) startWalk();
    playing = true;
    owed = 0;
    last = performance.now();
    showPlay();
    requestAnimationFrame(tick);
  }
  function again() {
    if (!scene.mix || !scene.mix.K) return;
    if (scene.mode === "reverse" && scene.run) moveRun(0);
    else if (scene.walks) startWalk();
    else moveTo(0);
    redraw();
  }
  function setMode(name) {
    pause();
    scene.mode = name;
    host.dataset.mode = scene.mode;
    for (const input of modes) input.checked = input.value === name;
    if (scene.walks && scene.mix && scene.mix.K) {
      startWalk();
      if (scene.t < 0.05 * scene.T) moveTo(0.25 * scene.T); // at t = 0 the steps are of size 0
    }
    if (scene.mode === "reverse") moveTo(scene.t);
    redraw();
  }

  // ------------------------------------------------------------------------------------------------- what arrives
  /** Which share of a run's particles end near a point of the cloud: within three of its standard deviations. */
  function near({ paths, particles, frames }, { points, std }) {
    const reach = (3 * std + 0.05) ** 2;
    let count = 0;
    for (let k = 2 * particles * (frames - 1); k < 2 * particles * frames; k += 2) {
      let best = Infinity;
      for (let j = 0; j < points.length; j += 2) best = Math.min(best, (paths[k] - points[j]) ** 2 + (paths[k + 1] - points[j + 1]) ** 2);
      if (best <= reach) count++;
    }
    return count / particles;
  }
  function take() {
    const { value } = ui.props;
    if (!value || drawing.outdated(value.cloud)) return;
    const first = !scene.cloud;
    scene.cloud = { ...value.cloud, points: Float64Array.from(value.cloud.points.flat()), version: ++scene.version };
    scene.mix = mixture(scene.cloud.points, scene.cloud.std);
    alphaBar = float64(value.alpha_bar);
    scene.T = alphaBar.length - 1;
    seed = value.seed;
    const x0 = float32(value.data.x0);
    scene.data = { x0, eps: float32(value.data.eps), now: new Float32Array(x0.length) };
    scene.run = value.run && { ...value.run, paths: float32(value.run.paths) };
    if (scene.run) facts.tell("score.near", near(scene.run, scene.cloud));
    const { picture } = value;
    scene.picture = { size: picture.n, image: pixels(picture.n), x0: unit(bytes(picture.x0)), eps: int16(picture.eps) };
    range.max = scene.T;
    drawing.show();
    drawTicks();
    if (scene.walk && scene.walk.key !== walkKey()) scene.walk = null; // it was of other points, or another seed
    if (scene.walks && scene.mix.K && !scene.walk) startWalk();
    setStep(settings.get("step_size") ?? value.step_size);
    if (first) moveTo(clock.t === null ? (calm() ? 0.4 * scene.T : scene.T) : clock.t, false);
    else moveTo(scene.t, false);
    const motion = first && settings.get("motion");
    if (modes.some((input) => input.value === motion) && motion !== scene.mode) setMode(motion);
    else if (first && clock.t === null && !calm()) play();
  }
  /** Marks where the sampler stands still to ask: its levels. */
  function drawTicks() {
    const ticks = $(".ticks");
    ticks.replaceChildren();
    if (!scene.run || scene.run.frames > 130) return;
    for (const at of scene.run.t) {
      const x = `${(100 * at) / scene.T}%`;
      svg("line", { x1: x, x2: x, y1: 0, y2: 5 }, ticks);
    }
  }

  // ------------------------------------------------------------------------------------------------- hands
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !scene.cloud) return;
    const onCanvas = event.target === canvas,
      typing = event.target.matches("select, button, input:not([type=range])");
    let done = true;
    if (onCanvas && drawing.key(event)) done = true;
    else if (onCanvas && (event.key === "PageUp" || event.key === "PageDown")) {
      pause();
      moveTo(scene.t + ((event.key === "PageUp" ? 1 : -1) * scene.T) / 20);
    } else if (event.key === " " && !typing) play();
    else if (event.key === "," && !event.target.matches("select")) step(-1);
    else if (event.key === "." && !event.target.matches("select")) step(1);
    else done = false;
    if (done) event.preventDefault();
  });
  slider(
    range,
    (value) => {
      pause();
      moveTo(value);
    },
    { wheelOver: canvas },
  );
  playButton.onclick = play;
  $(".back").onclick = () => step(-1);
  $(".next").onclick = () => step(1);
  $(".again").onclick = again;
  $(".speed").onchange = (event) => (speed = Number(event.target.value));
  for (const input of modes)
    input.onchange = () => {
      setMode(input.value);
      settings.put("motion", input.value, source);
    };
  for (const input of all(".layers input")) input.onchange = redraw;

  /** A term in hand: its number, its sign in the formula and its mark in the picture. */
  function light(name) {
    scene.term = name;
    for (const node of all("[data-term]")) node.classList.toggle("lit", Boolean(name) && node.dataset.term === name);
    redraw();
  }
  for (const event of ["pointerover", "focusin"])
    $(".side").addEventListener(event, (e) => light(e.target.closest("[data-term]")?.dataset.term || ""));
  for (const event of ["pointerleave", "focusout"]) $(".side").addEventListener(event, () => light(""));

  settings.shortcuts(
    [", .", "Score: one step back, one step on"],
    ["⏎ ⌫", "Score: place a point of your own, take it back"],
  );
  showPlay();
  host.dataset.mode = scene.mode;
  window.addEventListener("lab:set", ({ detail }) => {
    if (!host.isConnected) return;
    if (detail.name === "step_size") setStep(detail.value);
    if (detail.name === "motion" && detail.value !== scene.mode) setMode(detail.value);
  });
  Object.assign(stepRange, {
    min: Math.log10(ui.props.step_size.low),
    max: Math.log10(ui.props.step_size.high),
    step: 0.01,
  });
  slider(stepRange, (value) => {
    setStep(10 ** value);
    settings.put("step_size", +stepSize.toPrecision(2), source);
  });
  clock.hear(host, source, (value) => {
    playing = false;
    showPlay();
    moveTo(value, false);
  });
  new ResizeObserver(() => {
    if (!painter.fit()) pause(); // another tab is open: its clock is left alone
    draw();
  }).observe(canvas);
  new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  ui.watch("value", take);
  take();
}
