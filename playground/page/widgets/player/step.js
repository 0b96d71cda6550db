/* This step, laid open: every part that x at the next question is made of, as pictures and numbers, and the sampler's own
 * formula with these numbers in it. The server goes through the run once more to the step; the latest question wins.
 */

import { bytes } from "../lib/bytes.js";
import { paintRGB } from "../lib/canvas.js";
import { pump } from "../lib/input.js";
import { node } from "../lib/page.js";
import { announce, number, percent, text } from "../lib/words.js";
import { makeInside } from "./inside.js";

/** The parts in the order in which they are made: sign, what it is. */
const PARTS = () => ({
  x: ["x", text("what the net was shown")],
  without: ["ε<sub>u</sub>", text("the noise it sees, not told the prompt")],
  told: ["ε<sub>c</sub>", text("the noise it sees, told the prompt")],
  guided: ["w(ε<sub>c</sub> − ε<sub>u</sub>)", text("what guidance adds")],
  raw: ["x̂<sub>0</sub>", text("the guess before clipping")],
  x0: ["x̂<sub>0</sub>", text("the guess after clipping")],
  eps: ["ε̂", text("the noise that goes with it")],
  mean: ["μ̃", text("where it would go without fresh noise")],
  fresh: ["σ·z", text("fresh noise")],
  known: ["x<sub>0</sub>", text("what is known, around the hole")],
  after: ["x′", text("the next x: the sum of both")],
});
/** What each is called in the glossary. */
const TERMS = { x: "x_t", without: "eps_c", told: "eps_c", guided: "guidance_scale", raw: "clip", x0: "x0_hat", eps: "eps_hat", mean: "mu", fresh: "sigma_z", after: "x_t" };
/** Which picture a term of the sum is. */
const VIEW = { x: "x", x0: "x0", eps: "eps", z: "fresh", known: "known" };
const SIGN = { x: "x", x0: "x̂<sub>0</sub>", eps: "ε̂", z: "z", known: "x<sub>0</sub>" };

/** The index of what was believed so many questions ago: "−2" for two. */
export const ago = (of, k) => (of === "z" ? (k ? `${k + 1}` : "") : k ? `−${k}` : "");

/** A weight as a person reads it: three digits that matter. */
export const weight = (value) => number(value, Math.min(6, Math.max(2, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))));

/**
 * @param {HTMLElement} player the widget's section
 * @param {{film: import("./film.js").Film | null, place: number}} state what is on show
 * @param {Record<string, (argument: any) => Promise<any>>} server
 */
export function makeStep(player, state, server) {
  /** @type {HTMLElement} */
  const box = player.querySelector(".anatomy");
  /** @type {HTMLButtonElement} */
  const button = player.querySelector(".open");
  let shown = null; // what the server said last
  let clipped = null; // as in the run, or as a person chose
  let lane = 0;
  const inside = server && server.inside ? makeInside(server) : null;

  const ask = pump(
    (question) => server.step(question),
    (answer, question) => {
      if (!state.film || question.run !== state.film.run) return;
      if (answer.error) return tell(answer.error);
      shown = { ...answer, run: question.run };
      build(question);
    },
    () => tell(text("The server does not answer. Try again.")),
  );

  function tell(sentence) {
    box.dataset.state = "told";
    box.replaceChildren(node("p", "", sentence));
    announce(sentence);
  }

  /** The step under the cursor, if the panel is open and the run is over. */
  function follow() {
    const { film, place } = state;
    button.hidden = !server || !server.step;
    button.disabled = !film;
    if (box.hidden || !film) return;
    if (shown && shown.run !== film.run) clipped = shown = null;
    if (!film.end) return tell(text("When the run is over, its steps can be opened here."));
    lane = Math.min(lane, film.lanes.length - 1);
    const frame = film.frame(Math.max(0, place), lane);
    if (!frame) return;
    const index = Math.max(0, Math.min(frame.step, film.lanes[lane].steps - 1));
    ask({ run: film.run, lane, step: index, clipped });
  }

  function build(question) {
    const told = shown;
    box.dataset.state = "open";
    box.dataset.step = question.step;
    box.dataset.off = told.off;
    const parts = [head(question), equation(), pictures(), reasons()];
    if (!inside) box.replaceChildren(...parts);
    else if (inside.element.parentElement !== box) box.replaceChildren(...parts, inside.element);
    else {
      while (box.firstChild !== inside.element) box.firstChild.remove(); // it stays, and whoever is in it
      box.prepend(...parts);
    }
    const { film } = state;
    const { frames } = film.lanes[question.lane];
    const { x0: picture } = frames.find((frame) => frame.step === question.step) || frames[frames.length - 1];
    if (inside) inside.follow({ run: question.run, lane: question.lane, step: question.step, n: film.size, picture });
    light(null);
  }

  function head(question) {
    const line = node("p", "head");
    const { film } = state;
    line.append(node("b", "", text("Question {k} of {steps}: from t = {t} to t = {next}", {
      k: question.step + 1, steps: film.lanes[lane].steps, t: number(shown.t, 0), next: number(shown.next, 0),
    }))); // prettier-ignore
    if (film.lanes.length > 1) {
      const select = node("select");
      select.setAttribute("aria-label", text("Picture"));
      film.lanes.forEach((other, k) => select.append(new Option(String(other.label), String(k), k === lane, k === lane)));
      select.onchange = () => ((lane = Number(select.value)), follow());
      line.append(select);
    }
    return line;
  }

  function equation() {
    const holder = node("div", "formula lab-math");
    for (const line of shown.formula) holder.append(node("p", "", line));
    const sum = node("p", "sum");
    sum.append("x′ = ");
    shown.parts.forEach((part, k) => {
      const sign = part.weight < 0 ? "− " : k ? "+ " : "";
      if (sign) sum.append(` ${sign}`);
      const term = node("span", "term");
      term.tabIndex = 0;
      term.dataset.of = VIEW[part.of];
      term.innerHTML = `${weight(Math.abs(part.weight))}·${SIGN[part.of]}<sub>${ago(part.of, part.ago)}</sub>`;
      term.setAttribute("role", "note");
      term.setAttribute("aria-label", text("{weight} times {what}", { weight: weight(part.weight), what: spoken(part) }));
      lit(term, term.dataset.of);
      sum.append(term);
    });
    holder.append(sum);
    return holder;
  }

  function spoken({ of, ago: before }) {
    const said = PARTS()[VIEW[of]][1];
    return before && of !== "z" ? text("{what}, {k} questions ago", { what: said, k: before }) : said;
  }

  function pictures() {
    const grid = node("div", "parts");
    for (const [name, [sign, meaning]] of Object.entries(PARTS())) {
      const view = shown.views[name];
      if (!view) continue;
      const figure = node("figure", "part");
      figure.dataset.of = name;
      figure.tabIndex = 0;
      figure.dataset.explain = TERMS[name];
      const canvas = node("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${meaning}, ${text("root mean square {spread}", { spread: number(view.spread, 3) })}`);
      paintRGB(canvas, bytes(view.pixels), shown.n);
      const caption = node("figcaption");
      caption.innerHTML = `<b class="lab-math">${sign}</b> `;
      caption.append(node("span", "", meaning), node("span", "number", number(view.spread, 3)));
      figure.append(canvas, caption);
      lit(figure, name);
      grid.append(figure);
    }
    return grid;
  }

  function reasons() {
    const holder = node("div", "reasons");
    const w = String(shown.scale);
    holder.append(node("p", "", shown.rows === 2
      ? text("The net was asked twice, without the prompt and with it: guidance goes w = {w} times the way from the one to the other.", { w })
      : shown.inside && shown.scale === 1
      ? text("The net was asked once: its guidance, w = {w}, is inside it.", { w: shown.inside })
      : text("The net was asked once: at w = {w}, or without a prompt, the other answer would not matter.", { w }))); // prettier-ignore
    const label = node("label");
    const check = node("input");
    check.type = "checkbox";
    check.checked = shown.clipped;
    check.onchange = () => ((clipped = check.checked), follow());
    label.append(check, ` ${text("Clip the guess to the range of pictures: {share} of its values lie outside.", { share: percent(shown.beyond) })}`);
    const sums = text("The numbers are root mean squares. The parts add up to x′ but for {off}.", { off: shown.off ? shown.off.toExponential(0).replace("-", "−") : "0" });
    holder.append(label, node("p", "small", shown.latent ? `${sums} ${text("All of them are latents, as they are.")}` : sums));
    return holder;
  }

  /** Hovering or focusing a term lights its picture, and the other way round. */
  function lit(element, name) {
    for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => light(name));
    for (const event of ["pointerleave", "blur"]) element.addEventListener(event, () => light(null));
  }
  function light(name) {
    const terms = /** @type {NodeListOf<HTMLElement>} */ (box.querySelectorAll("[data-of]"));
    for (const element of terms) element.classList.toggle("lit", element.dataset.of === name);
  }

  button.textContent = text("This step");
  button.setAttribute("aria-expanded", "false");
  button.onclick = () => {
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    follow();
  };
  box.setAttribute("aria-label", text("This step, laid open"));
  return { follow };
}
