/* Hands: mouse, pen, finger and keyboard on the canvas. */

import { announce, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { nameOf } from "./tray.js";

const KEYS = { b: "brush", e: "eraser", f: "fill", i: "pick" };
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {HTMLElement} canvas
 * @param {import("./paint.js").Easel} easel
 * @param {ReturnType<typeof import("./tray.js").makeTray>} tray
 * @param {{draw: () => void, changed: () => void, back: (forward: boolean) => void, begun: () => void}} page `begun`: a
 *   hand has come to the canvas
 */
export function makeHands(canvas, easel, tray, { draw, changed, back, begun }) {
  let last = null; // where the stroke in hand has come to
  let pressed = false; // the keyboard paints

  function touch(place, pressure = 1) {
    easel.sheet.line(...(last || place), ...place, easel.size * pressure);
    last = place;
    changed();
  }

  function start(place, pressure = 1) {
    if (easel.tool === "pick") return pick(place);
    if (easel.tool === "fill") {
      easel.sheet.flood(...place, easel.colour);
      return changed();
    }
    easel.sheet.begin(easel.tool === "eraser" ? null : easel.colour);
    last = null;
    touch(place, pressure);
  }

  function stop() {
    easel.sheet.end();
    last = null;
    pressed = false;
    draw();
  }

  function pick(place) {
    tray.choose(easel.sheet.colour(...place));
    tray.take("brush");
  }

  // ------------------------------------------------------------------ pointers

  function placeOf(event) {
    const box = canvas.getBoundingClientRect();
    const { n } = easel.sheet;
    return [((event.clientX - box.left) / box.width) * n, ((event.clientY - box.top) / box.height) * n];
  }
  const inside = (place) => place.map((value) => clamp(value, 0, easel.sheet.n - 0.001));
  // A pen presses as hard as it likes; a finger and a mouse do not say.
  const pressureOf = (event) => (event.pointerType === "pen" && event.pressure ? 0.4 + 1.2 * event.pressure : 1);

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    easel.cursor = null;
    begun();
    const place = inside(placeOf(event));
    if (event.altKey && easel.sheet.layer === "picture") return pick(place);
    canvas.setPointerCapture(event.pointerId);
    start(place, pressureOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    easel.pointer = placeOf(event);
    if (!easel.sheet.stroke || pressed) return draw();
    const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [event];
    for (const move of moves.length ? moves : [event]) touch(placeOf(move), pressureOf(move));
  });
  canvas.addEventListener("pointerup", () => easel.sheet.stroke && stop());
  canvas.addEventListener("pointercancel", () => easel.sheet.stroke && stop());
  canvas.addEventListener("pointerleave", () => ((easel.pointer = null), draw()));

  // ------------------------------------------------------------------ keys

  canvas.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const { n } = easel.sheet;
    if (command && (key === "z" || key === "y")) {
      event.preventDefault();
      return back(key === "y" || event.shiftKey);
    }
    if (command || event.altKey) return;
    if (key in MOVES) {
      event.preventDefault();
      const by = event.shiftKey ? Math.max(2, Math.round(n / 8)) : 1;
      const from = easel.cursor || [n / 2, n / 2];
      easel.cursor = [0, 1].map((axis) => clamp(from[axis] + by * MOVES[key][axis], 0.5, n - 0.5));
      if (pressed) touch(easel.cursor);
      else draw();
      say();
    } else if (key === " " || key === "Enter") {
      event.preventDefault();
      easel.cursor ||= [n / 2, n / 2];
      if (event.repeat) return;
      if (easel.tool === "brush" || easel.tool === "eraser") {
        if (pressed) return stop(); // Enter paints until it is pressed again, the space bar while it is held
        pressed = true;
      }
      start(easel.cursor);
      say();
    } else if (key in KEYS) {
      event.preventDefault();
      tray.take(KEYS[key]);
    } else if (key === "[" || key === "]") {
      event.preventDefault();
      tray.grow(key === "]" ? 0.5 : -0.5);
    }
  });
  canvas.addEventListener("keyup", (event) => event.key === " " && pressed && stop());
  canvas.addEventListener("blur", () => {
    if (pressed) stop();
    easel.cursor = null;
    draw();
  });

  function say() {
    const [x, y] = easel.cursor.map(Math.floor);
    announce(text("column {x}, row {y}: {colour}", { x: x + 1, y: y + 1, colour: nameOf(easel.sheet.colour(x, y)) }));
  }
}
