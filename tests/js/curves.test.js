// The numbers behind the curves widget, against the server's (curves.fixture.json, see test_figures.py) and by hand.
const test = require("node:test");
const assert = require("node:assert/strict");
const Lab = require("../../playground/page/widgets/classic/lib.js");
const curve = require("../../playground/page/widgets/classic/curve.js");
const fixture = require("./curves.fixture.json");

const near = (got, want, tolerance = 1e-9) => assert.ok(Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want)), `${got} is not ${want}`);

test("every view of a schedule is what the server says", () => {
  for (const { name, alpha_bar, views } of fixture.schedules) {
    const a = Lab.float64(alpha_bar);
    for (const [view, want] of Object.entries(views)) {
      const got = curve.views[view](a);
      assert.equal(got.length, want.length);
      want.forEach((y, t) => (y === null ? assert.ok(!Number.isFinite(got[t]), `${name} ${view} ${t}: ${got[t]}`) : near(got[t], y, 1e-8)));
    }
  }
});

test("a drawn curve is the server's", () => {
  for (const { points, T, alpha_bar } of fixture.drawn) {
    const got = curve.through(points, T);
    Lab.float64(alpha_bar).forEach((y, t) => near(got[t], y, 1e-12));
  }
});

test("a drawn curve goes through its points, starts at 1 and always falls", () => {
  const points = [1, 0.9, 0.9, 0.3, 0.3, 0.3, 0];
  const got = curve.through(points, 600);
  assert.equal(got[0], 1);
  points.forEach((y, k) => near(got[100 * k], y, 1e-3));
  for (let t = 1; t <= 600; t++) assert.ok(got[t] < got[t - 1] && got[t] > 0);
  assert.equal(curve.through([1, 0.5], 1).length, 2);
});

test("inverses undo their views", () => {
  for (const a of [0.001, 0.2, 0.5, 0.999]) {
    for (const view of Object.keys(curve.inverse)) near(curve.inverse[view](curve.views[view](Float64Array.of(a))[0]), a);
  }
});

test("a moved point takes along what is in its way, and the curve never rises", () => {
  const points = [1, 0.8, 0.6, 0.4, 0.2];
  assert.deepEqual(curve.moved(points, 2, 0.9), [1, 0.9, 0.9, 0.4, 0.2]);
  assert.deepEqual(curve.moved(points, 2, 0.1), [1, 0.8, 0.1, 0.1, 0.1]);
  assert.deepEqual(curve.moved(points, 4, -3), [1, 0.8, 0.6, 0.4, 0]);
  assert.deepEqual(curve.moved(points, 1, 7), [1, 1, 0.6, 0.4, 0.2]);
  assert.deepEqual(curve.moved(points, 0, 0.1), points.map((p, i) => (i ? Math.min(p, 0.1) : 1)));
  assert.equal(curve.written([1, 0.25, 0.123456, 0]), "1 0.25 0.1235 0");
});

test("the value of a line at any x", () => {
  const [xs, ys] = [[0, 10, 20], [1, 3, null]];
  assert.equal(curve.at(xs, ys, 0), 1);
  assert.equal(curve.at(xs, ys, 5), 2);
  assert.equal(curve.at(xs, ys, 10), 3);
  assert.ok(Number.isNaN(curve.at(xs, ys, 15)));
  assert.ok(Number.isNaN(curve.at(xs, ys, 21)));
  assert.ok(Number.isNaN(curve.at([], [], 1)));
  assert.equal(curve.at([4], [2], 4), 2);
});

test("places on linear and log axes, and back", () => {
  assert.equal(curve.place(0.25, [0, 1], false, 200), 50);
  near(curve.place(0.1, [0.01, 1], true, 200), 100);
  assert.equal(curve.place(9, [0, 1], false, 200), 200);
  assert.equal(curve.place(0, [0.01, 1], true, 200), 0);
  near(curve.unplace(100, [0.01, 1], true, 200), 0.1);
  near(curve.unplace(50, [0, 1], false, 200), 0.25);
});

test("ranges hold every finite value", () => {
  const [low, high] = curve.range([[0.1, 0.9, null], [NaN, 0.5]], false);
  assert.ok(low <= 0.1 && high >= 0.9);
  const log = curve.range([[0, 1e-3, 5, Infinity]], true);
  assert.ok(log[0] > 0 && log[0] <= 1e-3 && log[1] >= 5 && log[1] < 10);
  assert.ok(Math.abs(curve.range([[1e-9, 1]], true)[0] - 1e-6) < 1e-12);
  assert.deepEqual(curve.range([[null]], false), [0, 1]);
  assert.deepEqual(curve.range([], true), [0.1, 1]);
});

test("labels move apart by no more than they must", () => {
  assert.deepEqual(curve.apart([50], 10, 0, 100), [50]);
  assert.deepEqual(curve.apart([20, 80], 10, 0, 100), [20, 80]);
  assert.deepEqual(curve.apart([50, 50], 10, 0, 100), [45, 55]);
  assert.deepEqual(curve.apart([100, 100, 100], 10, 0, 100), [80, 90, 100]);
  assert.deepEqual(curve.apart([99, 3, 98], 10, 0, 100), [100, 3, 90]);
  assert.deepEqual(curve.apart([5, 5, 5], 90, 0, 100), [0, 50, 100]);
  assert.deepEqual(curve.apart([], 10, 0, 100), []);
});

test("levels and thinned lines keep both ends", () => {
  assert.deepEqual(curve.levels(9), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(curve.levels(1).length, 10);
  for (const T of [1, 7, 400, 401, 4000]) {
    const ts = curve.thinned(T);
    assert.ok(ts[0] === 0 && ts[ts.length - 1] === T && ts.length <= 402);
    for (let i = 1; i < ts.length; i++) assert.ok(ts[i] > ts[i - 1]);
  }
});

test("a shrunk picture is the mean of its pixels", () => {
  const n = 4;
  const x0 = Float32Array.from({ length: 3 * n * n }, (_, i) => (i % 3 === 0 ? Math.floor(i / 3) : i % 3));
  const got = curve.shrunk(x0, 4, 2);
  assert.deepEqual(Array.from(got), [2.5, 1, 2, 4.5, 1, 2, 10.5, 1, 2, 12.5, 1, 2]);
  assert.equal(curve.shrunk(x0, 4, 4), x0);
  assert.deepEqual(Array.from(curve.shrunk(Float32Array.of(0.5, -0.5, 1), 1, 2)), [0.5, -0.5, 1, 0.5, -0.5, 1, 0.5, -0.5, 1, 0.5, -0.5, 1]);
});
