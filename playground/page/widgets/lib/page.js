/* Page: elements, events that end with their element, buttons of the page, what is in sight, and what this browser keeps. */

import { calm } from "./input.js";

/**
 * An element with a class and words.
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [words]
 * @returns {any}
 */
export function node(tag, className, words) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (words !== undefined) made.textContent = words;
  return made;
}

/** `fn(event)` for every event of this kind that the window hears, until `element` leaves the page. */
export function hears(element, kind, fn) {
  const listener = (/** @type {any} */ event) => {
    if (element.isConnected) fn(event);
    else globalThis.removeEventListener(kind, listener);
  };
  globalThis.addEventListener(kind, listener);
}

/** Presses the button of this id, or the one within it, if there is one. @param {string} id */
export function press(id) {
  const found = document.getElementById(id);
  /** @type {HTMLElement} */ (found?.matches("button") ? found : found?.querySelector("button"))?.click();
}

/**
 * What a person has asked for is seen, from wherever on the page that was done: a narrow page has the button that runs
 * always in reach. Scrolls to the element unless the middle of the part of it that matters is in the window.
 * @param {HTMLElement} element
 * @param {HTMLElement} part
 */
export function inSight(element, part = element) {
  const { top, height } = part.getBoundingClientRect();
  const middle = top + height / 2;
  if (height && (middle < 0 || middle > innerHeight)) element.scrollIntoView({ behavior: calm() ? "auto" : "smooth" });
}

/** What this browser keeps under a name; null where it keeps nothing. @param {string} key */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps it, or forgets where it is null; a browser that keeps nothing has it for this visit at most. @param {string} key */
export function remember(key, value) {
  try {
    value === null ? localStorage.removeItem(key) : localStorage.setItem(key, value);
  } catch {
    /* then it is not kept */
  }
}

/** Whether the part of this id is in the tab that is open. @param {string} id */
export function inOpenTab(id) {
  const part = document.getElementById(id);
  return part !== null && part.closest("[role=tabpanel][style*=none]") === null;
}
