import assert from "node:assert/strict";
import { mock, test } from "node:test";

import * as facts from "../../playground/page/widgets/lib/facts.js";
import * as settings from "../../playground/page/widgets/lib/settings.js";
import { makeChanges, readable, sentence } from "../../playground/page/widgets/glossary/changes.js";
import { fits, glossary, pieces } from "../../playground/page/widgets/glossary/terms.js";
import { makeReel } from "../../playground/page/widgets/welcome/reel.js";
import { wantedAt } from "../../playground/page/widgets/welcome/welcome.js";

test("a formula is taken apart: what is lowered, raised, slanted", () => {
  assert.deepEqual(pieces("√ᾱ_{t−1} = log 2^w").map(({ kind, words }) => [kind, words]), [
    ["plain", "√"], ["letter", "ᾱ"], ["sub", "t−1"], ["plain", " = "], ["plain", "log"], ["plain", " 2"], ["sup", "w"],
  ]);
  assert.deepEqual(pieces("x̂_0").map(({ kind, words }) => [kind, words]), [["letter", "x̂"], ["sub", "0"]]);
});

test("an entry is found by its words, its sign and its source", () => {
  const term = { name: "Guidance scale", plain: "How strongly the prompt pulls.", symbol: "w", source: "Ho & Salimans 2022" };
  assert.ok(fits("guidance_scale", term, "GUID"));
  assert.ok(fits("guidance_scale", term, "prompt salimans"));
  assert.ok(!fits("guidance_scale", term, "prompt vincent"));
});

test("values as a person reads them", () => {
  assert.equal(readable(-0.5), "−0.5");
  assert.equal(readable(["linear", "cosine"], { linear: "Linear", cosine: "Cosine" }), "Linear, Cosine");
  assert.equal(readable("x".repeat(40)).length, 28);
  assert.equal(readable(""), "–");
});

test("a change is told by what was measured in the same tab, the most telling number first", () => {
  const before = new Map([["noise.alpha_bar", 0.9], ["generate.apart", 40], ["generate.cost", 40]]);
  const after = new Map([["noise.alpha_bar", 0.6], ["generate.apart", 40.01], ["generate.cost", 80]]);
  assert.equal(sentence("t 200 → 400", "noise", before, after), "t 200 → 400: of the picture 90 % → 60 % is left.");
  assert.equal(sentence("Steps 20 → 40", "generate", before, after), "Steps 20 → 40: evaluations a picture 40 → 80.");
  assert.equal(sentence("Seed 1 → 2", "duel", before, after), null);
});

test("the film is the sampler's own way: from each picture to the next one's noise and along DDIM to its picture", () => {
  const levels = [0.01, 0.5, 1];
  const run = (noise, guess, final) => ({ noise: new Float32Array([noise]), guesses: [new Float32Array([guess]), new Float32Array([final])] });
  const reel = makeReel([run(1, 0, 0.25), run(-2, 0.5, -0.5)], levels);
  assert.ok(Math.abs(reel.picture(0)[0] - 0.25) < 1e-6 && Math.abs(reel.picture(1)[0] + 0.5) < 1e-6);
  const at = (ms) => reel.at(ms, new Float32Array(1))[0];
  assert.equal(at(0), reel.picture(0)[0]);
  // after 1,300 ms of standing and 2,400 of dissolving: ᾱ of the first level of the picture, the rest the next run's noise
  assert.ok(Math.abs(at(3699.999) - (0.1 * 0.25 - 2 * Math.sqrt(0.99))) < 1e-3 && Math.abs(at(3701) + 2) < 1e-6);
  // one step on: x = √ᾱ x̂0 + √(1−ᾱ) ε̂
  const eps = (-2 - 0.1 * 0.5) / Math.sqrt(0.99);
  assert.ok(Math.abs(at(3700 + 350 + 260) - (Math.SQRT1_2 * 0.5 + Math.SQRT1_2 * eps)) < 1e-4);
  assert.equal(at(reel.length), reel.picture(1)[0]);
  assert.equal(at(2 * reel.length), at(0));
});

test("the first minute is for who comes without a link, and goes on after a reload", () => {
  assert.ok(wantedAt("", null) && wantedAt("?lang=zh-TW", null));
  assert.ok(!wantedAt("?tab=generate&seed=7", null) && !wantedAt("?lesson=forward", null) && !wantedAt("?seed=3", null));
  assert.ok(wantedAt("?tab=noise&t=900", "1") && !wantedAt("", "closed") && !wantedAt("?lock=seed", "1"));
});

test("the line speaks once a control rests, of what it was before, and not of a link's own values", () => {
  const air = new EventTarget();
  const listen = (kind, heard) => air.addEventListener(kind, heard);
  Object.assign(globalThis, { window: air, addEventListener: listen, dispatchEvent: (event) => air.dispatchEvent(event) });
  mock.timers.enable({ apis: ["setTimeout"] });
  glossary.terms.t = { name: "Level t", plain: "How noisy.", effect: "another mixture" };
  glossary.settings.t = "t";
  Object.assign(settings.state, { table: ["t"], defaults: { t: 400, tab: "noise" } });
  const line = { isConnected: true, textContent: "" };
  makeChanges(/** @type {any} */ (line), () => true);
  facts.tell("noise.alpha_bar", 0.68);
  facts.tell("noise.t", 380); // where the opening film stands, whatever is set
  mock.timers.tick(1000);
  facts.tell("noise.alpha_bar", 0.3);
  settings.put("t", 500, "scrubber");
  facts.tell("noise.alpha_bar", 0.1);
  settings.put("t", 800, "scrubber");
  assert.equal(line.textContent, "");
  mock.timers.tick(1000);
  assert.equal(line.textContent, "t 380 → 800: of the picture 68 % → 10 % is left.");
  mock.timers.tick(9000);
  assert.equal(line.textContent, "");
  settings.put("t", 600, "scrubber");
  mock.timers.tick(1000);
  assert.notEqual(line.textContent, "");
  air.dispatchEvent(new Event("lab:opened")); // another tab, which the line is not about
  assert.equal(line.textContent, "");
  settings.put("t", 200, "settings");
  mock.timers.tick(1000);
  assert.equal(line.textContent, "");

  glossary.terms.schedule = { name: "Schedule", plain: "How fast.", effect: "another pace" };
  glossary.settings.schedule = "schedule";
  settings.put("schedule", "linear", "scrubber");
  facts.tell("noise.alpha_bar", 0.4);
  mock.timers.tick(1000);
  assert.equal(line.textContent, "Schedule – → linear: of the picture 10 % → 40 % is left.");
  settings.put("schedule", "sigmoid", "scrubber");
  facts.tell("noise.alpha_bar", 0.2);
  facts.tell("noise.t", 600); // a film plays: what is left is not the schedule's doing
  mock.timers.tick(1000);
  assert.equal(line.textContent, "Schedule linear → sigmoid: another pace.");

  glossary.terms.paint_mode = { name: "Painting makes", plain: "What becomes of strokes.", effect: "another use of them" };
  glossary.settings.paint_mode = "paint_mode";
  const words = { fill: "What is masked anew", mix: "A mixture with another picture" };
  Object.assign(settings.state, { controls: [{ tab: "paint", name: "paint_mode", value: "fill" }], words: { paint_mode: words } });
  settings.put("paint_mode", "mix", "canvas");
  mock.timers.tick(1000);
  assert.equal(line.textContent, "Painting makes What is masked anew → A mixture with another picture: another use of them.");
  mock.timers.reset();
});
