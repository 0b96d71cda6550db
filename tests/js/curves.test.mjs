// The numbers behind the curves widget, against the server's (fixture.json, see tests/parity.py) and by hand.
import assert from "node:assert/strict";
import test from "node:test";

import { fixture } from "./fixture.mjs";

import { apart, at, decades, place, power, range, thinned, ticks, unplace } from "../../playground/page/widgets/lib/axis.js";
import { float64 } from "../../playground/page/widgets/lib/bytes.js";
import { EPS_SCALE, freshNoise } from "../../playground/page/widgets/maths/forward.js";
import { normals } from "../../playground/page/widgets/maths/mixture.js";
import { shrunk } from "../../playground/page/widgets/maths/pictures.js";
import { alphaAt, inverse, levels, moved, tenths, through, views, written } from "../../playground/page/widgets/maths/schedule.js";


const near = (got, want, tolerance = 1e-9) => assert.ok(Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want)), `${got} is not ${want}`);

test("every view of a schedule is what the server says", () => {
  for (const { name, alpha_bar, views: wanted } of fixture.schedules) {
    const a = float64(alpha_bar);
    for (const [view, want] of Object.entries(wanted)) {
      const got = views[view](a);
      assert.equal(got.length, want.length);
      want.forEach((y, t) => (y === null ? assert.ok(!Number.isFinite(got[t]), `${name} ${view} ${t}: ${got[t]}`) : near(got[t], y, 1e-8)));
    }
  }
});

test("ᾱ between two whole t is the server's", () => {
  let most = 0;
  for (const { name, alpha_bar, between } of fixture.schedules) {
    const a = float64(alpha_bar);
    for (const [t, want] of between) {
      const got = alphaAt(a, t);
      near(got, want, 1e-12);
      const nats = (x) => Math.log(x / (1 - x));
      if (want > 0 && want < 1) near(nats(got), nats(want), 1e-8);
      most += 1;
    }
    assert.equal(alphaAt(a, a.length + 3), a[a.length - 1], name);
  }
  assert.ok(most > 80);
});

test("the levels of a strip are the server's", () => {
  for (const [T, want] of fixture.levels) assert.deepEqual(levels(T), want);
});

test("points are written as the server writes them", () => {
  for (const [points, want] of fixture.written) assert.equal(written(points), want);
});

test("a drawn curve is the server's", () => {
  for (const { points, T, alpha_bar } of fixture.drawn) {
    const got = through(points, T);
    float64(alpha_bar).forEach((y, t) => near(got[t], y, 1e-12));
  }
});

test("a drawn curve goes through its points, starts at 1 and always falls", () => {
  const points = [1, 0.9, 0.9, 0.3, 0.3, 0.3, 0];
  const got = through(points, 600);
  assert.equal(got[0], 1);
  points.forEach((y, k) => near(got[100 * k], y, 1e-3));
  for (let t = 1; t <= 600; t++) assert.ok(got[t] < got[t - 1] && got[t] > 0);
  assert.equal(through([1, 0.5], 1).length, 2);
});

test("inverses undo their views", () => {
  for (const a of [0.001, 0.2, 0.5, 0.999]) {
    for (const view of Object.keys(inverse)) near(inverse[view](views[view](Float64Array.of(a))[0]), a);
  }
});

test("a moved point takes along what is in its way, and the curve never rises", () => {
  const points = [1, 0.8, 0.6, 0.4, 0.2];
  assert.deepEqual(moved(points, 2, 0.9), [1, 0.9, 0.9, 0.4, 0.2]);
  assert.deepEqual(moved(points, 2, 0.1), [1, 0.8, 0.1, 0.1, 0.1]);
  assert.deepEqual(moved(points, 4, -3), [1, 0.8, 0.6, 0.4, 0]);
  assert.deepEqual(moved(points, 1, 7), [1, 1, 0.6, 0.4, 0.2]);
  assert.deepEqual(moved(points, 0, 0.1), points.map((p, i) => (i ? Math.min(p, 0.1) : 1)));
});

test("the value of a line at any x", () => {
  const [xs, ys] = [[0, 10, 20], [1, 3, null]];
  assert.equal(at(xs, ys, 0), 1);
  assert.equal(at(xs, ys, 5), 2);
  assert.equal(at(xs, ys, 10), 3);
  assert.ok(Number.isNaN(at(xs, ys, 15)));
  assert.ok(Number.isNaN(at(xs, ys, 21)));
  assert.ok(Number.isNaN(at([], [], 1)));
  assert.equal(at([4], [2], 4), 2);
});

test("places on linear and log axes, and back", () => {
  assert.equal(place(0.25, [0, 1], false, 200), 50);
  near(place(0.1, [0.01, 1], true, 200), 100);
  assert.equal(place(9, [0, 1], false, 200), 200);
  assert.equal(place(0, [0.01, 1], true, 200), 0);
  near(unplace(100, [0.01, 1], true, 200), 0.1);
  near(unplace(50, [0, 1], false, 200), 0.25);
});

test("ranges hold every finite value", () => {
  const [low, high] = range([[0.1, 0.9, null], [NaN, 0.5]], false);
  assert.ok(low <= 0.1 && high >= 0.9);
  const log = range([[0, 1e-3, 5, Infinity]], true);
  assert.ok(log[0] > 0 && log[0] <= 1e-3 && log[1] >= 5 && log[1] < 10);
  assert.ok(Math.abs(range([[1e-9, 1]], true)[0] - 1e-6) < 1e-12);
  assert.deepEqual(range([[null]], false), [0, 1]);
  assert.deepEqual(range([], true), [0.1, 1]);
});

test("labels move apart by no more than they must", () => {
  assert.deepEqual(apart([50], 10, 0, 100), [50]);
  assert.deepEqual(apart([20, 80], 10, 0, 100), [20, 80]);
  assert.deepEqual(apart([50, 50], 10, 0, 100), [45, 55]);
  assert.deepEqual(apart([100, 100, 100], 10, 0, 100), [80, 90, 100]);
  assert.deepEqual(apart([99, 3, 98], 10, 0, 100), [100, 3, 90]);
  assert.deepEqual(apart([5, 5, 5], 90, 0, 100), [0, 50, 100]);
  assert.deepEqual(apart([], 10, 0, 100), []);
});

test("levels and thinned lines keep both ends", () => {
  assert.deepEqual(levels(9), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const T of [1, 7, 400, 401, 4000]) {
    const ts = thinned(T);
    assert.ok(ts[0] === 0 && ts[ts.length - 1] === T && ts.length <= 402);
    for (let i = 1; i < ts.length; i++) assert.ok(ts[i] > ts[i - 1]);
  }
});

test("a shrunk picture is the mean of its pixels", () => {
  const n = 4;
  const x0 = Float32Array.from({ length: 3 * n * n }, (_, i) => (i % 3 === 0 ? Math.floor(i / 3) : i % 3));
  const got = shrunk(x0, 4, 2);
  assert.deepEqual(Array.from(got), [2.5, 1, 2, 4.5, 1, 2, 10.5, 1, 2, 12.5, 1, 2]);
  assert.equal(shrunk(x0, 4, 4), x0);
  assert.deepEqual(Array.from(shrunk(Float32Array.of(0.5, -0.5, 1), 1, 2)), [0.5, -0.5, 1, 0.5, -0.5, 1, 0.5, -0.5, 1, 0.5, -0.5, 1]);
});

test("ticks are round numbers, and powers of ten on a log axis", () => {
  assert.deepEqual(ticks(0, 1000, 9), [0, 200, 400, 600, 800, 1000]);
  assert.deepEqual(ticks(0, 1, 6), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(-15, 15, 6), [-15, -10, -5, 0, 5, 10, 15]);
  assert.deepEqual(ticks(0.31, 0.44, 6), [0.35, 0.4]);
  assert.deepEqual(decades(1e-5, 1, 8).map(power), ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1"]);
  assert.deepEqual(decades(0.2, 3000, 8).map(power), ["1", "10", "10²", "10³"]);
  assert.deepEqual(decades(1e-20, 1, 8).map(power), ["10⁻²⁰", "10⁻¹⁷", "10⁻¹⁴", "10⁻¹¹", "10⁻⁸", "10⁻⁵", "10⁻²"]);
});

test("tenths of T are the levels of the notebooks' strips, and where T has not ten steps, all of them", () => {
  assert.deepEqual(tenths(300), [0, 30, 60, 90, 120, 150, 180, 210, 240, 270]);
  assert.deepEqual(tenths(1000).at(-1), 900);
  assert.deepEqual(tenths(3), [0, 1, 2]);
});

test("fresh noise is standard normal as it travels, and the seed's", () => {
  const eps = freshNoise(30000, normals(7));
  const moment = (p) => eps.reduce((sum, e) => sum + (e / EPS_SCALE) ** p, 0) / eps.length;
  assert.ok(Math.abs(moment(1)) < 0.02 && Math.abs(moment(2) - 1) < 0.03);
  assert.deepEqual(freshNoise(10, normals(7)), eps.slice(0, 10));
});
