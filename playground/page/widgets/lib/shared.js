/* Shared: the picture that a person gave, in whichever tab: it is the picture of all of them ("lab:given" on the window);
 * and the picture of the Noise tab as numbers, which other widgets show too ("lab:picture").
 */

import { hears, inOpenTab } from "./page.js";
import * as settings from "./settings.js";

// ------------------------------------------------------------------ the picture that was given

const MOST = 20; // pictures that one can go back to

/**
 * @typedef {object} Given
 * @property {{path: string, url: string} | null} file an upload, as Gradio's inputs hold it
 * @property {string | null} name else that of a picture that comes along
 */
/** @type {Given | null} */
let held = null;
/** @type {Given[]} */
const past = [];
const spreaders = new Map(); // widget → what makes Gradio's inputs take `spread`

/** The one in hand; at first what the page starts with. */
function now() {
  const start = () => settings.state.controls.find(({ name }) => name === "picture");
  return (held = held || { file: null, name: settings.get("picture") || (start() || {}).value || null });
}

const same = (one, other) => (one.file || {}).path === (other.file || {}).path && (one.file !== null || one.name === other.name);

/** @param {Given} next @param {boolean} kept whether the one before can be had again */
function turn(next, kept) {
  const last = now();
  if (same(last, next) || settings.state.locked.has("picture")) return;
  if (kept) past.push(last);
  if (past.length > MOST) past.shift();
  held = next;
  settings.put("picture", next.name, "shared");
  if (last.file || next.file) {
    for (const [element, spread] of spreaders) {
      if (!element.isConnected) spreaders.delete(element);
      else {
        spread(); // one tells them all
        break;
      }
    }
  }
  globalThis.dispatchEvent?.(new CustomEvent("lab:given"));
}

/**
 * A person gave a picture, or took it away: then the last one with a name is back.
 * @param {Given["file"]} file @param {string} [input] where, by its id: one in a tab that is not open only says, perhaps
 * once more and late, what it was told
 */
export function give(file, input) {
  if (input && !inOpenTab(input)) return;
  if (file) return turn({ file, name: null }, true);
  if (!now().file) return;
  const named = past.filter((one) => !one.file).pop();
  turn({ file: null, name: named ? named.name : null }, true);
}

/** The picture before the one in hand. */
export function before() {
  if (past.length) turn(past.pop(), false);
}

/** For Gradio: what `count` inputs of pictures hold. */
export const spread = (count) => (count === 1 ? now().file : Array(count).fill(now().file));

/** `tell` makes Gradio call `spread`, as long as `element` is in the page. */
export const spreads = (element, tell) => spreaders.set(element, tell);

/** `fn(picture, how many there were before)` for the one there is and for each that follows, until `element` is gone. */
export function given(element, fn) {
  hears(element, "lab:given", () => fn(now(), past.length));
  fn(now(), past.length);
}

globalThis.addEventListener?.("lab:set", (/** @type {CustomEvent} */ { detail: { name, value, source } }) => {
  if (name === "picture" && source !== "shared" && value) turn({ file: null, name: value }, true);
});

// ------------------------------------------------------------------ the Noise tab's, as numbers

/** The picture in hand: its side n, and x0, 3·n·n values in [−1, 1]. @type {{n: number, x0: Float32Array} | null} */
export let picture = null;

export function share(next) {
  picture = next;
  window.dispatchEvent(new CustomEvent("lab:picture"));
}

/** `fn(picture)` for the one there is and for each that follows, until `element` leaves the page. */
export function follow(element, fn) {
  hears(element, "lab:picture", () => fn(picture));
  if (picture) fn(picture);
}
