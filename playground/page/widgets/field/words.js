/* The score field in words and numbers: what its canvases say to the ear, the numbers at the pointer, the formula. */

import { decibels, number, percent, text } from "../lib/words.js";
import { snrDb } from "../maths/forward.js";
import { spread, spreadOf } from "../maths/mixture.js";

const FORMULA = [
  "\\htmlData{term=score}{\\nabla_{\\!x}\\log q_t(x)}\\;=\\;-\\,\\frac{\\htmlData{term=eps}{\\hat\\varepsilon(x,t)}}" +
    "{\\htmlData{term=noise}{\\sqrt{1-\\bar\\alpha_t}}}",
  "∇log q_t(x) = −ε̂(x, t) / √(1−ᾱ_t)",
];
const SYMBOLS = {
  // TeX, and plain letters for where it can't be set
  point: ["x", "x"],
  density: ["q_t(x)", "q_t(x)"],
  score: ["\\nabla_{\\!x}\\log q_t", "∇log q_t"],
  eps: ["\\hat\\varepsilon", "ε̂"],
  noise: ["\\sqrt{1-\\bar\\alpha_t}", "√(1−ᾱ_t)"],
  x0: ["\\hat x_0", "x̂0"],
};

const TERMS = { point: "x_t", density: "q_t", score: "score", eps: "eps_hat", noise: "noise_rate", x0: "x0_hat" }; // the glossary's

const short = (v) => number(v, Math.abs(v) < 9.995 ? 2 : Math.abs(v) < 99.95 ? 1 : 0);
const small = (v) => (v === 0 || v >= 0.01 ? number(v, 3) : v < 5e-5 ? "< 0.0001" : number(v, 4));
const vector = (x, y) => `(${short(x)}, ${short(y)})`;

/** Sets a node's text where it is another. */
export const put = (node, value) => {
  if (node.textContent !== value) node.textContent = value;
};

/** Writes about `scene` (field.js) into the widget `host`; `katex` is where Gradio's typesetter is, {js, css}. */
export function makeWords(host, scene, katex) {
  const $ = (s) => host.querySelector(s),
    all = (s) => [...host.querySelectorAll(s)];
  const canvas = $("canvas.big"),
    twin = $("canvas[data-view=q_t]"),
    photo = $("canvas[data-view=x_t]"),
    range = $(".track input");
  const cells = {};
  let titles = {};

  function clockText(ab) {
    return text("t {t}: {signal} signal, SNR {snr}", { t: Math.round(scene.t), signal: percent(ab), snr: decibels(snrDb(ab)) });
  }
  function probeText(s) {
    if (!s) return "";
    const values = { x: vector(...scene.probe), score: vector(s.sx, s.sy), eps: vector(s.ex, s.ey) };
    return text("At {x}: score {score}, expected noise {eps}.", values);
  }
  function statusText() {
    if (scene.drawing && !scene.mix.K) return "";
    if (scene.mode === "forward") return text("Each point keeps its own noise: only the mix of the two moves.");
    if (scene.mode === "reverse") {
      const { run } = scene;
      if (!run) return "";
      const step = run.index[Math.min(run.frames - 1, Math.floor(scene.u + 1e-9))];
      const values = { sampler: run.sampler, step, steps: run.steps, nfe: run.nfe };
      return text("{sampler}: step {step} of {steps}, {nfe} evaluations of the exact score for each particle", values);
    }
    if (!scene.walk) return "";
    if (scene.mode === "ascent") return text("{n} steps uphill · spread of the particles {have}, of q_t {want}", walked());
    return text("{n} Langevin steps · spread of the particles {have}, of q_t {want}", walked());
  }
  const walked = () => ({
    n: scene.walk.steps,
    have: number(spread(scene.walk.xs)),
    want: number(spreadOf(scene.mix, scene.alpha())),
  });
  /** The formula of a walk's step, with its numbers. */
  function strideText(ab) {
    if (!scene.walks) return "";
    const values = { size: number(scene.stepSize, 3), delta: number(scene.stepSize * (1 - ab), 3) };
    if (scene.mode === "ascent") return text("Each step: x ← x + δ ∇log q_t(x), with δ = {size} · (1 − ᾱ) = {delta}. No noise.", values);
    return text("Each step: x ← x + δ ∇log q_t(x) + √(2δ) z, with δ = {size} · (1 − ᾱ) = {delta} and fresh noise z.", values);
  }

  /** The numbers at the pointer (`s`, null where there are no points) and what is said of the canvases. */
  function write(s, ab) {
    put($(".clock"), `t ${Math.round(scene.t)} · ᾱ ${number(ab, 3)} · ${decibels(snrDb(ab))}`);
    range.setAttribute("aria-valuetext", clockText(ab));
    put(cells.point, vector(...scene.probe));
    put(cells.density, s ? small(Math.exp(s.logq)) : "–");
    put(cells.score, s ? vector(s.sx, s.sy) : "–");
    put(cells.eps, s ? vector(s.ex, s.ey) : "–");
    put(cells.noise, number(Math.sqrt(Math.max(0, 1 - ab)), 3));
    put(cells.x0, s ? vector(s.x0, s.y0) : "–");
    put($(".status"), statusText());
    put($(".stride"), strideText(ab));
    canvas.setAttribute("aria-label", `${titles[scene.cloud.name]}. ${clockText(ab)}. ${statusText()} ${probeText(s)}`);
    twin.setAttribute("aria-label", `${text("The points, noised to t")}. ${clockText(ab)}`);
    photo.setAttribute("aria-label", `${text("A picture, noised to t")}. ${clockText(ab)}`);
  }

  function label() {
    host.setAttribute("aria-label", text("Score field"));
    $(".modes").setAttribute("aria-label", text("What moves the particles"));
    titles = {
      moons: text("Two moons"), spiral: text("Spiral"), rings: text("Rings"), grid: text("Grid of Gaussians"),
      draw: text("Drawn points"),
    };
    const modes = { forward: text("Noising"), reverse: text("Sampler"), langevin: text("Langevin"), ascent: text("Uphill") };
    const layers = { density: text("Density"), arrows: text("Score"), paths: text("Paths"), data: text("Data") };
    const name = `field-mode-${Math.random().toString(36).slice(2)}`;
    for (const input of all(".modes input")) {
      input.name = name;
      input.nextElementSibling.textContent = modes[input.value];
    }
    for (const input of all(".layers input")) input.parentNode.querySelector("span").textContent = layers[input.value];
    const buttons = {
      back: text("One step back"), next: text("One step on"), again: text("From the start"),
      undo: text("Undo the last point"), clear: text("Clear"),
    };
    for (const [key, value] of Object.entries(buttons)) {
      $(`.${key}`).setAttribute("aria-label", value);
      $(`.${key}`).title = value;
    }
    put($(".undo"), text("Undo"));
    put($(".clear"), text("Clear"));
    range.setAttribute("aria-label", text("Level t"));
    $(".speed").setAttribute("aria-label", text("Speed"));
    put($(".step span"), text("Step size"));
    $(".step input").setAttribute("aria-label", text("Langevin step size"));
    const captions = all("figcaption");
    put(captions[0], text("A picture at t"));
    put(captions[1], text("The points at t"));
    put($(".words"), text("The score points to where points are denser: the expected noise, turned round, divided by the noise's size."));
    const rows = {
      point: text("Pointer"), density: text("Density"), score: text("Score"), eps: text("Expected noise"),
      noise: text("Size of the noise"), x0: text("Expected point"),
    };
    for (const row of all(".numbers > div")) {
      row.title = rows[row.dataset.term];
      cells[row.dataset.term] = row.querySelector("dd");
    }
    put($(".hint"), text("Draw points here: drag, or move with the arrow keys and press Enter."));
  }

  /** The formula and the signs, by the KaTeX that Gradio ships; in plain letters where it isn't found. */
  async function typeset() {
    const place = $(".formula"),
      names = {};
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", text("score = minus expected noise divided by the size of the noise"));
    let render = (tex, plain, node, _big = false) => put(node, plain);
    try {
      if (!document.getElementById("lab-katex")) {
        const style = { id: "lab-katex", rel: "stylesheet", href: katex.css };
        document.head.append(Object.assign(document.createElement("link"), style));
      }
      const { default: typesetter } = await import(new URL(katex.js, document.baseURI).href);
      render = (tex, plain, node, big = false) =>
        typesetter.render(tex, node, { output: "html", displayMode: big, trust: true, strict: false });
    } catch {
      /* plain letters, then */
    }
    for (const row of all(".numbers > div")) {
      const [tex, plain] = SYMBOLS[row.dataset.term];
      render(tex, plain, row.querySelector("dt"));
      names[row.dataset.term] = row.title;
      row.querySelector("dt").setAttribute("aria-label", row.title);
      Object.assign(row.querySelector("dt").dataset, { explain: TERMS[row.dataset.term] });
    }
    render(FORMULA[0], FORMULA[1], place, true);
    for (const node of place.querySelectorAll("[aria-hidden]")) node.removeAttribute("aria-hidden");
    for (const node of place.querySelectorAll("[data-term]")) {
      node.tabIndex = 0;
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", names[node.dataset.term]);
      node.dataset.explain = TERMS[node.dataset.term];
    }
  }

  label();
  typeset();
  return { write, probeText };
}
