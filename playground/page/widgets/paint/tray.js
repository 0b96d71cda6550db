/* Tray: the tools, how large they are, and the colours. */

import { number, text } from "../lib/words.js";
import { WHITE, hex, palette, rgb } from "./sheet.js";

const FIXED = [
  ["black", [0, 0, 0]], ["white", WHITE], ["red", [214, 40, 40]], ["orange", [245, 140, 30]], ["yellow", [252, 211, 60]],
  ["green", [66, 160, 71]], ["blue", [33, 118, 210]], ["brown", [121, 80, 60]], ["skin", [250, 205, 165]],
]; // prettier-ignore
const NAMES = {
  black: () => text("black"), white: () => text("white"), red: () => text("red"), orange: () => text("orange"),
  yellow: () => text("yellow"), green: () => text("green"), blue: () => text("blue"), brown: () => text("brown"),
  skin: () => text("skin"),
}; // prettier-ignore
const TOOLS = { brush: () => text("Brush"), eraser: () => text("Eraser"), fill: () => text("Fill"), pick: () => text("Pick") };

/** @type {any} */
export const RED = FIXED[2][1];

/** A colour in words: the nearest one of the palette. */
export function nameOf(colour) {
  const apart = (other) => Math.hypot(...colour.map((value, c) => value - other[c]));
  return NAMES[FIXED.reduce((best, next) => (apart(next[1]) < apart(best[1]) ? next : best))[0]]();
}

/**
 * @param {HTMLElement} root
 * @param {import("./paint.js").Easel} easel its tool, colour and size are set here
 * @param {() => void} draw
 */
export function makeTray(root, easel, draw) {
  const $ = (selector) => root.querySelector(selector);
  const range = $(".size input");

  function take(tool) {
    easel.tool = tool;
    for (const button of $(".tools").children) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    draw();
  }

  function choose(colour) {
    easel.colour = colour;
    $(".any input").value = hex(colour);
    for (const swatch of /** @type {NodeListOf<HTMLButtonElement>} */ (root.querySelectorAll(".swatch"))) swatch.setAttribute("aria-pressed", String(swatch.value === hex(colour)));
  }

  /** The colours there are: ours, and those of the picture that is painted on. */
  function swatches() {
    const own = palette(easel.sheet.ground, 6).filter((found) => FIXED.every(([, other]) => hex(other) !== hex(found)));
    const made = [...FIXED.map(([name, value]) => [NAMES[name](), value]), ...own.map((value) => [text("{colour}, from the picture", { colour: nameOf(value) }), value])];
    const buttons = made.map(([label, value]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "swatch";
      button.value = hex(value);
      button.style.background = button.value;
      button.title = label;
      button.setAttribute("aria-label", label);
      button.onclick = () => (choose(value), easel.tool === "brush" || easel.tool === "fill" || take("brush"));
      return button;
    });
    $(".colours").replaceChildren(...buttons, $(".any"));
    choose(easel.colour);
  }

  /** The brush is so large, or as the slider says. */
  function sized(size = Number(range.value)) {
    range.value = size;
    range.max = easel.sheet.n / 4;
    easel.size = Number(range.value);
    $(".size output").textContent = number(2 * easel.size, 0);
    draw();
  }

  for (const button of $(".tools").children) {
    button.textContent = TOOLS[button.dataset.tool]();
    button.onclick = () => take(button.dataset.tool);
  }
  $(".tools").setAttribute("aria-label", text("Tool"));
  $(".colours").setAttribute("aria-label", text("Colour"));
  $(".size span").textContent = text("Size");
  $(".any span").textContent = text("Any colour");
  range.addEventListener("input", () => sized());
  $(".any input").addEventListener("input", (event) => choose(rgb(event.target.value)));
  return { take, choose, swatches, sized, grow: (by) => sized(easel.size + by) };
}
