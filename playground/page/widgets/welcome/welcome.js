/* Welcome: who comes without a link sees what diffusion does, and is asked for one thing after the other. */

import { bytes } from "../lib/bytes.js";
import { pixels } from "../lib/canvas.js";
import * as clock from "../lib/clock.js";
import { calm } from "../lib/input.js";
import { press, recall, remember } from "../lib/page.js";
import * as settings from "../lib/settings.js";
import { text } from "../lib/words.js";
import { makeReel } from "./reel.js";

const PLACE = "lab-welcome"; // in this browser: the step in hand, or "closed"
const FRAME = 50; // ms between two pictures of the film
const LINKED = /^(lang|tab|__theme|welcome)$/; // what an address may have and still be nobody's link

/** Whether it appears: to who comes without a link and has not closed it; begun, it goes on after a reload. */
export function wantedAt(search, place) {
  const names = [...new URLSearchParams(search).keys()];
  if (place === "closed" || ["lesson", "hide", "lock", "ask", "worksheet", "projector"].some((name) => names.includes(name))) return false;
  return place !== null || (!names.includes("tab") && names.every((name) => LINKED.test(name)));
}

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const $ = (selector) => ui.element.querySelector(selector);
  const card = $(".welcome");
  let place = 0;
  let reel = null;
  let playing = false;
  let shown = 0; // ms of the film

  /** What is to be done, what does it or leads there, and how the page tells that it is done. */
  const steps = [
    {
      words: text("Drag the slider below to the right, until the picture is gone."),
      help: () => clock.tell(settings.get("T"), "welcome"), tab: "noise", event: "lab:t",
      done: ({ t }) => t >= 0.85 * settings.get("T"),
    },
    {
      words: text("That is all that noising does. Now the other way: press Denoise."),
      help: () => press("denoise-go"), tab: "denoise", event: "lab:fact", done: ({ name }) => name === "denoise.runs",
    },
    {
      words: text("A picture out of noise. Now say what it should show: change a word, and press Generate."),
      help: () => press("generate-go"), tab: "generate", event: "lab:fact", done: ({ name }) => name === "generate.runs",
    },
    {
      words: text("You have seen both ways. The lessons say why it works, a few minutes each."),
      help: () => (close(), /** @type {HTMLElement} */ (document.querySelector("#lessons .open"))?.click()), tab: "", event: "", done: () => false,
    },
  ];

  $("h2").textContent = text("What is diffusion?");
  $(".what").textContent = text("A net learns to take noise out of pictures. Then it is given nothing but noise, and step by step it makes a picture that nobody drew.");
  $(".close").setAttribute("aria-label", text("Close the introduction"));
  $("canvas").setAttribute("role", "img");
  $("canvas").setAttribute("aria-label", text("A picture dissolves into noise, and a net makes another one out of it."));
  card.setAttribute("aria-label", text("What is diffusion?"));

  const here = () => !steps[place].tab || (settings.state.tab || settings.get("tab")) === steps[place].tab;
  function write() {
    card.dataset.step = place;
    $(".do").textContent = steps[place].words;
    label();
    $(".dots").replaceChildren(...steps.slice(1).map((_, k) => Object.assign(document.createElement("i"), { className: k < place ? "done" : "" })));
  }
  const label = () => ($(".go").textContent = !steps[place].tab ? text("Begin with a lesson") : here() ? text("Do it for me") : text("Take me there"));
  $(".go").onclick = () => {
    const step = steps[place];
    if (here()) return step.help();
    window.dispatchEvent(new CustomEvent("lab:tab", { detail: step.tab }));
  };

  for (const kind of ["lab:t", "lab:fact"]) {
    window.addEventListener(kind, (/** @type {any} */ event) => {
      const step = steps[place];
      if (card.hidden || step.event !== kind || !step.done(event.detail)) return;
      place += 1;
      remember(PLACE, String(place));
      write();
    });
  }
  window.addEventListener("lab:opened", () => !card.hidden && label());

  // ------------------------------------------------------------ open and closed

  function open() {
    card.hidden = false;
    document.body.classList.add("lab-welcomed");
    write();
    film().catch(console.error);
  }
  function close() {
    card.hidden = true;
    playing = false;
    document.body.classList.remove("lab-welcomed");
    remember(PLACE, "closed");
  }
  $(".close").onclick = () => (close(), /** @type {HTMLElement} */ (document.querySelector("#glossary .open, #lessons .open"))?.focus());
  window.addEventListener("lab:welcome", () => {
    place = 0;
    remember(PLACE, "0");
    open();
    $(".go").focus();
  });

  // ------------------------------------------------------------ the film

  async function film() {
    if (!reel) {
      const made = await import("./film.js");
      const side = made.SIDE;
      const sheet = new Image();
      sheet.src = made.SHEET;
      await sheet.decode();
      const board = Object.assign(document.createElement("canvas"), { width: sheet.width, height: sheet.height }).getContext("2d");
      board.drawImage(sheet, 0, 0);
      const values = ({ data }) => Float32Array.from({ length: 3 * side * side }, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)] / 127.5 - 1);
      const runs = made.STARTS.map((start, row) => ({
        noise: Float32Array.from(new Int8Array(bytes(start).buffer), (value) => value / made.SPREAD),
        guesses: made.LEVELS.slice(1).map((_, k) => values(board.getImageData(k * side, row * side, side, side))),
      }));
      reel = makeReel(runs, made.LEVELS);
      $("canvas").width = $("canvas").height = side;
    }
    play(!calm());
  }

  function play(wanted) {
    playing = wanted;
    $(".film").setAttribute("aria-pressed", String(wanted));
    $(".film").setAttribute("aria-label", wanted ? text("Pause the animation") : text("Play the animation"));
    card.dataset.playing = String(wanted);
    if (!wanted) return draw(shown || 2900); // half dissolved
    let before = performance.now();
    const tick = (now) => {
      if (!playing || !card.isConnected) return;
      if (now - before >= FRAME) {
        shown += Math.min(200, now - before); // a page that was hidden goes on where it was
        before = now;
        draw(shown);
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
  $(".film").onclick = () => reel && play(!playing);

  let image = null;
  let frame = null;
  function draw(ms) {
    const { width: side } = $("canvas");
    image ||= pixels(side);
    frame = reel.at(ms, frame || new Float32Array(3 * side * side));
    for (let i = 0, k = 0; i < frame.length; k++) for (let c = 0; c < 3; c++, i++) image.data[4 * k + c] = 127.5 * frame[i] + 127.5;
    $("canvas").getContext("2d").putImageData(image, 0, 0);
  }

  const before = recall(PLACE);
  if (wantedAt(location.search, before)) {
    place = Math.min(Number(before) || 0, steps.length - 1);
    remember(PLACE, String(place));
    open();
  }
}
