import assert from "node:assert/strict";
import test from "node:test";

import { fixture } from "./fixture.mjs";

import { asText, query } from "../../playground/page/widgets/lib/address.js";
import * as settings from "../../playground/page/widgets/lib/settings.js";

const told = [];
globalThis.CustomEvent ||= class { constructor(name, { detail }) { Object.assign(this, { name, detail }); } };
globalThis.dispatchEvent = ({ detail }) => told.push(`${detail.name}=${detail.value}`);

let open = ""; // the tab that is open; none has been built before
const part = (id) => ({ closest: () => (id.startsWith(`${open}-`) ? null : {}) });
globalThis.document = { getElementById: (id) => (open ? part(id) : null) };

const table = ["tab", "seed", "schedules", "prompt", "eta"];
const fresh = (controls) =>
  Object.assign(settings.state, {
    table, controls, values: {}, pending: new Map(), sent: new Map(), patches: new Map(), firm: {}, defaults: { seed: 7 },
    locked: new Set(),
  });

test("a link is readable, ordered, and keeps what it does not know", () => {
  const values = { eta: 0.30000000000000004, seed: 7, schedules: ["linear", "sigmoid"], prompt: "red cat & dog" };
  const link = query("?__theme=dark&seed=1&hide=eta", table, "generate", values);
  assert.equal(link, "tab=generate&seed=7&schedules=linear,sigmoid&prompt=red+cat+%26+dog&eta=0.3&__theme=dark&hide=eta");
  assert.equal(new URLSearchParams(link).get("prompt"), values.prompt);
});

test("a control's change is told once, and its echoes are not", () => {
  fresh([{ tab: "a", name: "seed", value: 7 }, { tab: "b", name: "seed", value: 7 }]);
  assert.equal(settings.changed(0, 7), null); // a control that mounts as it starts says nothing
  assert.deepEqual(settings.changed(0, 1), { value: 1 });
  assert.deepEqual(settings.changed(0, 12), { value: 12 });
  assert.equal(settings.changed(1, 1), null); // the namesake, late: typed over since
  assert.equal(settings.changed(1, 12), null);
  assert.equal(settings.state.values.seed, 12);
  assert.deepEqual(told.slice(-2), ["seed=1", "seed=12"]);
});

test("a person may go back to a value at once, in whichever tab", () => {
  fresh([{ tab: "a", name: "seed", value: 7 }, { tab: "b", name: "seed", value: 7 }]);
  settings.put("seed", 9);
  settings.take();
  assert.equal(settings.changed(0, 9), null); // both have it now
  assert.equal(settings.changed(1, 9), null);
  assert.deepEqual(settings.changed(0, 4), { value: 4 });
  assert.deepEqual(settings.changed(0, 9), { value: 9 }); // what the link had asked for
  assert.deepEqual(settings.changed(0, 4), { value: 4 });
  assert.equal(settings.changed(1, 4), null); // the namesake, two of three at once
  assert.equal(settings.changed(1, 4), null);
  assert.deepEqual(settings.changed(1, 9), { value: 9 });
  assert.equal(settings.changed(0, 9), null);
  assert.equal(settings.state.values.seed, 9);
});

test("what another tab says late takes nothing back, and a tab without a namesake is heard", (context) => {
  fresh([{ tab: "a", name: "seed", value: 7 }, { tab: "b", name: "seed", value: 7 }, { tab: "b", name: "eta", value: 0 }]);
  open = "a";
  context.after(() => (open = ""));
  assert.deepEqual(settings.changed(0, 2), { value: 2 });
  assert.equal(settings.changed(1, 2), null);
  assert.deepEqual(settings.changed(0, 1), { value: 1 });
  assert.equal(settings.changed(1, 2), null); // once more, where nothing more was sent
  assert.equal(settings.state.values.seed, 1);
  assert.deepEqual(settings.changed(2, 0.5), { value: 0.5 });
});

test("a control that had the value already and so said nothing does not make its next change an echo", () => {
  fresh([{ tab: "a", name: "seed", value: 7 }]);
  settings.put("seed", 9);
  settings.take();
  assert.deepEqual(settings.changed(0, 4), { value: 4 });
  assert.deepEqual(settings.changed(0, 9), { value: 9 });
});

test("what was set from outside reaches the controls of that name, and theirs only", () => {
  fresh([{ tab: "a", name: "seed", value: 7 }, { tab: "a", name: "eta", value: 0 }]);
  settings.put("seed", 9);
  assert.deepEqual(settings.take(), [{ __type__: "update", value: 9 }, { __type__: "update" }]);
  assert.deepEqual(settings.take(), [{ __type__: "update" }, { __type__: "update" }]);
  assert.equal(settings.changed(0, 9), null);
});

test("what a link restored stays, though a handler sets it to a default", () => {
  fresh([{ tab: "a", name: "eta", value: 0 }]);
  settings.restore({ eta: 0.5 });
  settings.take();
  assert.equal(settings.changed(0, 0), null);
  assert.deepEqual(settings.take(), [{ __type__: "update", value: 0.5 }]);
  settings.state.firm = {}; // a person has touched the page
  assert.deepEqual(settings.changed(0, 0.25), { value: 0.25 });
});

test("who is faster than the server keeps what they have set, but for what the link locks", () => {
  fresh([{ tab: "a", name: "eta", value: 0 }, { tab: "a", name: "seed", value: 7 }, { tab: "a", name: "prompt", value: "" }]);
  settings.state.read = false;
  settings.changed(0, 0.25);
  settings.put("seed", 9);
  settings.linked({ eta: 0.5, seed: 3, prompt: "cat" }, ["seed"]);
  assert.deepEqual(settings.state.values, { eta: 0.25, seed: 3, prompt: "cat" });
  settings.linked({ eta: 0.5 }, []); // another link, later
  assert.equal(settings.state.values.eta, 0.5);
  settings.state.read = false;
});

test("a value in a link is written as the server writes it", () => {
  assert.ok(fixture.as_text.length > 20);
  for (const [value, want] of fixture.as_text) assert.equal(asText(value), want);
});

test("what a link has locked nothing else sets", () => {
  fresh([{ tab: "a", name: "seed", value: 7 }, { tab: "b", name: "seed", value: 7 }]);
  settings.restore({ seed: 3 });
  settings.take();
  for (const index of [0, 1]) settings.changed(index, 3);
  settings.state.firm = {};
  settings.state.locked = new Set(["seed"]);
  assert.equal(settings.changed(0, 99), null); // the button New seed: the control goes back
  assert.deepEqual(settings.take().map((update) => update.value), [3, 3]);
  assert.equal(settings.state.values.seed, 3);
  settings.put("seed", 12, "receipt"); // a dropped file, another widget
  settings.reset();
  assert.equal(settings.state.values.seed, 3);
  assert.equal(settings.state.pending.size, 0);
});

test("a number that cannot be stays in its own tab", () => {
  const range = { low: 0, high: 99, whole: true };
  fresh([{ tab: "a", name: "seed", value: 7, ...range }, { tab: "b", name: "seed", value: 7, ...range }]);
  for (const wrong of [-1, 1.5, 100, null, "x"]) assert.equal(settings.changed(0, wrong), null);
  assert.equal(settings.state.values.seed, undefined);
  assert.deepEqual(settings.changed(0, 8), { value: 8 });
});
