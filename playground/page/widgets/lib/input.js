/* Input: hands, wheels and sliders; at most one answer a frame, and the latest question wins. */

import { clamp } from "../maths/forward.js";

/** `fn` at most once a frame, with the arguments of the last call. */
export function frame(fn) {
  let waiting = null;
  return function (...args) {
    const first = waiting === null;
    waiting = args;
    if (first) {
      requestAnimationFrame(() => {
        const last = waiting;
        waiting = null;
        fn(...last);
      });
    }
  };
}

/** Does this person ask for less motion? Then nothing plays by itself. */
export const calm = () => Boolean(globalThis.matchMedia && globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches);

let scrolled = -Infinity; // when the page was last scrolled by a wheel
/**
 * The wheel over `element` calls `turn(notches)` (fractions add up; up is positive) and keeps the page still, except where
 * `turn` returns false (an end is reached), while the page is being scrolled past, and for the browser's zoom.
 */
export function wheel(element, turn) {
  if (scrolled === -Infinity) {
    scrolled = -1e9;
    globalThis.addEventListener("wheel", (event) => event.defaultPrevented || (scrolled = event.timeStamp), { passive: true });
  }
  element.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.timeStamp - scrolled < 300) return;
      const lines = event.deltaMode === 1 ? 33 : event.deltaMode === 2 ? 400 : 1;
      const notches = (-(event.deltaY || event.deltaX) * lines) / 100;
      if (turn(notches) !== false) event.preventDefault();
    },
    { passive: false },
  );
}

/**
 * Wire a range input: `onInput(value)` at most once a frame; Shift+arrows move by ten steps; the wheel over it, or over
 * `options.wheelOver`, moves it by a fiftieth a notch; a phone can scroll past it. Whatever moves it, it fires `input`.
 * Returns {set(value), move(by)}: `set` moves the thumb without calling `onInput`.
 */
export function slider(input, onInput, options = {}) {
  input.style.touchAction = "pan-y";
  const emit = frame((value) => onInput(value));
  const step = () => Number(input.step) || 1;
  const move = (by) => {
    const before = Number(input.value);
    const low = Number(input.min);
    const value = clamp(low + Math.round((before + by - low) / step()) * step(), low, Number(input.max));
    if (value === before) return false;
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  };
  input.addEventListener("input", () => emit(Number(input.value)));
  input.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!direction || !event.shiftKey) return;
    event.preventDefault();
    move(direction * 10 * step());
  });
  let owed = 0; // the part of a step that a fine wheel has turned so far
  const turn = (notches) => {
    owed += notches * Math.max(step(), (Number(input.max) - Number(input.min)) / 50);
    const by = Math.trunc(owed / step()) * step();
    if (!by) return true;
    owed -= by;
    return move(by);
  };
  for (const element of [input, options.wheelOver]) if (element) wheel(element, turn);
  return { set: (value) => (input.value = value), move };
}

/**
 * Latest wins: `ask(argument)` (a promise) runs one at a time; of the arguments that arrive meanwhile only the last is
 * asked next, and `show(answer, argument)` never sees an answer older than one it has shown.
 */
export function pump(ask, show, failed) {
  let busy = false;
  let want = null;
  return async function (argument) {
    want = { argument };
    if (busy) return;
    busy = true;
    while (want) {
      const { argument: now } = want;
      want = null;
      try {
        show(await ask(now), now);
      } catch (error) {
        if (failed) failed(error, now);
      }
    }
    busy = false;
  };
}
