/* Player: shows a run while it comes in, and plays, steps and scrubs it afterwards, without the server.
 *
 * film.js holds a run and aligns its lanes, panes.js shows pictures, progress.js the curve; clock.js moves the place.
 */

import * as clock from "../lib/clock.js";
import * as facts from "../lib/facts.js";
import { calm, frame as onceAFrame, slider, wheel } from "../lib/input.js";
import { hears, inSight } from "../lib/page.js";
import { shortcuts } from "../lib/settings.js";
import { lines } from "../lib/stream.js";
import { announce as sayAloud, decibels, text } from "../lib/words.js";
import { clamp, snrDb } from "../maths/forward.js";
import { makeClock } from "./clock.js";
import { measured } from "./facts.js";
import { Film } from "./film.js";
import { makePanes } from "./panes.js";
import { makeProgress } from "./progress.js";
import { makeStep } from "./step.js";

const SPEEDS = [1, 2, 5, 10, 20, 60, 240];
const PATIENCE = 3000; // ms to wait for a message that others have overtaken

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const { element, props, watch } = ui;
  const $ = (selector) => element.querySelector(selector);
  const player = $(".player");
  const range = $("input[type=range]");
  const select = $(".speed select");
  const id = props.ident; // the component's elem_id: in the page, the nearest id is one of Gradio's own
  const state = { film: null, place: -1 };
  const panes = makePanes(player, state, { id, over: turn });
  const progress = makeProgress(player, state, (place) => scrub(place));
  const motion = makeClock(element, {
    state, show, speed: () => Number(select.value), changed: controls, followed, arrived,
  });
  const anatomy = makeStep(player, state, ui.server);
  let announced = "";
  let feed = null; // what ends the run's own line to this page
  let patience = 0;
  const changed = new Set(); // settings that are others now than those of the run on show

  // ------------------------------------------------------------------ what comes in

  function take(message) {
    if (!message || !message.run) return;
    const { film } = state;
    if (message.start) {
      if (film && film.run !== message.run && film.born > message.start.born) return; // a stale run
      if (!film || film.run !== message.run) open(message);
    }
    if (!state.film || state.film.end || !state.film.take(message)) return; // after a stop, what was on its way is not wanted
    taken();
    clearTimeout(patience);
    if (state.film.early.size) patience = setTimeout(() => (state.film.settle(), taken()), PATIENCE);
  }

  function taken() {
    const { film } = state;
    Object.assign(player.dataset, { received: film.received, places: film.places.length });
    range.max = Math.max(0, film.places.length - 1);
    if (film.end) finish();
    else motion.wake();
  }

  function open(message) {
    const film = (state.film = new Film(message));
    state.place = -1;
    motion.playing = false;
    motion.following = true;
    clearTimeout(patience);
    if (feed) feed.abort();
    feed = message.channel && !message.end ? new AbortController() : null;
    if (feed) lines(`lab/run/${message.channel}`, take, feed.signal);
    Object.assign(player.dataset, { state: "live", run: film.run, received: 0, places: 0, painted: 0, skipped: 0 });
    panes.build();
    fit();
    controls();
    changed.clear();
    older();
    say(text("Waiting for the first step…"));
    if (message.start.asked || !message.start.example) inSight(player.closest(".lab-stage:not(.lab-flowing)") || player, $(".lanes"));
  }

  function finish() {
    const { film } = state;
    player.dataset.state = film.end.status;
    player.dataset.places = film.places.length;
    range.max = Math.max(0, film.places.length - 1);
    say(film.end.status === "done" ? remark(film) : ending(film.received));
    older();
    panes.offer();
    progress.draw();
    controls();
    anatomy.follow();
    if (film.end.status === "done" && !film.start.example) {
      const wing = id.replace(/-player$/, "");
      for (const [name, value] of Object.entries(measured(film))) facts.tell(`${wing}.${name}`, value);
      facts.count(`${wing}.runs`);
    }
    if (film.start.example) {
      motion.following = false;
      show(calm() ? film.places.length - 1 : 0);
      if (!calm()) motion.play(Math.max(5, film.places.length / 3));
    } else motion.wake();
  }

  /** What must be known of a finished run, if anything. */
  function remark({ start, end }) {
    if (end.strayed && !start.explained) return text("Far outside the range of pictures: this sampler flew off. Give it more steps or another spacing.");
    if (start.other) return text("An example, with the settings that the page starts with. Yours run when you press the button.");
    return "";
  }

  /** Whether the pictures are of other settings than those that the page shows. */
  function older() {
    const stale = changed.size > 0 && state.film && state.film.end;
    $(".older").textContent = stale ? text("Settings have changed: these pictures are of those before.") : "";
    player.classList.toggle("stale", Boolean(stale));
  }
  const onSet = ({ detail: { name, value } }) => {
    const made = state.film && state.film.start.settings;
    if (!made || !(name in made)) return;
    if (JSON.stringify(value) === JSON.stringify(made[name])) changed.delete(name);
    else changed.add(name);
    older();
  };
  hears(element, "lab:set", onSet);

  const ending = (steps) =>
    steps ? text("Stopped. What had come is kept: {steps} steps.", { steps }) : text("Stopped before the first step.");

  // The press on Stop: the server says nothing more, so the page itself ends the run.
  const onStop = ({ detail }) => {
    if (detail !== id || !state.film || state.film.end) return;
    state.film.stop("stopped");
    if (feed) feed.abort();
    if (motion.following && state.film.places.length) leap();
    finish();
  };
  hears(element, "lab:stop", onStop);

  // ------------------------------------------------------------------ the place in hand

  function show(next) {
    const { film } = state;
    if (!film || !film.places.length) return;
    if (state.place < 0 && !film.end) say("");
    state.place = clamp(next, 0, film.places.length - 1);
    panes.paint();
    progress.mark();
    range.value = state.place;
    anatomy.follow();
    const frame = film.leader(state.place);
    range.setAttribute("aria-valuetext", `${text("step")} ${frame.step}, t ${Math.round(frame.t)}, SNR ${decibels(snrDb(frame.ab))}`);
    const most = Math.max(film.places.length - 1, film.end ? 0 : Math.max(...film.lanes.map((lane) => lane.steps)));
    $(".count").textContent = `${state.place} / ${most}`;
  }

  /** Moved by a person: the rest of the page's clock follows. */
  function scrub(next) {
    const { film } = state;
    if (!film || !film.places.length) return;
    motion.halt();
    show(next);
    motion.following = state.place === film.places.length - 1;
    const frame = film.leader(state.place);
    if (clock.held === null) clock.tell(Math.round(frame.t), id); // a run may be looked through where t is locked
    announce(panes.describe(film.lanes[film.leads[state.place]], frame));
  }
  const step = (by) => scrub(state.place + by);
  const announce = (words) => words !== announced && sayAloud((announced = words));

  function leap() {
    player.dataset.skipped = Number(player.dataset.skipped) + motion.leap();
  }

  function followed(skipped) {
    player.dataset.painted = Number(player.dataset.painted) + 1;
    player.dataset.skipped = Number(player.dataset.skipped) + skipped;
    progress.grow();
  }

  function arrived() {
    progress.draw();
    if (state.film.end.status === "done") announce(text("The run is finished: {steps} steps.", { steps: state.film.received }));
  }

  // A page that was in the background catches up at once.
  const onVisible = () => {
    if (!element.isConnected) return document.removeEventListener("visibilitychange", onVisible);
    if (!document.hidden && motion.following && state.film && state.film.places.length) leap();
  };
  document.addEventListener("visibilitychange", onVisible);

  function fit() {
    panes.fit();
    progress.draw();
  }

  // ------------------------------------------------------------------ hands

  function controls() {
    player.classList.toggle("playing", motion.playing);
    for (const button of player.querySelectorAll(".transport button")) button.disabled = !state.film;
    range.disabled = !state.film;
    $(".play").setAttribute("aria-label", motion.playing ? text("Pause") : text("Play"));
  }

  function say(words) {
    $(".waiting").textContent = words;
  }

  /** The wheel over the pictures: a step a notch; at an end the page scrolls. */
  function turn(pane) {
    let turned = 0;
    wheel(pane, (notches) => {
      const { film, place } = state;
      if (!film || !film.end) return false;
      turned += notches;
      const by = Math.trunc(turned);
      turned -= by;
      if (by && (place + by < 0 || place + by >= film.places.length)) return false;
      if (by) step(by);
      return true;
    });
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !state.film) return;
    const onControl = event.target.closest("button, select, a");
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if ((event.key === " " && !onControl) || event.key === "k") {
      event.preventDefault();
      if (motion.playing) motion.halt();
      else motion.play();
    } else if (event.key in moves && event.target !== range && !event.target.closest("select")) {
      event.preventDefault();
      step(moves[event.key]);
    }
  }

  $(".first").onclick = () => scrub(0);
  $(".back").onclick = () => step(-1);
  $(".forward").onclick = () => step(1);
  $(".play").onclick = () => (motion.playing ? motion.halt() : motion.play());
  for (const [name, words] of [[".first", text("To the first step")], [".back", text("One step back")], [".forward", text("One step on")]]) {
    $(name).setAttribute("aria-label", words);
  }
  player.setAttribute("aria-label", text("The run, step by step"));
  range.setAttribute("aria-label", text("Step of the run"));
  $(".views").setAttribute("aria-label", text("Large picture"));
  $(".speed span").textContent = text("Speed");
  select.setAttribute("aria-label", text("Speed, steps per second"));
  for (const speed of SPEEDS) select.append(new Option(`${speed}/s`, String(speed), speed === 10, speed === 10));
  player.addEventListener("keydown", keys);
  slider(range, (value) => scrub(value));
  new ResizeObserver(onceAFrame(fit)).observe($(".lanes"));
  clock.hear(element, id, (t) => {
    if (state.film && state.film.end && !motion.playing) show(state.film.nearest(t));
  });
  shortcuts(["␣ K", "A run: play and pause"], ["← → Home End", "A run: step by step, to its ends"]);

  controls();
  anatomy.follow();
  say(text("A run will play here, step by step."));
  watch("value", () => take(props.value));
  for (const message of ui.early) take(message);
  if (props.value) take(props.value);
  else ui.trigger("ready"); // nobody has pressed anything yet: the server may send a run to look at
  element.player = { get film() { return state.film; }, get place() { return state.place; }, take }; // for scripts and tests
}
