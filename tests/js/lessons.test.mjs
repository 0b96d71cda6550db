import assert from "node:assert/strict";
import test from "node:test";
import { apart, asked, at, filled, holds, isRight } from "../../playground/page/widgets/lessons/checks.js";

const known = { "noise.t": 900, "noise.share": 0.25, picture: "cat", steered: false };
const value = (name) => known[name];

test("comparisons hold as they say, and not for what is not known", () => {
  assert.ok(holds([["noise.t", ">=", 900], ["picture", "==", "cat"]], value));
  assert.ok(!holds([["noise.t", ">", 900]], value));
  assert.ok(holds([["noise.t", "!=", 3], ["noise.t", "<=", 900], ["steered", "==", "false"]], value));
  assert.ok(!holds([["noise.far", "<", 1]], value) && !holds([["noise.far", "!=", 1]], value));
  assert.ok(holds([], value));
  assert.ok(isRight(true, value) && !isRight(false, value) && isRight([["noise.t", "<", 901]], value));
});

test("sentences are filled with the numbers of the run", () => {
  assert.equal(filled("t = {noise.t:.0f}, {noise.share:.1%}, x_{t−1}, {noise.far:.2f}", value), "t = 900, 25.0 %, x_{t−1}, …");
  assert.deepEqual(asked("{noise.t:.0f} x_{t−1} {noise.far}"), ["noise.t", "noise.far"]);
});

test("a drawn curve is as far from the true one as the area between them says", () => {
  const line = [[0, 1], [10, 0]];
  assert.equal(at(line, 2.5), 0.75);
  assert.equal(at(line, -1), 1);
  assert.equal(at(line, 11), 0);
  assert.equal(apart([[0, 1], [5, 0.5], [10, 0]], line), 0);
  assert.ok(Math.abs(apart([[0, 0.9], [5, 0.4], [10, 0.1]], line) - 0.1) < 1e-12);
});
