import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { at, mixture } from "../../playground/page/widgets/maths/mixture.js";
import { Learning } from "../../playground/page/widgets/points/learning.js";
import { FEATURES, LOSSES, Net } from "../../playground/page/widgets/points/net.js";

const fixture = JSON.parse(readFileSync(new URL("./points.fixture.json", import.meta.url)));
const { points, std, alpha_bar: alphaBar, settings, cases } = fixture;
const moons = mixture(points, std);
const learning = (more = {}) => new Learning(moons, alphaBar, { ...settings, prediction: "eps", loss: "mse", ...more });
const close = (have, want, tolerance, what) =>
  assert.ok(Math.abs(have - want) <= tolerance * (1 + Math.abs(want)), `${what}: ${have}, not ${want}`);

test("ten steps of Adam from the same weights and batches end where PyTorch's do", () => {
  for (const { prediction, loss, before, batches, losses, after } of cases) {
    const mine = learning({ prediction, loss });
    assert.equal(mine.net.parameters.length, before.length);
    mine.net.parameters.set(before);
    batches.forEach((batch, k) => close(mine.step(batch), losses[k], 1e-9, `${prediction} ${loss}, loss of step ${k}`));
    after.forEach((want, k) => close(mine.net.parameters[k], want, 1e-5, `${prediction} ${loss}, weight ${k}`));
    assert.ok(after.some((weight, k) => Math.abs(weight - before[k]) > 0.05), "the steps moved something");
  }
});

test("the gradients are those of finite differences, for every loss", () => {
  for (const [name, loss] of Object.entries(LOSSES)) {
    const uniform = (() => {
      let state = 1;
      return () => (state = (state * 48271) % 2147483647) / 2147483647;
    })();
    const net = new Net({ width: 5, layers: 3, uniform }),
      rows = 4,
      inputs = Float64Array.from({ length: rows * FEATURES }, () => 2 * uniform() - 1),
      goals = Float64Array.from({ length: 2 * rows }, () => 6 * uniform() - 3); // on both sides of Huber's corner
    const differences = () => {
      net.inputs(rows).set(inputs);
      return net.forward(rows).slice(0, 2 * rows).map((out, k) => out - goals[k]);
    };
    const value = () => differences().reduce((sum, d) => sum + loss.value(d), 0);
    net.backward(differences().map(loss.slope), rows);
    const gradients = net.gradients.slice();
    for (let k = 0; k < net.parameters.length; k += 3) {
      const kept = net.parameters[k];
      net.parameters[k] = kept + 1e-6;
      const above = value();
      net.parameters[k] = kept - 1e-6;
      const below = value();
      net.parameters[k] = kept;
      close(gradients[k], (above - below) / 2e-6, 1e-5, `${name}, parameter ${k}`);
    }
  }
});

test("x̂0 and ε̂ are read from what the net predicts, as the field has them", () => {
  const xs = Float64Array.from([0.3, -0.8, 1.4, 0.2]),
    t = 40,
    [s, n] = [Math.sqrt(alphaBar[t]), Math.sqrt(1 - alphaBar[t])];
  for (const prediction of ["eps", "x0", "v"]) {
    const mine = learning({ prediction }),
      { x0, eps } = mine.belief(xs, t);
    for (let k = 0; k < 4; k++) close(s * x0[k] + n * eps[k], xs[k], 1e-12, `x of ${prediction}`);
  }
  const { x0, eps } = learning().truth(xs, t);
  const exact = at(moons, alphaBar[t], xs[2], xs[3]);
  close(x0[2], exact.x0, 1e-12, "x0");
  close(eps[3], exact.ey, 1e-12, "eps");
});

test("a net that says what is exact knows all of the score, and one that says √(1−ᾱ)·x nothing", () => {
  const mine = learning();
  mine.belief = (xs, t) => mine.truth(xs, t);
  close(mine.learnt(), 1, 1e-12, "the exact one");
  mine.belief = (xs, t) => ({ eps: xs.map((x) => Math.sqrt(1 - alphaBar[t]) * x) });
  close(mine.learnt(), 0, 1e-12, "the ignorant one");
});

test("exact particles end on the cloud", () => {
  const xs = learning().sample(100, 20, 5, "truth");
  for (let i = 0; i < xs.length; i += 2) {
    let nearest = Infinity;
    for (let k = 0; k < moons.K; k++) nearest = Math.min(nearest, Math.hypot(xs[i] - moons.mx[k], xs[i + 1] - moons.my[k]));
    assert.ok(nearest < 4 * std, `particle ${i / 2} is ${nearest} away`);
  }
});

test("the same seed is the same training, another one another", () => {
  const losses = (seed) => {
    const mine = learning({ seed, batch: 16 });
    return Array.from({ length: 5 }, () => mine.step());
  };
  assert.deepEqual(losses(4), losses(4));
  assert.notDeepEqual(losses(4), losses(5));
});

test("two moons are learnt: most of the score, and the particles lie on them", () => {
  // a narrow net and small batches: half a second of one core. The page goes on to nine tenths
  const mine = learning({ width: 24, layers: 3, batch: 32, rate: 0.01 });
  for (let k = 0; k < 1300; k++) mine.step();
  assert.ok(mine.learnt() > 0.7, `learnt ${mine.learnt()}`);
  const xs = mine.sample(300, 20, 3);
  let near = 0;
  for (let i = 0; i < xs.length; i += 2) {
    let nearest = Infinity;
    for (let k = 0; k < moons.K; k++) nearest = Math.min(nearest, Math.hypot(xs[i] - moons.mx[k], xs[i + 1] - moons.my[k]));
    near += nearest < 3 * std;
  }
  assert.ok(near > 0.85 * 300, `${near} of 300 particles`);
});
