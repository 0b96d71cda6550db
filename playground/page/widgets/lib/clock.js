/* Clock: one t for the whole page. Who moves it tells; the others hear of it, by the window's event "lab:t". */

import { hears } from "./page.js";

/** The last t told (null before): what a widget that appears later starts from. @type {number | null} */
export let t = null;

/** The t that a worksheet has locked, or null. @type {number | null} */
export let held = null;

/** Say that t moved: every widget of the page follows, but for `source`, a name of who moved it. Where t is locked, it
 * goes back for that one as well. */
export function tell(value, source) {
  t = held ?? value;
  globalThis.dispatchEvent(new CustomEvent("lab:t", { detail: { t, source: held === null || value === held ? source : "locked" } }));
}

/** Locks t where it is to be, for every hand, key and wheel; null lets go. @param {number | null} value */
export function hold(value) {
  held = value;
  if (value !== null) tell(value, "locked");
}

/** Follow t as others move it: `fn(t)`, until `element` leaves the page. */
export function hear(element, source, fn) {
  hears(element, "lab:t", ({ detail }) => detail.source !== source && fn(detail.t));
}
