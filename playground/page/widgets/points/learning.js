/** A net that learns the score of a cloud: Algorithm 1 of Ho et al. 2020 in the plane, and what it knows so far.
 *
 * The cloud is a mixture of round Gaussians, so the exact answer stands beside every guess. Pure: no document.
 */
import { at, EXTENT, normals } from "../maths/mixture.js";
import { Adam, features, LOSSES, Net } from "./net.js";

export const BINS = 10; // of t, for the loss by noise level
const MEAN = 0.02; // weight of a new batch in the running means
const DECAY = 0.99; // of the running mean of the weights, which is the net that is shown

/** x̂0 and ε̂ from what a net puts out; `out` gets {x0, eps} of one coordinate. */
const READ = {
  eps: (out, x, s, n) => [(x - n * out) / s, out],
  x0: (out, x, s, n) => [out, (x - s * out) / n],
  v: (out, x, s, n) => [s * x - n * out, n * x + s * out],
};
/** What a net that predicts this should have said. */
const TARGET = {
  eps: (x0, eps) => eps,
  x0: (x0) => x0,
  v: (x0, eps, s, n) => s * eps - n * x0,
};

export class Learning {
  /**
   * mix: as `mixture(points, std)` makes it; alphaBar: of t = 0 … T; settings: {prediction, width, layers, seed} fixed
   * from here on, and {loss, rate, batch}, which may change between two steps.
   */
  constructor(mix, alphaBar, settings) {
    this.mix = mix;
    this.alphaBar = alphaBar;
    this.settings = settings;
    this.T = alphaBar.length - 1;
    const seed = settings.seed;
    this.uniform = uniforms(seed);
    this.normal = normals(seed ^ 0x5bd1e995);
    this.net = new Net({ ...settings, uniform: uniforms(seed + 1) });
    this.adam = new Adam(this.net.parameters.length);
    this.weights = this.net.parameters.slice(); // their running mean, without the noise of the last batches
    this.steps = 0;
    this.loss = this.mean = NaN;
    this.byLevel = new Float64Array(BINS).fill(NaN);
    this.exact = {};
  }

  /** Draws a batch of {x0, eps, t}: points of the cloud, noises and t = 1 … T, all at random. */
  draw(count) {
    const { mix, T } = this,
      x0 = new Float64Array(2 * count),
      eps = new Float64Array(2 * count),
      t = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const k = Math.floor(this.uniform() * mix.K);
      x0[2 * i] = mix.mx[k] + mix.std * this.normal();
      x0[2 * i + 1] = mix.my[k] + mix.std * this.normal();
      eps[2 * i] = this.normal();
      eps[2 * i + 1] = this.normal();
      t[i] = 1 + Math.floor(this.uniform() * T);
    }
    return { x0, eps, t };
  }

  /** One step of Algorithm 1 on a batch; returns its loss, the mean over rows and coordinates. */
  step(batch = this.draw(this.settings.batch)) {
    const { net, alphaBar, T, settings } = this,
      { x0, eps, t } = batch,
      rows = t.length,
      target = TARGET[settings.prediction],
      loss = LOSSES[settings.loss];
    const inputs = net.inputs(rows),
      goals = new Float64Array(2 * rows);
    for (let i = 0; i < rows; i++) {
      const s = Math.sqrt(alphaBar[t[i]]),
        n = Math.sqrt(Math.max(0, 1 - alphaBar[t[i]])),
        j = 2 * i;
      features(inputs, i, s * x0[j] + n * eps[j], s * x0[j + 1] + n * eps[j + 1], t[i] / T);
      for (const k of [j, j + 1]) goals[k] = target(x0[k], eps[k], s, n);
    }
    const outputs = net.forward(rows),
      sums = new Float64Array(BINS),
      counts = new Float64Array(BINS);
    let total = 0;
    for (let k = 0; k < 2 * rows; k++) {
      const difference = outputs[k] - goals[k],
        value = loss.value(difference),
        bin = Math.min(BINS - 1, Math.floor((BINS * (t[k >> 1] - 1)) / T));
      total += value;
      sums[bin] += value;
      counts[bin]++;
      goals[k] = loss.slope(difference) / (2 * rows); // the goals are not needed any more
    }
    net.backward(goals, rows);
    this.adam.step(net.parameters, net.gradients, settings.rate);
    const weights = this.weights,
      share = 1 - Math.min(DECAY, (1 + this.steps) / (10 + this.steps));
    for (let i = 0; i < weights.length; i++) weights[i] += share * (net.parameters[i] - weights[i]);
    this.steps++;
    this.loss = total / (2 * rows);
    this.mean = smoothed(this.mean, this.loss);
    for (let b = 0; b < BINS; b++) {
      if (counts[b]) this.byLevel[b] = smoothed(this.byLevel[b], sums[b] / counts[b]);
    }
    return this.loss;
  }

  /** What the net believes at points xs (x, y, x, y, …) and t: {x0, eps}, as flat as xs. */
  belief(xs, t) {
    const { net, alphaBar, T } = this,
      rows = xs.length / 2,
      inputs = net.inputs(rows),
      read = READ[this.settings.prediction],
      s = Math.sqrt(alphaBar[t]),
      n = Math.sqrt(Math.max(1e-12, 1 - alphaBar[t]));
    for (let i = 0; i < rows; i++) features(inputs, i, xs[2 * i], xs[2 * i + 1], t / T);
    const outputs = net.forward(rows, this.weights),
      x0 = new Float64Array(2 * rows),
      eps = new Float64Array(2 * rows);
    for (let k = 0; k < 2 * rows; k++) [x0[k], eps[k]] = read(outputs[k], xs[k], Math.max(s, 1e-6), n);
    return { x0, eps };
  }

  /** The same of the exact denoiser. */
  truth(xs, t) {
    const x0 = new Float64Array(xs.length),
      eps = new Float64Array(xs.length),
      out = this.exact;
    for (let k = 0; k < xs.length; k += 2) {
      at(this.mix, this.alphaBar[t], xs[k], xs[k + 1], out);
      x0[k] = out.x0;
      x0[k + 1] = out.y0;
      eps[k] = out.ex;
      eps[k + 1] = out.ey;
    }
    return { x0, eps };
  }

  /** Particles from N(0, 1) to data in some DDIM steps (Song et al. 2021, η = 0), by `belief` or `truth`. */
  sample(count, steps, seed, who = "belief") {
    const normal = normals(seed),
      xs = Float64Array.from({ length: 2 * count }, normal),
      { alphaBar, T } = this;
    const visits = Math.min(steps, T);
    for (let k = 0; k < visits; k++) {
      const t = Math.round(T - (k * T) / visits),
        next = Math.round(T - ((k + 1) * T) / visits);
      const { x0 } = this[who](xs, t);
      const [s, n] = [Math.sqrt(alphaBar[t]), Math.sqrt(Math.max(1e-12, 1 - alphaBar[t]))],
        [s2, n2] = [Math.sqrt(alphaBar[next]), Math.sqrt(Math.max(0, 1 - alphaBar[next]))];
      for (let i = 0; i < xs.length; i++) {
        const clean = Math.max(-EXTENT, Math.min(EXTENT, x0[i]));
        xs[i] = s2 * clean + (n2 * (xs[i] - s * clean)) / n;
      }
    }
    return xs;
  }

  /**
   * How much of the exact score the net has learnt: 1 − Σ(ε̂ − ε*)² / Σ(ε* − ε°)², over points of q_t at
   * t of every level, where ε° is what one would say knowing nothing but the size of the noise, √(1−ᾱ)·x.
   * 1 is the exact score; 0 is no better than taking the cloud for one round Gaussian.
   */
  learnt(count = 400, seed = 1) {
    const uniform = uniforms(seed),
      normal = normals(seed + 1),
      { mix, alphaBar, T } = this,
      levels = 20;
    let missed = 0,
      known = 0;
    for (let level = 0; level < levels; level++) {
      const t = Math.max(1, Math.round(((level + 0.5) * T) / levels)),
        s = Math.sqrt(alphaBar[t]),
        n = Math.sqrt(Math.max(0, 1 - alphaBar[t])),
        xs = new Float64Array(2 * Math.ceil(count / levels));
      for (let i = 0; i < xs.length; i += 2) {
        const k = Math.floor(uniform() * mix.K);
        xs[i] = s * (mix.mx[k] + mix.std * normal()) + n * normal();
        xs[i + 1] = s * (mix.my[k] + mix.std * normal()) + n * normal();
      }
      const guess = this.belief(xs, t).eps,
        exact = this.truth(xs, t).eps;
      for (let i = 0; i < xs.length; i++) {
        missed += (guess[i] - exact[i]) ** 2;
        known += (exact[i] - n * xs[i]) ** 2;
      }
    }
    return 1 - missed / known;
  }
}

const smoothed = (mean, value) => (Number.isNaN(mean) ? value : mean + MEAN * (value - mean));

/** A seeded stream of numbers in [0, 1): mulberry32, as `normals` has it. */
export function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}
