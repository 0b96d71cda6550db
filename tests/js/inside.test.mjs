/* The drawing of a net: where its blocks stand, and where the arrow keys lead. */

import assert from "node:assert";
import { test } from "node:test";

import { hears, layout, next, written } from "../../playground/page/widgets/player/unet.js";

const block = (name, kind, part, level = 0, skip = "") => ({ name, kind, part, level, skip, weights: 1, shape: [8, 4, 4] });
const NET = [
  block("time", "time", "inputs"), block("words", "text", "inputs"), block("lines", "lines", "inputs"),
  block("stem", "stem", "down"), block("d1", "resnet", "down"), block("d2", "attention", "down"),
  block("smaller", "smaller", "down", 1), block("d3", "resnet", "down", 1),
  block("m1", "resnet", "middle", 1), block("m2", "cross", "middle", 1),
  block("u1", "resnet", "up", 1, "d3"), block("larger", "larger", "up"),
  block("u2", "resnet", "up", 0, "d2"), block("u3", "attention", "up"), block("head", "head", "up"),
]; // prettier-ignore

for (const width of [300, 460, 900]) {
  test(`at ${width} pixels every block has its place, within the drawing and apart from all others`, () => {
    const plan = layout(NET, width);
    const places = [...plan.places.values()];
    assert.equal(places.length, NET.length);
    for (const [k, one] of places.entries()) {
      assert(one.x >= 0 && one.x + one.width <= width + 1e-9 && one.width > 80, one.name);
      assert(one.y >= 0 && one.y + plan.high <= plan.height, one.name);
      for (const other of places.slice(k + 1)) {
        const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
        const down = Math.min(one.y, other.y) + plan.high - Math.max(one.y, other.y);
        assert(across <= 0 || down <= 0, `${one.name} lies on ${other.name}`);
      }
    }
    for (const { from, to, x1, x2, y } of plan.skips) {
      assert(x2 - x1 >= 20);
      assert.equal(plan.places.get(from).y, plan.places.get(to).y);
      assert(Math.abs(y - plan.places.get(from).y - plan.high / 2) < 1);
    }
    assert.deepEqual(plan.skips.map(({ from, to }) => [from, to]), [["d3", "u1"], ["d2", "u2"]]);
  });
}

test("arrow keys go on and back in the net's order, and along the arrows", () => {
  assert.equal(next(NET, "stem", "ArrowDown"), "d1");
  assert.equal(next(NET, "time", "ArrowUp"), "time");
  assert.equal(next(NET, "d2", "ArrowRight"), "u2");
  assert.equal(next(NET, "u2", "ArrowLeft"), "d2");
  assert.equal(next(NET, "m1", "ArrowRight"), "m1");
  assert.deepEqual(["Home", "End"].map((key) => next(NET, "m1", key)), ["time", "head"]);
});

test("shapes are written short, and what is told goes where it is heard", () => {
  assert.deepEqual([[192], [128, 16, 16], [3, 8, 4], [5, 192]].map(written), ["192", "128 × 16²", "3 × 8 × 4", "5 × 192"]);
  assert.deepEqual(NET.filter((each) => hears(each, "time")).map(({ name }) => name), ["d1", "d3", "m1", "u1", "u2"]);
  assert.deepEqual(NET.filter((each) => hears(each, "text")).map(({ name }) => name), ["m2"]);
});
