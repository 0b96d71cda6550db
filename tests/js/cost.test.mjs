import assert from "node:assert/strict";
import test from "node:test";

import { evaluations } from "../../playground/page/widgets/cost/cost.js";

test("cost: guidance asks twice, but not at 0 or 1", () => {
  assert.equal(evaluations(1, 20, 2), 40);
  assert.equal(evaluations(2, 20, 1), 40);
  assert.equal(evaluations(1, 20, 0), 20);
});
