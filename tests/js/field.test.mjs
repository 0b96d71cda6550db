import assert from "node:assert/strict";
import test from "node:test";

import { fixture } from "./fixture.mjs";

import * as Field from "../../playground/page/widgets/maths/mixture.js";

const { field: cases } = fixture;

const close = (have, want, tolerance, what) =>
  assert.ok(Math.abs(have - want) <= tolerance * (1 + Math.abs(want)), `${what}: ${have}, not ${want}`);
const single = (std) => Field.mixture([0.4, -0.7], std);

test("log-density, score, ε̂ and x̂0 are those of the Python package", () => {
  assert.ok(cases.length >= 14);
  for (const c of cases) {
    const mix = Field.mixture(c.points, c.std);
    c.places.forEach(([x, y], i) => {
      const s = Field.at(mix, c.alpha_bar, x, y);
      const there = `ᾱ ${c.alpha_bar} at (${x}, ${y})`;
      close(s.logq, c.log_density[i], 1e-9, `log q ${there}`);
      close(s.sx, c.score[i][0], 1e-9, `score ${there}`);
      close(s.sy, c.score[i][1], 1e-9, `score ${there}`);
      close(s.ex, c.eps[i][0], 1e-6, `ε̂ ${there}`); // Python's own loses digits where the noise is small
      close(s.ey, c.eps[i][1], 1e-6, `ε̂ ${there}`);
      close(s.x0, c.x0[i][0], 1e-9, `x̂0 ${there}`);
      close(s.y0, c.x0[i][1], 1e-9, `x̂0 ${there}`);
    });
  }
});

test("x is √ᾱ x̂0 + √(1−ᾱ) ε̂, and the score −ε̂/√(1−ᾱ)", () => {
  for (const { points, std, alpha_bar } of cases.filter((c) => c.alpha_bar < 1)) {
    const s = Field.at(Field.mixture(points, std), alpha_bar, -1.1, 0.6);
    close(Math.sqrt(alpha_bar) * s.x0 + Math.sqrt(1 - alpha_bar) * s.ex, -1.1, 1e-10, "x");
    close(-s.ey / Math.sqrt(1 - alpha_bar), s.sy, 1e-9, "score");
  }
});

test("the density on the grid is the density of its pixels, and the whole of it is 1", () => {
  for (const alphaBar of [0.98, 0.5, 0.01]) {
    const mix = Field.mixture(cases[0].points, cases[0].std),
      size = 96,
      h = (2 * Field.EXTENT) / size;
    const q = Field.density(mix, alphaBar, size);
    let sum = 0;
    for (const v of q) sum += v * h * h;
    close(sum, 1, 0.01, "the mass in the picture"); // N(0, 1) has 0.27 % of itself outside
    for (const [i, j] of [
      [48, 48],
      [10, 70],
      [61, 33],
    ]) {
      const s = Field.at(mix, alphaBar, (i + 0.5) * h - Field.EXTENT, Field.EXTENT - (j + 0.5) * h);
      close(q[j * size + i], Math.exp(s.logq), 1e-4, `pixel ${i}, ${j}`);
    }
  }
});

test("a contour of a Gaussian is a circle that holds its share of the probability", () => {
  const std = 0.3,
    mix = single(std),
    size = 128,
    q = Field.density(mix, 1, size),
    shares = [0.2, 0.5, 0.8, 0.95];
  const { levels } = Field.massLevels(q, shares);
  levels.forEach((level, k) => {
    const want = std * Math.sqrt(-2 * Math.log(1 - shares[k])); // P(r < R) = 1 − exp(−R²/2σ²)
    let pieces = 0;
    Field.contour(q, size, level, (x1, y1) => {
      const h = (2 * Field.EXTENT) / size,
        x = (x1 + 0.5) * h - Field.EXTENT - 0.4,
        y = Field.EXTENT - (y1 + 0.5) * h + 0.7;
      close(Math.hypot(x, y), want, 0.02, `radius for ${shares[k]}`);
      pieces++;
    });
    assert.ok(pieces > 20);
  });
});

test("a contour of two touching bumps closes, saddles too", () => {
  const mix = Field.mixture([-0.5, -0.5, 0.5, 0.5], 0.42),
    size = 32,
    q = Field.density(mix, 1, size),
    ends = new Map();
  const { levels } = Field.massLevels(q, [0.3, 0.5, 0.6, 0.7, 0.9]);
  for (const level of levels) {
    ends.clear();
    Field.contour(q, size, level, (...p) => {
      for (const key of [`${p[0].toFixed(6)},${p[1].toFixed(6)}`, `${p[2].toFixed(6)},${p[3].toFixed(6)}`])
        ends.set(key, (ends.get(key) || 0) + 1);
    });
    assert.ok(ends.size > 8 && [...ends.values()].every((n) => n === 2), "each end of a piece meets one other");
  }
});

test("where two bumps touch, the contour joins them if the middle is above it", () => {
  const lines = (level) => {
    const found = [];
    Field.contour([1, 0.1, 0.1, 1], 2, level, (...p) => found.push(p)); // high at top left and bottom right
    return found.map(([x1, y1, x2, y2]) =>
      [y1 === 0, x2 === 1, x1 === 1, y2 === 1, x2 === 0, y1 === 1].map(Number).join(""),
    );
  };
  assert.deepEqual(lines(0.4), ["110000", "000011"]); // the two low corners are cut off
  assert.deepEqual(lines(0.7), ["100010", "001100"]); // the two high corners are
});

test("the normal numbers are normal, and the seed's", () => {
  const one = Field.normals(7),
    two = Field.normals(7),
    three = Field.normals(8),
    xs = Array.from({ length: 20000 }, one);
  assert.deepEqual(xs.slice(0, 50), Array.from({ length: 50 }, two));
  assert.notEqual(xs[0], three());
  const moment = (p) => xs.reduce((s, x) => s + x ** p, 0) / xs.length;
  close(moment(1), 0, 0.03, "mean");
  close(moment(2), 1, 0.04, "variance");
  close(moment(4), 3, 0.08, "fourth moment");
});

test("a Langevin step is x + δ·score + √(2δ)z with δ = step · (1 − ᾱ)", () => {
  const mix = Field.mixture(cases[0].points, cases[0].std),
    ab = 0.6,
    z = [0.3, -1.2],
    xs = [0.5, 1.1],
    s = Field.at(mix, ab, 0.5, 1.1);
  let i = 0;
  Field.langevin(mix, ab, xs, 0.2, () => z[i++]);
  close(xs[0], 0.5 + 0.08 * s.sx + 0.4 * 0.3, 1e-12, "x");
  close(xs[1], 1.1 + 0.08 * s.sy + 0.4 * -1.2, 1e-12, "y");
});

test("uphill, without noise, every particle ends on a peak: where the score is 0 and q_t is highest around", () => {
  const mix = Field.mixture(cases[0].points, cases[0].std),
    ab = 0.8,
    xs = Float64Array.from({ length: 40 }, Field.normals(3)),
    start = xs.slice(),
    delta = 0.1 * (1 - ab);
  const before = Field.at(mix, ab, xs[0], xs[1]);
  Field.ascent(mix, ab, xs, 0.1);
  close(xs[0], start[0] + delta * before.sx, 1e-12, "one step, no noise");
  for (let k = 0; k < 3000; k++) Field.ascent(mix, ab, xs, 1);
  for (let k = 0; k < xs.length; k += 2) {
    const s = Field.at(mix, ab, xs[k], xs[k + 1]);
    close(Math.hypot(s.sx, s.sy), 0, 0.01, "score at the end");
    for (const [dx, dy] of [[0.02, 0], [-0.02, 0], [0, 0.02], [0, -0.02]])
      assert.ok(Field.at(mix, ab, xs[k] + dx, xs[k + 1] + dy).logq <= s.logq + 1e-9, "a peak");
  }
  assert.ok(Field.spread(xs) < 0.9 * Field.spreadOf(mix, ab), "less spread than q_t");
});

test("Langevin settles at the spread that its step size gives a Gaussian: v / (1 − δ/2v)", () => {
  const mix = single(0.5),
    ab = 0.4,
    normal = Field.normals(1),
    xs = Float64Array.from({ length: 4000 }, normal);
  const v = Field.rates(mix, ab).variance;
  for (const step of [0.1, 0.5]) {
    for (let k = 0; k < 120; k++) Field.langevin(mix, ab, xs, step, normal);
    close(Field.spread(xs), Math.sqrt(v / (1 - (step * 0.6) / (2 * v))), 0.04, `spread at step ${step}`);
  }
});

test("the spread of q_t is that of its samples", () => {
  const mix = Field.mixture(cases[0].points, cases[0].std);
  for (const ab of [1, 0.5, 0]) close(Field.spreadOf(mix, ab), 1, 1e-9, "a cloud of variance 1 keeps it");
});

test("the clock finds its frame, and the frame its clock", () => {
  const ts = [1000, 750, 500, 0];
  for (const u of [0, 0.25, 1, 1.5, 2.9, 3]) close(Field.frameAt(ts, Field.timeAt(ts, u)), u, 1e-12, "frame");
  assert.equal(Field.frameAt(ts, 2000), 0);
  assert.equal(Field.frameAt(ts, -1), 3);
  assert.equal(Field.frameAt([500], 200), 0);
  assert.equal(Field.timeAt([500], 0), 500);
});

test("between two frames particles go straight", () => {
  const paths = Float32Array.from([0, 0, 1, 1, 2, 4, 1, 3]); // 2 frames of 2 particles
  assert.deepEqual([...Field.particlesAt(paths, 2, 2, 0.5)], [1, 2, 1, 2]);
  assert.deepEqual([...Field.particlesAt(paths, 2, 2, 1)], [2, 4, 1, 3]);
});
