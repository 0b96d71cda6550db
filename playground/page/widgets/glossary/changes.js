/* Changes: one quiet line that says what the last change did, from what the widgets measure (lib/facts.js). */

import { facts } from "../lib/facts.js";
import { hears } from "../lib/page.js";
import * as settings from "../lib/settings.js";
import { number, percent, text } from "../lib/words.js";
import { glossary } from "./terms.js";

const REST = 900; // ms without a further change
const SHOWN = 9000; // ms that the line stays
const LATE = 5000; // and in which the server may still count what a run would cost

/** A value as a person reads it. @param {Record<string, string>} [words] of a choice: value → what stands beside it */
export function readable(value, words = {}) {
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (typeof value === "number") return String(+value.toPrecision(5)).replace("-", "−");
  if (Array.isArray(value)) return value.map((one) => readable(one, words)).join(", ") || "–";
  if (words[value]) return text(words[value]);
  const written = String(value ?? "");
  return written.length > 28 ? `${written.slice(0, 27)}…` : written || "–";
}

/** Facts that say what a change did, the most telling one first: which, and the sentence with what was before and is now. */
const MEASURED = [
  [/^noise\.alpha_bar$/, percent, (values) => text("{what}: of the picture {before} → {after} is left.", values)],
  [/^schedules\.half\./, readable, (values) => text("{what}: half of the picture is gone at t {before} → {after}.", values)],
  [/^objective\.bits$/, (x) => number(x, 3), (values) => text("{what}: {before} → {after} bits per dimension.", values)],
  [/^\w+\.apart$/, (x) => number(x, 1), (values) => text("{what}: the pictures are {before} → {after} grey levels apart.", values)],
  [/^\w+\.cost$/, readable, (values) => text("{what}: evaluations a picture {before} → {after}.", values)],
  [/^\w+\.first_blur$/, percent, (values) => text("{what}: the first guess is {before} → {after} as sharp as the picture.", values)],
];

/**
 * What changed between two states of the facts of one tab, as a sentence; null where nothing that is measured did.
 * @param {Map<string, any>} before
 * @param {Map<string, any>} after
 */
export function sentence(what, tab, before, after) {
  for (const [name, show, say] of MEASURED) {
    for (const [fact, now] of after) {
      const then = before.get(fact);
      if (!fact.startsWith(`${tab}.`) || !(/** @type {RegExp} */ (name).test(fact)) || typeof then !== "number" || then === now) continue;
      const values = { what, before: /** @type {any} */ (show)(then), after: /** @type {any} */ (show)(now) };
      if (values.before !== values.after) return /** @type {any} */ (say)(values);
    }
  }
  return null;
}

/**
 * @param {HTMLElement} line
 * @param {() => boolean} wanted whether it is to speak
 */
export function makeChanges(line, wanted) {
  const known = new Map(Object.entries(settings.state.values)); // name → value that was set last
  const runs = new Map(); // tab → {values, facts} of its last run
  let rested = new Map(facts); // the facts while nothing moved
  let moved = null; // {name, before, after}
  let last = null; // what was said: {what, tab, before, when}
  let timer = 0;
  let fading = 0;

  const start = (name) => settings.state.controls.find((control) => control.name === name)?.value ?? settings.state.defaults[name];
  const value = (name) => (known.has(name) ? known.get(name) : start(name)); // not the store's: that has the new one already
  const label = (name) => (name.length === 1 ? name : text(glossary.terms[glossary.settings[name]].name));
  const read = (name, one) => readable(one, settings.state.words[name]);
  const described = ({ name, before, after }) =>
    text("{name} {before} → {after}", { name: label(name), before: read(name, before), after: read(name, after) });

  function say(words) {
    clearTimeout(fading);
    if (!words || !wanted()) return;
    line.textContent = words;
    fading = setTimeout(() => (line.textContent = ""), SHOWN);
  }

  function rest() {
    const change = moved;
    moved = null;
    const before = rested;
    rested = new Map(facts);
    const tab = settings.state.tab || settings.get("tab");
    // The page may have shown another t than the one that is set: its opening film goes through them all.
    if (change?.name === "t" && before.has(`${tab}.t`)) change.before = before.get(`${tab}.t`);
    if (!change || read(change.name, change.before) === read(change.name, change.after)) return;
    // While a film goes through the levels, less or more is left of the picture whatever else is changed.
    if (change.name !== "t" && before.get(`${tab}.t`) !== rested.get(`${tab}.t`)) before.delete(`${tab}.alpha_bar`);
    const what = described(change);
    const { effect } = glossary.terms[glossary.settings[change.name]];
    last = { what, tab, before, when: Date.now() };
    say(sentence(what, tab, before, rested) || text("{what}: {effect}.", { what, effect: text(effect) }));
  }

  const onSet = ({ detail: { name, value: now, source } }) => {
    const before = value(name);
    known.set(name, now);
    if (source === "control" && Object.keys(settings.state.firm).length) return; // a link's model brings its own
    if (source === "settings" || source === "lesson" || !glossary.terms[glossary.settings[name]]?.effect) return;
    // A sampler that is chosen brings values of its own: the line is about what the person moved first.
    moved = moved ? (moved.name === name ? { ...moved, after: now } : moved) : { name, before, after: now };
    clearTimeout(timer);
    timer = setTimeout(rest, REST);
  };

  /** A run is over: what it measured beside the one before, where at most two settings differ. */
  function ran(tab) {
    const names = new Set(settings.state.controls.filter((control) => control.tab === tab).map(({ name }) => name));
    const values = new Map([...names].map((name) => [name, value(name)]));
    const before = runs.get(tab);
    const now = new Map([...facts].filter(([name]) => name !== `${tab}.cost`));
    runs.set(tab, { values, facts: now });
    if (!before) return;
    const other = [...values].filter(([name, one]) => glossary.settings[name] && read(name, one) !== read(name, before.values.get(name)));
    if (!other.length || other.length > 2) return;
    const what = other.map(([name, after]) => described({ name, before: before.values.get(name), after })).join(", ");
    say(sentence(what, tab, before.facts, now));
  }

  const onFact = ({ detail: { name } }) => {
    const [tab, fact] = name.split(".");
    if (fact === "runs") ran(tab);
    if (last && name === `${last.tab}.cost` && Date.now() - last.when < LATE) {
      const words = sentence(last.what, last.tab, last.before, facts);
      if (words) say(words);
    }
    if (moved) return;
    clearTimeout(timer);
    timer = setTimeout(rest, REST);
  };
  hears(line, "lab:set", onSet);
  hears(line, "lab:fact", onFact);
  hears(line, "lab:opened", () => (line.textContent = "")); // it was about another tab
}
