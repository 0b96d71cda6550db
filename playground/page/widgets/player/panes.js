/* Panes: a run's pictures, one pane a lane, with one large canvas (the chosen view) and the other views small beside it. */

import { mapped } from "../lib/colour.js";
import { paintRGB } from "../lib/canvas.js";
import { node } from "../lib/page.js";
import { decibels, number, text } from "../lib/words.js";
import { clamp, snrDb } from "../maths/forward.js";
import { sharp } from "./film.js";

/** What there is to see of a frame, by name: its sign, what it is, and the sign as plain letters. */
const views = () => ({
  x_t: { label: "x<sub>t</sub>", name: text("noisy picture"), said: "x_t" },
  x0_hat: { label: "x̂<sub>0</sub>", name: text("the model’s guess"), short: text("its guess"), said: "x̂0" },
  eps_hat: { label: "ε̂", name: text("noise it sees"), said: "ε̂" },
  eps: { label: "ε", name: text("noise that was added"), short: text("noise added"), said: "ε" },
  error: { label: "|x̂<sub>0</sub> − x<sub>0</sub>|", name: text("its error, 0 to 2"), short: text("its error"), said: "|x̂0 − x0|" },
  x0: { label: "x<sub>0</sub>", name: text("the picture"), said: "x0" },
});

const TERMS = { t: "t", SNR: "log_snr" }; // numbers that the glossary explains

/**
 * @param {any} player the widget's section
 * @param {{film: import("./film.js").Film | null, place: number}} state what is on show
 * @param {{id: string, over: (pane: HTMLElement) => void}} options the component's name; what else is done with a new pane
 */
export function makePanes(player, state, { id, over }) {
  const VIEWS = views();
  const $ = (selector) => player.querySelector(selector);
  const lanesBox = $(".lanes");
  let view = "x_t";
  let panes = []; // one a lane: {figure, now, link, canvases: [{canvas, view, shown}]}

  const offered = () => (state.film && state.film.truth ? Object.keys(VIEWS) : ["x_t", "x0_hat", "eps_hat"]);
  const meaning = (name, frame) => {
    if (name !== "x_t") return VIEWS[name].name;
    if (frame && frame.last) return text("finished picture");
    return state.film.start.latent ? text("noisy latent") : VIEWS[name].name;
  };

  function picture(box, name) {
    const figure = node("div", box);
    const canvas = node("canvas");
    canvas.setAttribute("role", "img");
    const label = node("span", "name");
    label.setAttribute("aria-hidden", "true");
    figure.append(canvas, label);
    const slot = { figure, canvas, label, shown: null };
    assign(slot, name);
    return slot;
  }

  function assign(slot, name) {
    slot.view = name;
    slot.shown = null;
    slot.canvas.dataset.view = name;
    slot.label.innerHTML = `<span class="lab-math">${VIEWS[name].label}</span> `;
    slot.label.append(node("span", "words", VIEWS[name].short || meaning(name)));
  }

  /** The views beside the large one: all of them for one lane, two for a few, none for many. */
  function minors() {
    const others = offered().filter((name) => name !== view);
    const count = state.film.lanes.length;
    return count === 1 ? others : count <= 4 ? others.slice(0, 2) : [];
  }

  /** Anew for the film in hand. */
  function build() {
    if (!offered().includes(view)) view = "x_t";
    panes = state.film.lanes.map((lane) => {
      const figure = node("figure", "lane");
      const pictures = node("div", "pictures");
      const main = picture("main", view);
      pictures.append(main.figure);
      const beside = node("div", "minors");
      const slots = minors().map((name) => picture("minor", name));
      for (const slot of slots) {
        slot.canvas.addEventListener("click", () => choose(slot.view));
        beside.append(slot.figure);
      }
      if (slots.length) pictures.append(beside);
      const caption = node("figcaption", "caption");
      const now = node("span", "now");
      const link = node("a", "", text("Download"));
      link.hidden = true;
      caption.append(node("b", "", lane.label), node("span", "note", lane.note || ""), now, link);
      figure.append(pictures, caption);
      over(figure);
      return { figure, now, link, frame: null, canvases: [main, ...slots] };
    });
    lanesBox.replaceChildren(...panes.map((pane) => pane.figure));
    const buttons = offered().map((name) => {
      const button = node("button");
      button.type = "button";
      button.innerHTML = `<span class="lab-math">${VIEWS[name].label}</span>`;
      button.title = meaning(name);
      button.setAttribute("aria-label", `${VIEWS[name].said}: ${button.title}`);
      button.setAttribute("aria-pressed", String(name === view));
      button.dataset.name = name;
      button.dataset.explain = name;
      button.onclick = () => choose(name);
      return button;
    });
    $(".views").replaceChildren(...buttons);
  }

  function choose(name) {
    view = name;
    const rest = minors();
    for (const pane of panes) [name, ...rest].forEach((other, k) => assign(pane.canvases[k], other));
    for (const button of $(".views").children) button.setAttribute("aria-pressed", String(button.dataset.name === name));
    if (state.place >= 0) paint();
  }

  function bytesOf(name, frame) {
    if (name === "x_t") return frame.x;
    if (name === "x0_hat") return frame.x0;
    if (name === "eps_hat") return frame.eps;
    if (name === "error") return frame.gap && mapped(frame.gap, "viridis");
    return state.film.truth && state.film.truth[name];
  }

  /** The place in hand: pictures, captions and numbers. */
  function paint() {
    const { film, place } = state;
    panes.forEach((pane, k) => {
      const frame = film.frame(place, k);
      if (!frame) return;
      pane.figure.classList.toggle("early", !film.begun(place, k));
      for (const slot of pane.canvases) {
        if (slot.shown === frame) continue;
        const bytes = bytesOf(slot.view, frame);
        if (bytes) paintRGB(slot.canvas, bytes, film.size);
        slot.shown = frame;
        if (slot.view === "x_t") slot.label.lastChild.textContent = meaning("x_t", frame);
        slot.canvas.setAttribute("aria-label", describe(film.lanes[k], frame, slot.view));
      }
      if (pane.frame !== frame) {
        pane.frame = frame;
        pane.now.textContent = film.lanes.length > 1 ? caption(film.lanes[k], frame) : "";
      }
    });
    numbers();
  }

  function describe(lane, frame, name = view) {
    const parts = [`${VIEWS[name].said}, ${meaning(name, frame)}`];
    if (state.film.lanes.length > 1) parts.push(lane.label);
    parts.push(`t ${Math.round(frame.t)}`, `SNR ${decibels(snrDb(frame.ab))}`);
    if (frame.error != null) parts.push(text("error {error}", { error: number(frame.error, 2) }));
    return parts.join(", ");
  }

  function caption(lane, frame) {
    const parts = [`${frame.step}/${lane.steps}`];
    if (state.film.start.curve === "apart") parts.push(text("{nfe} evaluations", { nfe: frame.nfe }));
    if (frame.error != null) parts.push(text("error {error}", { error: number(frame.error, 2) }));
    return parts.join(" · ");
  }

  function numbers() {
    const { film, place } = state;
    const frame = film.leader(place);
    const lane = film.lanes[film.leads[place]];
    const rows = [
      ["t", number(frame.t, Number.isInteger(frame.t) ? 0 : 1)],
      ["SNR", decibels(snrDb(frame.ab))],
    ];
    if (film.lanes.every((other) => other.steps === lane.steps)) {
      rows.unshift([lane.calls ? text("call") : text("step"), `${frame.step} / ${lane.steps}`]);
    }
    if (film.truth && film.lanes.length === 1) rows.push([text("error"), frame.error == null ? "–" : number(frame.error, 2)]);
    const learnt = rows.length; // what follows is about the machine
    if (film.rate) rows.push([text("steps/s"), number(film.rate, film.rate < 10 ? 1 : 0)]);
    if (film.end && film.end.seconds) {
      rows.push([text("seconds"), number(film.end.seconds, 2)]);
      if (film.end.steps) rows.push([text("s/step"), number(film.end.seconds / film.end.steps, 4)]);
    }
    if (film.start.latent) rows.push([text("latent"), `${film.start.latent} × ${film.start.latent}`]);
    if (film.start.device) rows.push([text("on"), film.start.device]);
    const list = $(".numbers");
    while (list.childNodes.length > rows.length) list.lastChild.remove();
    rows.forEach(([name, value], k) => {
      const row = list.childNodes[k] || list.appendChild(node("div"));
      if (!row.firstChild) row.append(node("dt"), node("dd"));
      if (row.dataset.name !== name) row.firstChild.textContent = row.dataset.name = name;
      row.className = k < learnt ? "" : "machine";
      if (name in TERMS) row.firstChild.dataset.explain = TERMS[name];
      row.lastChild.textContent = value;
    });
  }

  /** A link to each lane's finished picture. */
  function offer() {
    const { film } = state;
    panes.forEach((pane, k) => {
      const lane = film.lanes[k];
      const given = (film.end.lanes || [])[k];
      const last = lane.frames[lane.frames.length - 1];
      if (!last) return;
      pane.link.hidden = false;
      pane.link.download = given ? given.file : `${id}-${k + 1}.png`;
      pane.link.setAttribute("aria-label", text("Download {name}", { name: lane.label }));
      if (given) pane.link.href = `data:image/png;base64,${given.png}`;
      else {
        const canvas = node("canvas");
        paintRGB(canvas, last.x, film.size);
        pane.link.href = canvas.toDataURL("image/png");
      }
    });
  }

  /** Sizes for the width there is: sharp pixels, the small pictures beside the large one where there is room. */
  function fit() {
    const { film } = state;
    const width = lanesBox.clientWidth;
    if (!film || !width) return;
    const ratio = window.devicePixelRatio || 1;
    const n = film.size;
    const count = film.lanes.length;
    const small = minors().length;
    const zoom = Number(getComputedStyle(document.body).getPropertyValue("--lab-zoom")); // for a projector, else 0
    const tall = zoom ? Math.max(160, (window.innerHeight - 130) / zoom - 176) : clamp(window.innerHeight - 376, 160, 512);
    const side = (space) => sharp(space, n, ratio);
    const [name, row] = [18, 8]; // what a small picture needs besides itself: its name, and the gap to the next
    const gap = width < 500 ? 12 : 24;
    let columns = count > 4 ? Math.floor((width + gap) / (side(128) + gap)) : width / count >= 150 ? count : 2;
    columns = film.start.columns || clamp(columns, Math.min(2, count), Math.min(8, count));
    const least = film.start.columns ? 128 : 0; // the rows of a grid stay rows: where there is no room they are scrolled
    const cell = Math.max(least, (width - gap * (columns - 1)) / columns);
    const beside = small > 0 && cell >= 400;
    let minorColumns = Math.min(3, small) || 1;
    let main = side(count > 4 || count === 1 ? cell : Math.min(cell, tall));
    let minor = side((main - 12 * (minorColumns - 1)) / minorColumns);
    if (beside) {
      const wide = count === 1 && cell >= 700; // three in a row then, or the large one and two rows of three
      minorColumns = small > 2 ? (wide ? 3 : 2) : wide ? 2 : 1;
      const rows = Math.ceil(small / minorColumns);
      main = side(Math.min(tall, cell * (wide ? 0.44 : small > 2 ? 0.56 : 0.68)));
      const high = Math.min(main, (main - (rows - 2) * (name + row)) / rows); // together as high as the large one and its captions
      minor = side(Math.min(high, (cell - main - 20 - 12 * (minorColumns - 1)) / minorColumns));
    }
    lanesBox.classList.toggle("beside", beside);
    lanesBox.classList.toggle("grid", Boolean(film.start.columns));
    lanesBox.classList.toggle("alone", count === 1);
    lanesBox.classList.toggle("bare", count === 1 && !film.lanes[0].label);
    lanesBox.classList.toggle("narrow", width < 500);
    lanesBox.classList.toggle("tiny", minor < 120);
    for (const [key, value] of Object.entries({ columns, "minor-columns": minorColumns })) lanesBox.style.setProperty(`--${key}`, String(value));
    for (const [key, value] of Object.entries({ main, minor, gap })) lanesBox.style.setProperty(`--${key}`, `${value}px`);
  }

  return { build, paint, describe, offer, fit };
}
