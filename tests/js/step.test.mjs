/* How the parts of a step are written. */

import assert from "node:assert";
import { test } from "node:test";

import { ago, weight } from "../../playground/page/widgets/player/step.js";

test("a weight has three digits that matter", () => {
  assert.deepEqual([0.98765, 12.3456, 0.0012345, -0.5, 0].map(weight), ["0.988", "12.35", "0.00123", "−0.500", "0.00"]);
});

test("what was believed before has its index, and so has the second draw of a step", () => {
  assert.deepEqual([ago("x0", 0), ago("x0", 1), ago("eps", 3), ago("z", 0), ago("z", 1)], ["", "−1", "−3", "", "2"]);
});
