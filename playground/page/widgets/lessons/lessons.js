/* Lessons: a panel beside any tab that sets the page, asks for something and checks what was really done. */

import * as clock from "../lib/clock.js";
import { facts } from "../lib/facts.js";
import { hears, press } from "../lib/page.js";
import * as settings from "../lib/settings.js";
import { announce, text, write } from "../lib/words.js";
import { builder } from "./builder.js";
import { asked, filled } from "./checks.js";
import { desk, withAnswers } from "./desk.js";
import { handout } from "./handout.js";
import { makeKept } from "./kept.js";
import { make } from "./make.js";
import { makeProjector } from "./projector.js";
import { task } from "./tasks.js";

const DONE = "lab-lessons"; // names of the lessons that were finished, in this browser alone
const RUNNING = ["denoise", "generate", "paint", "duel", "objective"]; // tabs whose numbers come of a run
const PATIENCE = 4000; // ms that the controls have to follow
const OPENING = 30_000; // ms that a tab has to open with its buttons
const value = (name) => (name.includes(".") ? facts.get(name) : settings.get(name));

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const $ = (selector) => ui.element.querySelector(selector);
  const panel = $(".panel");
  const body = $(".body");
  const language = document.documentElement.lang;
  let list = []; // what there is to learn
  let lesson = null; // the one in hand, null for the list
  let place = 0; // its step
  let notice = ""; // what is to be said in the list when it is there next
  let waiting = null; // what the step in hand waits for: called whenever something may have changed
  let sheet = null; // the worksheet of the address, as a lesson
  let turn = 0; // counts what was shown: a list that comes late must not replace it
  let path = null; // the path that a lesson belongs to: {lesson, place}, where to go on after it
  const kept = makeKept(ui);
  const finished = () => JSON.parse(localStorage.getItem(DONE) || "[]");

  const projector = makeProjector($(".projector"));
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
  panel.addEventListener("keydown", (/** @type {any} */ event) => {
    if (event.key !== "Escape" || event.target.closest("dialog")) return;
    event.preventDefault();
    open(false);
  });

  function address(name) {
    const url = new URL(location.href);
    name ? url.searchParams.set("lesson", name) : url.searchParams.delete("lesson");
    history.replaceState(history.state, "", url);
  }

  /** What there is to learn. */
  async function contents() {
    lesson = waiting = path = null;
    const mine = ++turn;
    if (!list.length) list = await ui.server._listed(language);
    if (mine !== turn) return;
    address("");
    panel.dataset.lesson = "";
    $(".title").textContent = text("Lessons");
    body.replaceChildren();
    if (notice) make("p", notice, body, { role: "alert" });
    notice = "";
    const done = finished();
    const all = make("ol", "", body, { className: "list" });
    if (sheet) make("strong", sheet.title, make("button", "", make("li", "", all), { type: "button", onclick: answer }));
    for (const one of list) {
      const entry = make("li", "", all, { className: one.is_path ? "path" : "" });
      const button = make("button", "", entry, { type: "button", onclick: () => begin(one.name) });
      make("strong", one.title, button);
      const minutes = text("{minutes} minutes", { minutes: one.minutes });
      make("small", done.includes(one.name) ? `✓ ${text("done")} · ${minutes}` : minutes, button);
      make("span", one.about, button);
    }
    kept.offer(body);
    const tools = make("section", "", body, { className: "tools" });
    make("h3", text("For the teacher"), tools);
    const row = make("div", "", tools, { className: "row" });
    const tool = (words, build) => make("button", words, row, { type: "button", onclick: () => view(words, (host) => build(host, ui)) });
    tool(text("Make a worksheet"), builder);
    tool(text("Look at answers"), desk);
    tool(text("Handout"), handout);
    make("button", text("Projector (P)"), row, { type: "button", onclick: () => projector.toggle() });
    if (!panel.hidden) $(".title").focus({ preventScroll: true }); // what was pressed is gone
  }

  /** Another page of the panel, which `build(host)` fills. */
  function view(title, build) {
    lesson = waiting = path = null;
    turn += 1;
    address("");
    panel.dataset.lesson = "";
    $(".title").textContent = title;
    body.replaceChildren();
    build(make("div", "", body, { className: "tool" }));
    const row = make("div", "", body, { className: "row" });
    make("button", text("All lessons"), row, { type: "button", className: "all", onclick: contents });
    body.scrollTop = 0;
    if (panel.hidden) open(true);
    $(".title").focus({ preventScroll: true });
  }

  /** The questions of a worksheet, as the page's address has them; the server alone can tell what is right. */
  async function worksheet(query) {
    const { title, questions } = await ui.server._worksheet(query);
    if (!questions.length) return;
    const steps = questions.map((one, k) => ({
      heading: "", text: [], settings: {}, do: "", until: [], show: [], number: null, draw: null, because: [],
      ask: one.ask, choices: one.choices, open: one.open, judge: (given) => ui.server._judged({ query, place: k, given }),
    }));
    sheet = { name: "", query, title: title || text("Worksheet"), steps };
    answer();
  }
  function answer() {
    lesson = sheet;
    place = 0;
    if (panel.hidden) open(true);
    step();
  }

  /** @param {{lesson: any, place: number} | null} whence the path that it is begun from */
  async function begin(name, whence = null) {
    const found = await ui.server._lesson({ name, language });
    if (!found.steps) {
      notice = found.message;
      contents();
      if (panel.hidden) open(true);
      return;
    }
    lesson = found;
    path = whence;
    place = 0;
    address(name);
    if (panel.hidden) open(true);
    step();
  }

  /** From which minute to which a step of a path goes. */
  function minutes(place) {
    const [from, to] = [place, place + 1].map((end) => lesson.steps.slice(0, end).reduce((sum, one) => sum + one.minutes, 0));
    return { from, to };
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
  /** Brings what a step asks for into sight: a button that “Show me” would press, or else the top, where the pictures are. */
  async function inSight(wanted, mine) {
    await followed();
    if (mine !== turn) return;
    const name = wanted.show.map((part) => part.match(/^press ([\w-]+)$/)).find(Boolean);
    const button = name && document.getElementById(name[1]);
    window.scrollTo(0, 0);
    button?.scrollIntoView({ block: button.closest(".lab-run") ? "nearest" : "center" }); // what runs the tab lies beside its picture
  }
  /** Waits until the controls show what the page is set to: Gradio moves them a little later. */
  async function followed() {
    for (const end = Date.now() + PATIENCE; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20)))
      if (settings.settled()) return;
  }
  /** A setting's value as the page has it: links are text. */
  function typed(name, given) {
    const kind = typeof settings.get(name);
    return kind === "number" ? Number(given) : kind === "boolean" ? given === "true" : Array.isArray(settings.get(name)) ? given.split(",") : given;
  }

  function step() {
    turn += 1;
    const now = lesson.steps[place];
    panel.dataset.lesson = lesson.name;
    panel.dataset.step = place;
    panel.dataset.state = "asked";
    $(".title").textContent = lesson.title;
    body.replaceChildren();
    const where = [text("Step {step} of {count}", { step: place + 1, count: lesson.steps.length })];
    if (now.minutes) where.push(text("minutes {from} to {to}", minutes(place)));
    make("p", where.join(" · "), body, { className: "place" });
    if (now.heading) make("h3", now.heading, body);
    for (const paragraph of now.text) make("p", paragraph, body);
    // Counts begin anew with each step, so that what was done before does not count.
    const counted = /\.(runs|walked|looked|drawn)$/;
    const guessed = RUNNING.find((wing) => now.number?.[0].startsWith(`${wing}.`)); // to be measured in a run anew
    for (const name of [...facts.keys()])
      if (counted.test(name) || (guessed && name.startsWith(`${guessed}.`))) facts.delete(name);
    arrange(now.settings);
    if (now.settings.tab) inSight(now, turn);
    const host = make("div", "", body, { className: "task" });
    const row = make("div", "", body, { className: "row" });
    waiting = null;
    let shown = false;

    /** The step is done: why it is so, and on. */
    function done(verdict, given, right, choice = null, tries = 1) {
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
      announce([verdict, ...told.map(([, made]) => made.textContent)].filter(Boolean).join(" "));
      const note = () => keep(now, { given, right, choice, tries });
      const missing = () => told.some(([sentence]) => asked(sentence).some((name) => value(name) === undefined));
      if (missing())
        waiting = () => {
          told.forEach(([sentence, made]) => write(made, filled(sentence, value)));
          if (!missing()) note();
        };
      note();
      onwards.hidden = false;
      for (const button of row.querySelectorAll(".help")) button.hidden = true;
      row.scrollIntoView({ block: "nearest" });
      reason.scrollIntoView({ block: "nearest" }); // the beginning of it, where there is no room for both
    }
    const wait = (fn) => ((waiting = fn), fn());
    const mark = (right) => (panel.dataset.right = right);
    now.tried = (given, tries) => keep(now, { given, right: false, choice: null, tries });

    const last = place === lesson.steps.length - 1;
    if (now.lesson) make("button", text("Open this lesson"), row, { type: "button", className: "go", onclick: () => begin(now.lesson, { lesson, place }) });
    if (place) make("button", text("Back"), row, { type: "button", className: "back", onclick: () => (place--, step()) });
    const next = () => (last ? finish() : (place++, step()));
    const onwards = make("button", last ? text("Finish") : text("Next"), row, { type: "button", className: "next", onclick: next });
    onwards.hidden = Boolean(now.do || now.ask);
    const home = path ? text("Back to “{title}”", { title: path.lesson.title }) : text("All lessons");
    make("button", home, row, { type: "button", className: "all", onclick: () => (path ? back(path.place) : contents()) });
    task(now, host, row, { value, wait, done, mark, perform });
    if (!panel.hidden) $(".title").focus({ preventScroll: true });
    body.scrollTop = 0;
  }

  /** What was done or answered, with all that it rests on, for who hands it in. */
  function keep(now, told) {
    const names = [...now.until, ...now.choices.flatMap(([, right]) => (Array.isArray(right) ? right : []))].map(([name]) => name);
    names.push(...(now.number ? [now.number[0]] : []), ...now.because.flatMap(asked));
    const known = Object.fromEntries(names.map((name) => [name, value(name)]).filter(([, one]) => ["number", "string"].includes(typeof one)));
    kept.note({
      lesson: lesson.name, title: lesson.title, query: lesson.query || "", step: place, asked: now.ask || now.do, ...told,
      facts: known, settings: { seed: settings.get("seed"), ...settings.state.values },
    });
  }

  /** From a lesson back to its path. */
  function back(to) {
    ({ lesson } = path);
    place = Math.min(to, lesson.steps.length - 1);
    path = null;
    address(lesson.name);
    step();
  }

  function finish() {
    if (lesson.name) localStorage.setItem(DONE, JSON.stringify([...new Set([...finished(), lesson.name])]));
    announce(text("The lesson is finished."));
    if (path) return back(path.place + 1);
    if (lesson.name) return contents();
    view(lesson.title, (body) => (make("p", text("That was the last question."), body), kept.offer(body)));
  }

  /** “Show me”: does a step's work as a person would, one thing after the other. */
  async function perform(parts) {
    for (const part of parts) {
      const button = part.match(/^press ([\w-]+)$/);
      if (!button) {
        arrange(Object.fromEntries(new URLSearchParams(part)));
        await followed();
      } else {
        for (const end = Date.now() + OPENING; Date.now() < end && !document.getElementById(button[1])?.offsetParent; )
          await new Promise((resolve) => setTimeout(resolve, 50));
        await followed();
        press(button[1]);
      }
    }
  }

  for (const kind of ["lab:fact", "lab:set", "lab:t"]) hears(ui.element, kind, () => queueMicrotask(() => waiting && waiting()));
  // Files of answers, dropped anywhere.
  window.addEventListener("lab:files", async (/** @type {any} */ { detail }) => {
    const given = await withAnswers(detail);
    if (given.length) view(text("Look at answers"), (host) => desk(host, ui, given));
  });
  const linked = new URLSearchParams(location.search);
  if (linked.has("lesson")) begin(linked.get("lesson"));
  else if (linked.has("ask")) worksheet(location.search);
}
