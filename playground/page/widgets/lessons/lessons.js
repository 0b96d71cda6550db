/* Lessons: a panel beside any tab that sets the page, asks for something and checks what was really done. */

import * as clock from "../lib/clock.js";
import { facts } from "../lib/facts.js";
import * as settings from "../lib/settings.js";
import { announce, text } from "../lib/words.js";
import { apart, asked, filled, holds, isRight } from "./checks.js";
import { sketch } from "./sketch.js";

const DONE = "lab-lessons"; // names of the lessons that were finished, in this browser alone
const value = (name) => (name.includes(".") ? facts.get(name) : settings.get(name));

function make(tag, words, parent, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = words;
  Object.assign(made, attributes);
  parent.append(made);
  return made;
}

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const $ = (selector) => ui.element.querySelector(selector);
  const panel = $(".panel");
  const body = $(".body");
  const language = document.documentElement.lang;
  let list = []; // what there is to learn
  let lesson = null; // the one in hand, null for the list
  let place = 0; // its step
  let waiting = null; // what the step in hand waits for: called whenever something may have changed
  const finished = () => JSON.parse(localStorage.getItem(DONE) || "[]");

  $(".open").textContent = text("Lessons");
  $(".close").setAttribute("aria-label", text("Close the lessons"));
  panel.setAttribute("aria-label", text("Lessons"));

  function open(shown) {
    panel.hidden = !shown;
    document.body.classList.toggle("lab-lesson-open", shown);
    $(".open").setAttribute("aria-expanded", shown);
    if (shown && !lesson && !body.firstChild) contents();
    if (shown) $(".title").focus();
    else $(".open").focus();
  }
  $(".open").onclick = () => open(panel.hidden);
  $(".close").onclick = () => open(false);
  panel.addEventListener("keydown", (event) => event.key === "Escape" && open(false));

  function address(name) {
    const url = new URL(location.href);
    name ? url.searchParams.set("lesson", name) : url.searchParams.delete("lesson");
    history.replaceState(history.state, "", url);
  }

  /** What there is to learn. */
  async function contents() {
    lesson = waiting = null;
    if (!list.length) list = await ui.server._listed(language);
    address("");
    panel.dataset.lesson = "";
    $(".title").textContent = text("Lessons");
    body.replaceChildren();
    const done = finished();
    const all = make("ol", "", body, { className: "list" });
    for (const one of list) {
      const button = make("button", "", make("li", "", all), { type: "button", onclick: () => begin(one.name) });
      make("strong", one.title, button);
      const minutes = text("{minutes} minutes", { minutes: one.minutes });
      make("small", done.includes(one.name) ? `✓ ${text("done")} · ${minutes}` : minutes, button);
      make("span", one.about, button);
    }
    if (!panel.hidden) $(".title").focus({ preventScroll: true }); // what was pressed is gone
  }

  async function begin(name) {
    const found = await ui.server._lesson({ name, language });
    if (!found.steps) return void contents().then(() => make("p", found.message, body, { role: "alert" }));
    lesson = found;
    place = 0;
    address(name);
    if (panel.hidden) open(true);
    step();
  }

  /** The page as a step wants it. */
  function arrange(wanted) {
    const { tab, t, ...rest } = Object.fromEntries(Object.entries(wanted).map(([name, given]) => [name, typed(name, given)]));
    if (tab) window.dispatchEvent(new CustomEvent("lab:tab", { detail: tab }));
    settings.restore(rest);
    if (t !== undefined) {
      settings.put("t", t);
      clock.tell(t, "lesson");
    }
  }
  /** A setting's value as the page has it: links are text. */
  function typed(name, given) {
    const kind = typeof settings.get(name);
    return kind === "number" ? Number(given) : kind === "boolean" ? given === "true" : Array.isArray(settings.get(name)) ? given.split(",") : given;
  }

  function step() {
    const now = lesson.steps[place];
    panel.dataset.lesson = lesson.name;
    panel.dataset.step = place;
    panel.dataset.state = "asked";
    $(".title").textContent = lesson.title;
    body.replaceChildren();
    make("p", text("Step {step} of {count}", { step: place + 1, count: lesson.steps.length }), body, { className: "place" });
    make("h3", now.heading, body);
    for (const paragraph of now.text) make("p", paragraph, body);
    // Counts begin anew with each step, so that what was done before does not count.
    const counted = /\.(runs|walked|looked|drawn)$/;
    const guessed = now.number?.[0].replace(/[^.]*$/, ""); // what is to be measured in a run anew
    for (const name of [...facts.keys()])
      if (counted.test(name) || (guessed && guessed !== "schedules.half." && name.startsWith(guessed))) facts.delete(name);
    arrange(now.settings);
    const task = make("div", "", body, { className: "task" });
    const row = make("div", "", body, { className: "row" });
    waiting = null;
    let shown = false;

    /** The step is done: why it is so, and on. */
    function done(verdict) {
      if (shown) return;
      shown = true;
      waiting = null;
      panel.dataset.state = "done";
      const reason = document.createElement("div");
      reason.className = "because";
      reason.setAttribute("role", "status");
      if (verdict) make("p", verdict, reason, { className: "verdict" });
      const told = now.because.map((sentence) => [sentence, make("p", filled(sentence, value), reason)]);
      body.insertBefore(reason, row);
      reason.scrollIntoView({ block: "nearest" });
      announce([verdict, ...told.map(([, made]) => made.textContent)].filter(Boolean).join(" "));
      const missing = () => told.some(([sentence]) => asked(sentence).some((name) => value(name) === undefined));
      if (missing()) waiting = () => told.forEach(([sentence, made]) => (made.textContent = filled(sentence, value)));
      onwards.hidden = false;
      for (const button of row.querySelectorAll(".help")) button.hidden = true;
    }

    if (now.do) {
      make("p", now.do, task, { className: "do" });
      waiting = () => holds(now.until, value) && done(text("Done."));
      make("button", text("Show me"), row, { type: "button", className: "help", onclick: () => perform(now.show) });
    } else if (now.choices.length) {
      const group = make("fieldset", "", task);
      make("legend", now.ask, group);
      now.choices.forEach(([words, right], k) => {
        const choose = () => {
          for (const other of group.querySelectorAll("button")) other.disabled = true;
          group.children[k + 1].classList.add("chosen");
          const known = () => now.choices.some(([, one]) => typeof one === "boolean" || one.every(([name]) => value(name) !== undefined));
          const judge = () => {
            if (!known()) return;
            now.choices.forEach(([, one], j) => group.children[j + 1].classList.toggle("right", isRight(one, value)));
            panel.dataset.right = isRight(right, value);
            done(isRight(right, value) ? text("Yes.") : text("That is what many expect. Look again:"));
          };
          waiting = judge;
          judge();
        };
        make("button", words, group, { type: "button", className: "choice", onclick: choose });
      });
    } else if (now.number) {
      const [name, unit] = now.number;
      const form = make("form", "", task);
      const label = make("label", now.ask, form);
      const field = make("input", "", label, { type: "number", step: "any", required: true });
      make("span", ` ${unit} `, label);
      make("button", text("That is my guess"), form, { className: "choice" });
      form.onsubmit = (event) => {
        event.preventDefault();
        waiting = () => {
          const truth = value(name);
          if (truth === undefined) return;
          const near = Math.abs(Number(field.value) - truth) <= 0.1 * Math.max(1, Math.abs(truth));
          done(text(near ? "Very close: {truth}." : "It is {truth}.", { truth: Number(truth.toPrecision(4)) }));
        };
        waiting();
        if (!shown) make("p", text("The page measures it in your own run: start it."), form);
      };
    } else if (now.draw) {
      const [name, x, y] = now.draw;
      make("p", now.ask, task, { className: "do" });
      waiting = () => {
        const curve = value(name);
        if (!curve || task.querySelector("svg")) return;
        const drawing = sketch(task, curve, x, y);
        const compare = () => {
          drawing.reveal();
          done(text("Your curve and the true one are {share} % of its height apart.", { share: Math.round(100 * apart(drawing.points, curve)) }));
        };
        make("button", text("That is my curve"), task, { type: "button", className: "choice", onclick: compare });
        make("button", text("Show me"), row, { type: "button", className: "help", onclick: () => drawing.show() });
      };
    }

    const last = place === lesson.steps.length - 1;
    if (place) make("button", text("Back"), row, { type: "button", className: "back", onclick: () => (place--, step()) });
    const next = () => (last ? finish() : (place++, step()));
    const onwards = make("button", last ? text("Finish") : text("Next"), row, { type: "button", className: "next", onclick: next });
    onwards.hidden = Boolean(now.do || now.ask);
    make("button", text("All lessons"), row, { type: "button", className: "all", onclick: contents });
    if (!panel.hidden) $(".title").focus({ preventScroll: true });
    body.scrollTop = 0;
    if (waiting) waiting();
  }

  function finish() {
    localStorage.setItem(DONE, JSON.stringify([...new Set([...finished(), lesson.name])]));
    contents();
    announce(text("The lesson is finished."));
  }

  /** “Show me”: does a step's work as a person would, one thing after the other. */
  async function perform(parts) {
    for (const part of parts) {
      const button = part.match(/^press ([\w-]+)$/);
      if (!button) {
        arrange(Object.fromEntries(new URLSearchParams(part)));
        await new Promise((resolve) => setTimeout(resolve, 700)); // the controls have to follow first
      } else {
        for (let tries = 0; tries < 50 && !document.getElementById(button[1])?.offsetParent; tries++)
          await new Promise((resolve) => setTimeout(resolve, 100));
        const found = document.getElementById(button[1]);
        const press = () => (found?.matches("button") ? found : found?.querySelector("button"))?.click();
        press();
        // The Noise tab drops an answer about a picture that has changed meanwhile; then it is asked once more.
        const here = place;
        for (let tries = 0; tries < 5 && button[1].startsWith("noise-"); tries++) {
          await new Promise((resolve) => setTimeout(resolve, 4000));
          if (place !== here || panel.dataset.state !== "asked") break;
          press();
        }
      }
    }
  }

  for (const kind of ["lab:fact", "lab:set", "lab:t"]) {
    const listener = () => (ui.element.isConnected ? queueMicrotask(() => waiting && waiting()) : window.removeEventListener(kind, listener));
    window.addEventListener(kind, listener);
  }
  const linked = new URLSearchParams(location.search).get("lesson");
  if (linked) begin(linked);
}
