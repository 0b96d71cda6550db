/* The picture that a person gives is that of all tabs, and the one before is a step back. */

import assert from "node:assert";
import { beforeEach, test } from "node:test";

globalThis.dispatchEvent = () => true;
const settings = await import("../../playground/page/widgets/lib/settings.js");

let shared;
let told;
let run = 0;
beforeEach(async () => {
  settings.state.values = {};
  settings.state.controls = [{ tab: "noise", name: "picture", value: "sunset" }];
  shared = await import(`../../playground/page/widgets/lib/shared.js?${++run}`); // a page of its own
  told = 0;
  shared.spreads({ isConnected: true }, () => told++);
});

const photo = (name) => ({ path: `/tmp/${name}`, url: `file=${name}` });

test("an upload is what every input holds, and no named picture is chosen any more", () => {
  shared.give(photo("one"));
  assert.deepEqual(shared.spread(3), Array(3).fill(photo("one")));
  assert.deepEqual([settings.get("picture"), told], [null, 1]);
  shared.give(photo("one")); // the inputs' own echo
  assert.equal(told, 1);
});

test("back goes through what there was, named pictures too", () => {
  shared.give(photo("one"));
  shared.give(photo("two"));
  shared.before();
  assert.deepEqual(shared.spread(1), photo("one"));
  shared.before();
  assert.deepEqual([shared.spread(1), settings.get("picture")], [null, "sunset"]);
  shared.before();
  assert.deepEqual([shared.spread(1), settings.get("picture"), told], [null, "sunset", 4]);
});

test("an upload that is taken away gives way to the picture that was chosen by name", () => {
  shared.give(photo("one"));
  shared.give(null);
  assert.deepEqual([shared.spread(1), settings.get("picture")], [null, "sunset"]);
  shared.give(null);
  shared.before();
  assert.deepEqual(shared.spread(1), photo("one"));
});

test("what the input of another tab says late takes nothing back", (context) => {
  const part = (id) => ({ closest: () => (id === "denoise-image" ? {} : null) }); // its tab is not open
  globalThis.document = { getElementById: part };
  context.after(() => delete globalThis.document);
  shared.give(photo("one"), "noise-upload");
  shared.before();
  shared.give(photo("one"), "denoise-image");
  assert.deepEqual(shared.spread(1), null);
  shared.give(photo("two"), "noise-upload");
  assert.deepEqual(shared.spread(1), photo("two"));
});

test("only what is on the page is told", () => {
  const gone = { isConnected: true };
  let heard = 0;
  shared.spreads(gone, () => heard++);
  gone.isConnected = false;
  shared.give(photo("one"));
  assert.deepEqual([told, heard], [1, 0]);
});
