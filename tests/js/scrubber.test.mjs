import assert from "node:assert/strict";
import test from "node:test";

import { reduced, thinned } from "../../playground/page/widgets/maths/pictures.js";
import { levels } from "../../playground/page/widgets/maths/schedule.js";
import { opening, told, verdict } from "../../playground/page/widgets/scrubber/scrubber.js";

test("ten levels from the clean picture to noise, for any T", () => {
  assert.deepEqual(levels(1000), [0, 111, 222, 333, 444, 556, 667, 778, 889, 1000]);
  assert.deepEqual(levels(1), [0, 1]);
  assert.deepEqual(levels(5), [0, 1, 2, 3, 4, 5], "each level once where there are fewer than ten");
  assert.deepEqual(levels(9), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (let T = 1; T < 400; T++) assert.equal(new Set(levels(T)).size, Math.min(10, T + 1), `T = ${T}`);
  assert.equal(levels(4000).at(-1), 4000);
});

test("thinning keeps values as they are, so noise stays noise", () => {
  const n = 8;
  const values = Float32Array.from({ length: 3 * n * n }, (_, i) => i);
  const small = thinned(values, n, 4, Float32Array);
  assert.equal(small.length, 48);
  for (let p = 0; p < 16; p++) {
    assert.equal(small[3 * p] % 3, 0, "a pixel begins at its red");
    assert.equal(small[3 * p + 2], small[3 * p] + 2);
  }
  assert.deepEqual(thinned(values, n, n, Float32Array), values);
});

test("reducing averages squares, and leaves sizes it can't divide", () => {
  const x0 = new Float32Array(3 * 4 * 4);
  for (let p = 0; p < 16; p++) x0[3 * p] = p % 2 ? 1 : -1; // red flickers, blue is bright below, green is 0
  for (let p = 8; p < 16; p++) x0[3 * p + 2] = 0.6;
  const { bytes, n } = reduced(x0, 4, 2);
  assert.equal(n, 2);
  assert.deepEqual([...bytes], [128, 128, 128, 128, 128, 128, 128, 128, 204, 128, 128, 204]);
  const whole = reduced(x0, 4, 3);
  assert.equal(whole.n, 4);
  assert.equal(whole.bytes[0], 0);
  assert.equal(whole.bytes[3], 255);
});

test("each level in words", () => {
  assert.equal(told(600, 0.08), "t 600: 8 % signal, SNR −10.6 dB");
  assert.equal(told(0, 1), "t 0: 100 % signal, SNR ∞ dB");
  assert.equal(told(1000, 0), "t 1000: 0 % signal, SNR −∞ dB");
  assert.equal(verdict(1), "The clean picture.");
  assert.equal(verdict(0.6), "More picture than noise.");
  assert.equal(verdict(0), "To the eye, pure noise.");
});

test("the opening goes from clean to noise and comes home", () => {
  assert.equal(opening(0, 1000, 400), 0);
  const path = [];
  for (let ms = 0; opening(ms, 1000, 400) !== null; ms += 20) path.push(opening(ms, 1000, 400));
  assert.ok(Math.max(...path) >= 999);
  assert.equal(path.at(-1), 400);
  const top = path.indexOf(Math.max(...path));
  for (let i = 1; i <= top; i++) assert.ok(path[i] >= path[i - 1]);
  assert.ok(path.length * 20 < 8000, "it is short");
});
