/* Paint: a canvas whose every stroke is answered by the model.
 *
 * The value is what the page is set to (mode, prompt, seed, strength …). A change of it, and whatever the hand does, asks
 * the server: one question is on its way at a time, and of what comes meanwhile only the last is asked next. Questions are
 * numbered, and no answer is shown after a later one's. What is painted is in sheet.js, the hand in hands.js, its tools in
 * tray.js, what it paints on in grounds.js.
 */

import { base64, bytes } from "../lib/bytes.js";
import { paintRGB } from "../lib/canvas.js";
import { frame, pump } from "../lib/input.js";
import { shortcuts } from "../lib/settings.js";
import { announce, text } from "../lib/words.js";
import { makeGrounds } from "./grounds.js";
import { makeHands } from "./hands.js";
import { drawOver } from "./overlay.js";
import { Sheet } from "./sheet.js";
import { RED, makeTray } from "./tray.js";

const LAYERS = { picture: "picture", mix: "picture", fill: "mask", lines: "lines" };
const CLOSE = 400; // ms in which a run that failed is not asked for again

/**
 * What is in hand.
 * @typedef {object} Easel
 * @property {any} sheet
 * @property {string} tool
 * @property {number[]} colour
 * @property {number} size radius of the brush, in pixels of the sheet
 * @property {number[] | null} cursor the keyboard's place, in pixels of the sheet
 * @property {number[] | null} pointer where the pointer is
 */

export function mount({ element, props, server, upload, trigger, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const root = $(".paint");
  const canvas = $("#paint-canvas");
  const answered = $("#paint-answer");
  const told = $(".told");
  /** @type {Easel} */
  const easel = { sheet: new Sheet(props.first ? props.first.n : 32), tool: "brush", colour: RED, size: 2, cursor: null, pointer: null };

  let settings = {};
  let answer = null; // {n, pixels}
  let count = 0; // of the question
  let shown = 0;
  const who = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()); // one easel, one person's turns

  // ------------------------------------------------------------------ asking

  const layer = (name) => base64(new Uint8Array(easel.sheet.layers[name]));

  const ask = pump(
    async (question) => {
      /** @type {Record<string, any>} */
      const sent = { ...settings, who, seq: question.seq, n: easel.sheet.n, picture: layer("picture") };
      if (settings.paint_mode === "fill") sent.mask = layer("mask");
      if (settings.paint_mode === "lines") sent.lines = layer("lines");
      root.dataset.asked = question.seq;
      return server.answer(sent);
    },
    (found, question) => show(found, question),
    () => tell(text("The server does not answer. Your picture is kept; paint on to try again."), true),
  );

  /** Whatever has changed: the model is asked again. */
  function changed() {
    draw();
    root.dataset.wanted = ++count;
    ask({ seq: count, at: performance.now() });
  }

  function show(found, question) {
    if (!found || found.error) {
      root.dataset.state = "failed";
      return tell(found ? found.error : text("The server does not answer. Your picture is kept; paint on to try again."), true);
    }
    if (found.busy) return void setTimeout(() => ask({ ...question, seq: ++count }), CLOSE);
    if (question.seq < shown) return;
    shown = question.seq;
    answer = { n: found.n, pixels: bytes(found.pixels) };
    paintRGB(answered, answer.pixels, found.n);
    const milliseconds = performance.now() - question.at;
    Object.assign(root.dataset, { state: "answered", shown, ms: milliseconds.toFixed(1), server: found.ms });
    const parts = [text("answered in {ms} ms", { ms: Math.round(milliseconds) }), text("{nfe} evaluations", { nfe: found.nfe }), found.device];
    if (found.unknown.length) parts.push(text("not known: {words}", { words: found.unknown.join(", ") }));
    tell(parts.join(" · "));
    answered.setAttribute("aria-label", text("The model’s answer, {n} by {n} pixels", { n: found.n }));
    $(".theirs a").hidden = false;
    root.dispatchEvent(new CustomEvent("answer", { detail: { seq: shown, ms: milliseconds, server: found.ms } }));
    const grown = found.n > easel.sheet.n;
    resized(found.n);
    if (grown) changed(); // there is more of the picture to be seen
    grounds.next();
  }

  function tell(sentence, wrong = false) {
    told.textContent = sentence;
    told.classList.toggle("wrong", wrong);
    if (wrong) announce(sentence);
  }

  // ------------------------------------------------------------------ showing

  const draw = frame(() => {
    const { sheet } = easel;
    if (sheet.layer === "lines") {
      const inked = new Uint8Array(3 * sheet.n ** 2);
      sheet.layers.lines.forEach((value, p) => inked.fill(255 - value, 3 * p, 3 * p + 3));
      paintRGB(canvas, inked, sheet.n);
    } else paintRGB(canvas, sheet.layers.picture, sheet.n);
    overlay();
    $(".undo").disabled = !sheet.past.length;
    $(".redo").disabled = !sheet.future.length;
    $(".clear").disabled = !sheet.touched();
    root.dataset.size = sheet.n;
    describe();
  });
  const overlay = () => drawOver($(".over"), canvas, easel);

  function describe() {
    const { sheet, cursor } = easel;
    const { n } = sheet;
    const parts = [text("Canvas of {n} by {n} pixels", { n })];
    if (sheet.layer === "mask") {
      const share = sheet.layers.mask.reduce((sum, value) => sum + (value ? 1 : 0), 0) / (n * n);
      parts.push(text("{share} % of it will be made anew", { share: Math.round(100 * share) }));
    } else parts.push(sheet.touched() ? text("painted on") : text("nothing painted yet"));
    if (cursor) parts.push(text("cursor at column {x}, row {y}", { x: Math.floor(cursor[0]) + 1, y: Math.floor(cursor[1]) + 1 }));
    canvas.setAttribute("aria-label", parts.join(", "));
  }

  /** The sheet is as large as the model's pictures are. */
  function resized(n) {
    if (!n || easel.sheet.n === n) return;
    easel.sheet = easel.sheet.resized(n);
    tray.sized();
  }

  // ------------------------------------------------------------------ parts

  const tray = makeTray(root, easel, draw);
  const grounds = makeGrounds(root, easel, server, upload, props.pictures, { changed, tell, swatches: tray.swatches });
  makeHands(canvas, easel, tray, { draw, changed, back, begun: grounds.still });

  function back(forward) {
    if (forward ? easel.sheet.redo() : easel.sheet.undo()) changed();
  }

  /** The lines of what is painted, to begin a drawing with. */
  async function trace() {
    const found = await server.trace({ n: easel.sheet.n, picture: layer("picture") });
    if (found.error) return tell(found.error, true);
    easel.sheet.keep();
    easel.sheet.layers.lines = Uint8ClampedArray.from(bytes(found.lines));
    changed();
  }

  /** A receipt brings back what was painted on: its layers, on a sheet of its size. */
  function restored() {
    const { n, ...layers } = props.restored || {};
    if (!n) return;
    resized(n);
    if (layers.picture) grounds.put(bytes(layers.picture), n);
    for (const name of ["mask", "lines"]) if (layers[name]) easel.sheet.layers[name] = Uint8ClampedArray.from(bytes(layers[name]));
    changed();
  }

  // ------------------------------------------------------------------ the page

  function follow() {
    const before = easel.sheet.layer;
    settings = props.value || {};
    root.dataset.mode = settings.paint_mode;
    easel.sheet.layer = LAYERS[settings.paint_mode] || "picture";
    const other = easel.sheet.layer !== before;
    tray.sized(other && easel.sheet.layer === "lines" ? 0.5 : undefined); // a thin pen, as the model was taught
    if (other && easel.tool === "pick") tray.take("brush");
    if (settings.checkpoint) changed();
  }

  $(".own").textContent = text("Yours");
  $(".theirs span").textContent = text("The model’s");
  for (const [name, label, does] of [
    [".undo", text("Undo"), () => back(false)],
    [".redo", text("Redo"), () => back(true)],
    [".clear", text("Clear"), () => (easel.sheet.clear(), changed())],
    [".upload", text("Upload"), () => $(".grounds input").click()],
    [".camera", text("Camera"), grounds.film],
    [".trace", text("Lines of the picture"), trace],
    [".lend", text("To the other tabs"), grounds.lend],
    [".again", text("Paint on the answer"), () => answer && grounds.put(answer.pixels, answer.n)],
  ]) {
    $(name).textContent = label;
    $(name).onclick = does;
  }
  const link = $(".theirs a");
  link.textContent = text("Download");
  link.href = "#";
  link.onclick = () => Object.assign(link, { href: answered.toDataURL("image/png"), download: `painted-${settings.seed}.png` });
  $(".keys").textContent = text("Keyboard: arrows move a cursor over the canvas (Shift: far), the space bar paints while held, Enter until pressed again; B, E, F, I are the tools, [ and ] the size, Ctrl+Z takes back.");
  canvas.setAttribute("aria-describedby", "paint-keys");
  new ResizeObserver(frame(overlay)).observe(canvas);
  shortcuts(["B E F I", "Paint: brush, eraser, fill, pick a colour"], ["[ ]", "Paint: a smaller, a larger brush"]);

  /** What is on the sheet, for a run that the page's own buttons start. */
  element.painted = () => ({ n: easel.sheet.n, picture: layer("picture"), mask: layer("mask"), lines: layer("lines") });
  element.sheet = () => easel.sheet; // for tests
  answered.setAttribute("aria-label", text("No answer of the model yet"));
  if (props.first) easel.sheet.put(bytes(props.first.pixels), false);
  tray.swatches();
  tray.take("brush");
  tray.sized();
  watch("value", follow);
  watch("restored", restored);
  if (props.value && props.value.checkpoint) follow();
  else trigger("ready"); // the page says what it is set to
}
