/** A small MLP that is trained in the page: its arithmetic and Adam's, tested in node against PyTorch's.
 *
 * Everything is float64 and lies in flat arrays. Rows are examples: inputs (n × FEATURES), outputs (n × 2).
 */

/** What the net sees of a point and its t: x, y and t/T, and sinusoids of each (Tancik et al. 2020, arXiv:2006.10739). */
const IN_TIME = [0.5, 1, 2, 4];
const IN_SPACE = [0.25, 0.5, 1];
export const FEATURES = 3 + 2 * IN_TIME.length + 4 * IN_SPACE.length;

/** Writes the features of (x, y) at u = t/T into row `row` of `out`. */
export function features(out, row, x, y, u) {
  let o = row * FEATURES;
  out[o++] = x;
  out[o++] = y;
  out[o++] = u;
  const wave = (angle) => {
    out[o++] = Math.sin(angle);
    out[o++] = Math.cos(angle);
  };
  for (const frequency of IN_TIME) wave(2 * Math.PI * frequency * u);
  for (const frequency of IN_SPACE) {
    wave(2 * Math.PI * frequency * x);
    wave(2 * Math.PI * frequency * y);
  }
}

/** Losses of a difference d = output − target, as PyTorch's mse_loss, l1_loss and huber_loss (δ = 1); and dloss/dd. */
export const LOSSES = {
  mse: { value: (d) => d * d, slope: (d) => 2 * d },
  l1: { value: Math.abs, slope: Math.sign },
  huber: {
    value: (d) => (Math.abs(d) < 1 ? 0.5 * d * d : Math.abs(d) - 0.5),
    slope: (d) => Math.max(-1, Math.min(1, d)),
  },
};

/** FEATURES → width → … → 2 with SiLU between: `layers` hidden layers. */
export class Net {
  /** uniform: a stream of numbers in [0, 1); weights start as PyTorch's Linear does, uniform within ±1/√inputs. */
  constructor({ width, layers, uniform }) {
    const sizes = [FEATURES, ...Array(layers).fill(width), 2];
    /** @type {any[]} */
    this.layers = [];
    let count = 0;
    for (let k = 0; k + 1 < sizes.length; k++) {
      const [inputs, outputs] = [sizes[k], sizes[k + 1]];
      this.layers.push({ inputs, outputs, weight: count, bias: count + inputs * outputs });
      count += (inputs + 1) * outputs;
    }
    this.parameters = new Float64Array(count);
    this.gradients = new Float64Array(count);
    for (const { inputs, outputs, weight } of this.layers) {
      const bound = 1 / Math.sqrt(inputs);
      for (let i = 0; i < (inputs + 1) * outputs; i++) this.parameters[weight + i] = bound * (2 * uniform() - 1);
    }
    this.rows = 0;
  }

  /** Room for so many rows: what goes into each layer, what comes out before SiLU, and the gradients of both. */
  #fit(rows) {
    if (rows <= this.rows) return;
    this.rows = rows;
    for (const layer of this.layers) {
      layer.input = new Float64Array(rows * layer.inputs);
      layer.output = new Float64Array(rows * layer.outputs);
      layer.inputSlope = new Float64Array(rows * layer.inputs);
      layer.outputSlope = new Float64Array(rows * layer.outputs);
    }
  }

  /** Where the next call of `forward` reads its rows from. */
  inputs(rows) {
    this.#fit(rows);
    return this.layers[0].input;
  }

  /** Runs the first `rows` rows of `inputs` through; returns the outputs, which the next call overwrites. */
  forward(rows, p = this.parameters) {
    this.layers.forEach(({ inputs, outputs, weight, bias, input, output }, k) => {
      for (let r = 0; r < rows; r++) {
        const from = r * inputs;
        for (let o = 0; o < outputs; o++) {
          let w = weight + o * inputs,
            i = from,
            a = 0,
            b = 0;
          const end = from + (inputs & ~1);
          while (i < end) {
            a += p[w++] * input[i++];
            b += p[w++] * input[i++];
          }
          if (inputs & 1) a += p[w] * input[i];
          output[r * outputs + o] = a + b + p[bias + o];
        }
      }
      const next = this.layers[k + 1];
      if (next) {
        const silu = next.input;
        for (let i = 0; i < rows * outputs; i++) silu[i] = output[i] / (1 + Math.exp(-output[i]));
      }
    });
    return this.layers[this.layers.length - 1].output;
  }

  /** The gradients of a loss, given its slope with respect to each output of the last `forward` (rows × 2). */
  backward(slopes, rows) {
    const p = this.parameters,
      g = this.gradients;
    g.fill(0);
    this.layers[this.layers.length - 1].outputSlope.set(slopes.subarray(0, 2 * rows));
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const { inputs, outputs, weight, bias, input, inputSlope, outputSlope } = this.layers[k];
      if (k) inputSlope.fill(0, 0, rows * inputs);
      for (let r = 0; r < rows; r++) {
        const from = r * inputs;
        for (let o = 0; o < outputs; o++) {
          const slope = outputSlope[r * outputs + o];
          g[bias + o] += slope;
          let w = weight + o * inputs;
          if (k)
            for (let i = from; i < from + inputs; i++, w++) {
              g[w] += slope * input[i];
              inputSlope[i] += slope * p[w];
            }
          else for (let i = from; i < from + inputs; i++, w++) g[w] += slope * input[i];
        }
      }
      if (k) {
        const { output, outputSlope: before } = this.layers[k - 1];
        for (let i = 0; i < rows * inputs; i++) {
          const gate = 1 / (1 + Math.exp(-output[i]));
          before[i] = inputSlope[i] * gate * (1 + output[i] * (1 - gate));
        }
      }
    }
    return g;
  }
}

/** Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1) with the defaults of PyTorch. */
export class Adam {
  constructor(count, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = {}) {
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.epsilon = epsilon;
    this.steps = 0;
    this.first = new Float64Array(count);
    this.second = new Float64Array(count);
  }

  step(parameters, gradients, rate) {
    const { beta1, beta2, epsilon, first, second } = this;
    this.steps++;
    const size = rate / (1 - beta1 ** this.steps),
      root = Math.sqrt(1 - beta2 ** this.steps);
    for (let i = 0; i < parameters.length; i++) {
      const g = gradients[i];
      first[i] = beta1 * first[i] + (1 - beta1) * g;
      second[i] = beta2 * second[i] + (1 - beta2) * g * g;
      parameters[i] -= (size * first[i]) / (Math.sqrt(second[i]) / root + epsilon);
    }
  }
}
