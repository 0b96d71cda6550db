/* Settings: what the page is set to, in all its tabs and in its address. One store for everybody.
 *
 * Whoever listens hears of a change by the window's event "lab:set" ({name, value, source}) and, for t, by "lab:t".
 */

import * as address from "./address.js";
import * as clock from "./clock.js";
import { inOpenTab } from "./page.js";

const known = (value) => JSON.stringify(value);

export const state = {
  table: [], // names of all settings, in order
  controls: [], // {tab, name, value}: the page's controls, value as they start
  words: {}, // name → {value: what a person reads for it}, in English, of choices
  defaults: {},
  tabs: {}, // name → title, in English
  values: {}, // what was set, by a link or a person
  tab: null,
  returning: null, // the tab that Back or Forward leads to
  pending: new Map(), // name → value on its way to the controls
  sent: new Map(), // index of a control → [[value, when]] lately sent to it: their echoes are no person's doing
  shown: new Map(), // index of a control → what it said last
  patches: new Map(), // index of a control → other properties on their way to it
  firm: {}, // what was restored last, and stays so until a person touches the page
  locked: new Set(), // names that nothing but the link itself sets
  ask: null, // makes Gradio call `take`
  read: false, // whether the server has read the address: until then it stays as it is
};

/** The address follows. */
export function write() {
  if (state.read) address.write((search) => address.query(search, state.table, state.tab, state.values));
}

let following = null;
/** The controls follow: soon Gradio is made to call `take`. */
export function follow() {
  following = following || setTimeout(() => ((following = null), state.ask && state.ask()), 60);
}

/** `value` is on its way to all controls of that name, but for `from`, where it comes from. */
function remember(name, value, from) {
  state.controls.forEach((control, index) => {
    if (control.name !== name || index === from) return;
    const list = (state.sent.get(index) || []).slice(-100);
    list.push([known(value), Date.now()]);
    state.sent.set(index, list);
  });
}

/**
 * Whether a control only says what was sent to it. Values sent before the one echoed will not echo any more, so they are
 * forgotten. A change that matches nothing sent is a person's: all are forgotten.
 */
function echo(index, value) {
  const list = (state.sent.get(index) || []).filter(([, when]) => Date.now() - when < 3000);
  const place = list.findIndex(([sent]) => sent === known(value));
  state.sent.set(index, place < 0 ? [] : list.slice(place + 1));
  return place >= 0;
}

function tell(name, value, source) {
  globalThis.dispatchEvent(new CustomEvent("lab:set", { detail: { name, value, source } }));
  if (name === "t" && clock.t !== value) clock.tell(value, source);
}

/** The value in hand (a link's, before the server has checked it), or undefined. @param {string} name */
export function get(name) {
  return name in state.values ? state.values[name] : (address.read(name) ?? state.defaults[name]);
}

/** Sets it: the address, controls of that name in every tab and everybody who listens follow. */
export function put(name, value, source = "settings") {
  if (state.locked.has(name) || (known(get(name)) === known(value) && name in state.values)) return;
  state.values[name] = value;
  write();
  if (state.controls.some((control) => control.name === name)) {
    state.pending.set(name, value);
    follow();
  }
  tell(name, value, source);
}

/** Several at once, and firmly: a sampler's change makes the server set its knobs to their defaults. */
export function restore(values) {
  state.firm = { ...values };
  for (const [name, value] of Object.entries(values)) put(name, value);
}

/**
 * What the address asks for. Who has set something before the server had read it keeps that; what is locked is the link's.
 * @param {Record<string, any>} values
 * @param {string[]} lock
 */
export function linked(values, lock) {
  const theirs = state.read ? [] : Object.keys(state.values).filter((name) => !lock.includes(name));
  state.read = true;
  restore(Object.fromEntries(Object.entries(values).filter(([name]) => !theirs.includes(name))));
  if (theirs.length) write();
}

/** Everything is as the page starts. */
export function reset() {
  const free = ({ name }) => name in state.values && !state.locked.has(name);
  for (const control of state.controls.filter(free)) state.pending.set(control.name, control.value);
  const names = Object.keys(state.values);
  state.values = Object.fromEntries(Object.entries(state.values).filter(([name]) => state.locked.has(name)));
  for (const name of names) {
    if (state.locked.has(name)) continue;
    const first = state.controls.find((control) => control.name === name);
    tell(name, first ? first.value : state.defaults[name], "settings");
  }
  follow();
  write();
}

/** Whether a control may say so: a number that can't be is told of by its own tab, and is not for the others. */
function possible({ low, high, whole }, value) {
  if (typeof low !== "number") return true;
  return typeof value === "number" && low <= value && value <= high && (!whole || Number.isInteger(value));
}

/**
 * Whether a change may be a person's: not that of a control in another tab where the open one has a namesake. Gradio
 * tells of some changes twice, and the second time may come when the person has gone on to another value.
 */
function atHand(index) {
  const within = ({ tab, name }) => inOpenTab(`${tab}-${name}`);
  const control = state.controls[index];
  return within(control) || !state.controls.some((other) => other.name === control.name && within(other));
}

/** A control changed: what its namesakes get, or null where there is nothing to do. */
export function changed(index, value) {
  const { name, value: start } = state.controls[index];
  const now = name in state.values ? state.values[name] : start;
  const echoed = echo(index, value);
  state.shown.set(index, known(value));
  if (known(now) === known(value) || state.pending.has(name)) return null;
  if (state.locked.has(name)) {
    state.pending.set(name, now); // whatever set it, a button or a sampler's own values: it goes back
    follow();
    return null;
  }
  if (name in state.firm) {
    state.pending.set(name, state.firm[name]);
    follow();
    return null;
  }
  if (echoed || !possible(state.controls[index], value) || !atHand(index)) return null;
  state.values[name] = value;
  remember(name, value, index);
  write();
  tell(name, value, "control");
  return { value };
}

/** Whether all controls that are in the page show what was set. */
export function settled() {
  if (following || state.pending.size) return false;
  return state.controls.every(({ tab, name, value }, index) => {
    if (!(name in state.values) || !document.getElementById(`${tab}-${name}`)) return true;
    return (state.shown.get(index) ?? known(value)) === known(state.values[name]);
  });
}

/** For Gradio: an update for each control. */
export function take() {
  const updates = state.controls.map(({ name }, index) => {
    const update = { __type__: "update", ...(state.patches.get(index) || {}) };
    if (state.pending.has(name)) update.value = state.pending.get(name);
    return update;
  });
  for (const [name, value] of state.pending) remember(name, value, -1);
  state.pending.clear();
  state.patches.clear();
  return updates;
}

/** Another tab is open; Back goes to the one before. */
export function tab(name) {
  const before = state.tab;
  state.tab = name;
  const onward = state.read && before && name !== before && name !== state.returning;
  if (onward) address.step((search) => address.query(search, state.table, name, state.values));
  state.returning = null;
  write();
  globalThis.dispatchEvent(new CustomEvent("lab:opened", { detail: name }));
}

/** [keys, what they do]: the rows of the list behind "?". */
export const keys = [];
/** Adds rows to that list; what they do is English, a key of the translations. @param {...[string, string]} rows */
export function shortcuts(...rows) {
  for (const row of rows) if (!keys.some(([known]) => known === row[0])) keys.push(row);
}
shortcuts(
  ["Tab", "To the next control; with Shift, to the one before"],
  ["← → ↑ ↓", "Move a slider by one step; with Shift, by ten"],
  ["Home End", "A slider to its ends"],
  ["?", "This list"],
  ["Esc", "Close"],
);
