/* The run as the page holds it, completion of prompts, and what a sampler costs. */
import assert from "node:assert/strict";
import test from "node:test";

import { fixture } from "./fixture.mjs";

import { Film, sharp } from "../../playground/page/widgets/player/film.js";
import { splitWords } from "../../playground/page/widgets/prompt/phrases.js";
import { completions, unknownWords } from "../../playground/page/widgets/prompt/prompt.js";

const bytes = (...values) => Buffer.from(values).toString("base64");
const frame = (lane, step, ab, more = {}) => ({
  lane, step, t: Math.round(1000 * (1 - ab)), ab, nfe: step, x: bytes(step, lane, 0), x0: bytes(2 * step, lane, 0), eps: bytes(9, 9, 9), ...more,
});
const last = (lane, step) => frame(lane, step, 1, { last: true, x0: undefined });

function film(lanes, curve = "change") {
  const start = { born: 1, size: 1, curve, lanes: Array.from({ length: lanes }, (_, k) => ({ label: `lane ${k}`, steps: 2 })) };
  return new Film({ run: "a", start });
}
const take = (run, ...frames) => run.take({ run: "a", seq: run.next, frames });

test("one lane: a place for every frame, in order", () => {
  const run = film(1);
  take(run, frame(0, 0, 0));
  take(run, frame(0, 1, 0.5), last(0, 2));
  assert.deepEqual(run.places, [[0], [1], [2]]);
  assert.deepEqual([...run.frame(2, 0).x0], [...run.frame(2, 0).x], "the finished picture is its own guess");
});

test("a message of another run is passed over", () => {
  const run = film(1);
  assert.equal(run.take({ run: "b", frames: [frame(0, 0, 0)] }), false);
  assert.equal(run.received, 0);
});

test("lanes of the same levels share their places, and nobody gets ahead", () => {
  const run = film(2);
  take(run, frame(0, 0, 0), frame(0, 1, 0.5), last(0, 2));
  assert.deepEqual(run.places, [], "lane 1 might still be noisier");
  take(run, frame(1, 0, 0));
  assert.deepEqual(run.places, [[0, 0]]);
  take(run, frame(1, 1, 0.5), last(1, 2));
  assert.deepEqual(run.places, [[0, 0], [1, 1], [2, 2]]);
});

test("lanes of different levels are aligned by their noise", () => {
  const run = film(2);
  take(run, frame(0, 0, 0), frame(0, 1, 0.5), last(0, 2));
  take(run, frame(1, 0, 0), frame(1, 1, 0.25), frame(1, 2, 0.75), last(1, 3));
  assert.deepEqual(run.places, [[0, 0], [0, 1], [1, 1], [1, 2], [2, 3]]);
  for (const [first, second] of run.places.slice(0, -1)) {
    // neither lane shows less noise than the place has
    const reached = Math.max(run.lanes[0].frames[first].ab, run.lanes[1].frames[second].ab);
    assert.ok(run.lanes[0].frames[first].ab <= reached && run.lanes[1].frames[second].ab <= reached);
  }
  assert.deepEqual(run.leads, [0, 1, 0, 1, 0]);
});

test("a lane that begins at less noise waits with its first frame", () => {
  const run = film(2);
  take(run, frame(0, 0, 0), frame(1, 0, 0.5), frame(0, 1, 0.5), last(0, 2), last(1, 1));
  assert.deepEqual(run.places, [[0, -1], [1, 0], [2, 1]]);
  assert.equal(run.begun(0, 1), false);
  assert.equal(run.frame(0, 1).ab, 0.5);
});

test("a lane that asked less often than it might have says so at its end", () => {
  const run = film(1);
  run.lanes[0].steps = 40;
  take(run, frame(0, 0, 0), last(0, 1));
  assert.equal(run.lanes[0].steps, 1);
});

test("a sampler that goes back to more noise still moves on, one place a frame", () => {
  const run = film(1);
  take(run, frame(0, 0, 0), frame(0, 1, 0.5), frame(0, 2, 0.4), frame(0, 3, 0.5), last(0, 4));
  assert.deepEqual(run.places, [[0], [1], [2], [3], [4]]);
  const two = film(2);
  take(two, frame(0, 0, 0), frame(0, 1, 0.5), frame(0, 2, 0.4), last(0, 3));
  take(two, frame(1, 0, 0), frame(1, 1, 0.45), frame(1, 2, 0.6), last(1, 3));
  assert.deepEqual(two.places, [[0, 0], [0, 1], [1, 1], [2, 1], [2, 2], [3, 3]]);
});

test("stop keeps what has come, also of the lane that was ahead", () => {
  const run = film(2);
  take(run, frame(0, 0, 0), frame(0, 1, 0.5), frame(1, 0, 0));
  run.stop("stopped");
  assert.deepEqual(run.places, [[0, 0], [1, 0]]);
  assert.equal(run.end.status, "stopped");
  run.stop("done");
  assert.equal(run.end.status, "stopped", "the first ending counts");
});

test("curves: change of the guess, distance from the first lane, error", () => {
  const change = film(1);
  take(change, frame(0, 0, 0), frame(0, 1, 0.5));
  assert.ok(Number.isNaN(change.lanes[0].curve[0]));
  assert.ok(Math.abs(change.lanes[0].curve[1] - Math.sqrt(4 / 3) / 127.5) < 1e-12);
  const apart = film(2, "apart");
  take(apart, frame(0, 0, 0), frame(1, 0, 0));
  assert.ok(Math.abs(apart.lanes[1].curve[0] - Math.sqrt(1 / 3) / 127.5) < 1e-12);
  const error = film(1, "error");
  take(error, frame(0, 0, 0, { error: 0.25, gap: bytes(128) }));
  assert.equal(error.lanes[0].curve[0], 0.25);
});

test("how far a lane is from the first is what the server says", () => {
  const run = film(2, "apart");
  const frames = fixture.apart.lanes.flatMap((lane, k) =>
    lane.map((sent, step) => ({ lane: k, step, t: sent.t, ab: sent.alpha_bar, nfe: step, x: sent.x0, x0: sent.x0, last: step === lane.length - 1 })),
  );
  take(run, ...frames);
  fixture.apart.rms.forEach((want, step) => {
    const place = run.places.findIndex((at) => at[1] === step);
    assert.ok(Math.abs(run.lanes[1].curve[place] - want) < 1e-12, `step ${step}: ${run.lanes[1].curve[place]}, not ${want}`);
  });
});

test("the place nearest to a t", () => {
  const run = film(1);
  take(run, frame(0, 0, 0), frame(0, 1, 0.5), last(0, 2));
  assert.equal(run.nearest(1000), 0);
  assert.equal(run.nearest(420), 1);
  assert.equal(run.nearest(3), 2);
});

test("pixels stay sharp: whole device pixels for each", () => {
  assert.equal(sharp(100, 32), 96);
  assert.equal(sharp(100, 32, 2), 96);
  assert.equal(sharp(90, 32, 1.5), (4 * 32) / 1.5);
  assert.equal(sharp(10, 32), 32, "never less than one");
  for (const ratio of [1, 1.25, 1.5, 2, 3]) {
    for (let space = 40; space < 500; space += 7) {
      const side = sharp(space, 32, ratio);
      assert.ok(Math.abs((side * ratio) / 32 - Math.round((side * ratio) / 32)) < 1e-9);
      assert.ok(side <= space || side * ratio === 32);
    }
  }
});

test("words are split, and unknown ones named, as the server does it", () => {
  const { known, prompts } = fixture.words;
  for (const [prompt, split, unknown] of prompts) {
    assert.deepEqual(splitWords(prompt), split);
    assert.deepEqual(unknownWords(prompt, new Set(known)), unknown);
  }
});

test("words: as the server splits them, unknown ones named, the word being typed completed", () => {
  const words = ["cat", "cake", "category", "face", "heart"];
  const known = new Set(words);
  assert.deepEqual(splitWords("Cat's Face, #1!"), ["cats", "face", "#", "1"]);
  assert.deepEqual(unknownWords("cats, faces and hearts", known), ["and"]);
  assert.deepEqual(completions("red ca", words), ["cat", "cake", "category"]);
  assert.deepEqual(completions("cat", words), ["category"]);
  assert.deepEqual(completions("cat ", words), []);
});

test("messages that overtake others wait for their turn, but not for ever", () => {
  const run = film(1);
  const message = (seq, frame, more = {}) => ({ run: "a", seq, frames: [frame], ...more });
  run.take({ run: "a", seq: 0 });
  run.take(message(2, frame(0, 1, 0.3)));
  assert.equal(run.received, 0);
  run.take(message(1, frame(0, 0, 0)));
  assert.deepEqual(run.lanes[0].frames.map((each) => each.step), [0, 1]);
  assert.equal(run.take(message(1, frame(0, 0, 0))), false); // comes a second time
  run.take(message(5, last(0, 4), { end: { status: "done" } })); // 3 and 4 were lost
  assert.equal(run.end, null);
  run.settle();
  assert.equal(run.end.status, "done");
  assert.deepEqual(run.lanes[0].frames.map((each) => each.step), [0, 1, 4]);
  assert.equal(run.places.length, 3);
});
