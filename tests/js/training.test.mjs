import assert from "node:assert/strict";
import test from "node:test";
import { Log } from "../../playground/page/widgets/training/log.js";

test("messages are put in order, whichever way they came", () => {
  const log = new Log("a");
  assert.equal(log.take({ run: "b", seq: 0 }), false);
  log.take({ run: "a", seq: 2, losses: [[20, 0.5, 0.6]], looks: [{ images: 20 }] });
  assert.equal(log.images, 0); // not its turn yet
  log.take({ run: "a", seq: 0 });
  log.take({ run: "a", seq: 1, start: { images: 100 }, losses: [[10, 0.9, 0.9]], rate: 5 });
  assert.deepEqual(log.losses, [[10, 0.9, 0.9], [20, 0.5, 0.6]]);
  assert.equal(log.images, 20);
  assert.equal(log.rate, 5);
  assert.equal(log.take({ run: "a", seq: 1, rate: 7 }), false); // known already
  assert.equal(log.rate, 5);
});

test("the place in the line is forgotten when the training begins", () => {
  const log = new Log("a");
  log.take({ run: "a", seq: 0, place: 2, wait: 30 });
  assert.equal(log.place, 2);
  log.take({ run: "a", seq: 1, start: { images: 100 } });
  assert.equal(log.place, null);
  log.take({ run: "a", seq: 2, images: 100, end: { status: "done", model: "m" } });
  assert.deepEqual([log.images, log.end.model], [100, "m"]);
});
