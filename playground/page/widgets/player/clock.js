/* Clock: how the place in hand moves by itself. A live run is followed step by step, a run that has come is played. */

import { calm } from "../lib/input.js";

const LAG = 240; // a live run is painted step by step; only more than this many waiting are taken several a frame
const CALM = 500; // ms between two pictures for those who ask for less motion: noise must not flicker

/**
 * @param {HTMLElement} element the component: what moves ends with it
 * @param {object} hands
 * @param {{film: import("./film.js").Film | null, place: number}} hands.state what is on show
 * @param {(place: number) => void} hands.show shows a place
 * @param {() => number} hands.speed steps a second
 * @param {() => void} hands.changed playing has begun or ended
 * @param {(skipped: number) => void} hands.followed a live run was painted; so many steps were left out
 * @param {() => void} hands.arrived a live run was followed to its end
 */
export function makeClock(element, { state, show, speed, changed, followed, arrived }) {
  const self = { playing: false, following: false, play, halt, wake, leap };
  let pace = null; // steps a second, where they are not the reader's choice
  let carry = 0; // parts of a step that have passed
  let before = 0;
  let ticking = false;
  let paintedAt = 0;
  const last = () => state.film.places.length - 1;

  function play(stepsPerSecond = null) {
    if (!state.film || !state.film.places.length) return;
    if (state.place >= last()) show(0);
    self.playing = true;
    self.following = false;
    pace = stepsPerSecond;
    carry = 0;
    before = performance.now();
    changed();
    wake();
  }

  function halt() {
    if (!self.playing) return;
    self.playing = false;
    changed();
  }

  function wake() {
    if (ticking) return;
    ticking = true;
    requestAnimationFrame(tick);
  }

  function tick(now) {
    ticking = false;
    if (!element.isConnected || !state.film) return;
    if (self.playing) {
      carry += (Math.min(250, now - before) / 1000) * (pace ?? speed());
      before = now;
      const by = Math.floor(carry);
      carry -= by;
      if (by) show(state.place + by);
      if (state.place >= last() && state.film.end) halt();
    } else if (self.following) follow(now);
    if (self.playing || (self.following && state.place < last())) wake();
  }

  function follow(now) {
    const waiting = last() - state.place;
    if (waiting <= 0) return;
    let by = Math.max(1, Math.ceil(waiting / LAG));
    if (calm()) {
      if (!state.film.end && now - paintedAt < CALM) return;
      by = waiting;
    }
    paintedAt = now;
    show(state.place + by);
    followed(by - 1);
    if (!state.film.end || state.place !== last()) return;
    self.following = false;
    arrived();
  }

  /** To the newest step at once, what was waiting left out: its number. */
  function leap() {
    const skipped = last() - state.place;
    show(last());
    return skipped;
  }

  return self;
}
