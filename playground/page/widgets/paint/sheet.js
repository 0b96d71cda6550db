/* Sheet: what is painted, as the pixels that the model sees. Pure: no document, so node can test it.
 *
 * Three layers of n × n: a picture in RGB over a ground, a mask (what is to be made anew), and lines. A stroke covers each
 * pixel by how far it reaches into it, once, however often the hand crosses it.
 */

export const WHITE = [255, 255, 255];
const KEPT = 100; // strokes that can be taken back

export class Sheet {
  /** @param {number} n pixels a side */
  constructor(n) {
    this.n = n;
    this.ground = new Uint8ClampedArray(3 * n * n).fill(255);
    /** @type {{pixels: ArrayLike<number>, n: number} | null} what the ground was made of: a larger sheet has more of it */
    this.source = null;
    this.layers = {
      picture: this.ground.slice(),
      mask: new Uint8ClampedArray(n * n),
      lines: new Uint8ClampedArray(n * n),
    };
    this.layer = "picture";
    this.past = [];
    this.future = [];
    this.stroke = null;
  }

  get pixels() {
    return this.layers[this.layer];
  }

  /** Bytes a pixel of the layer in hand. */
  get depth() {
    return this.layer === "picture" ? 3 : 1;
  }

  // ------------------------------------------------------------------ the past

  keep() {
    this.past.push({ layer: this.layer, pixels: this.pixels.slice(), ground: this.ground, source: this.source });
    if (this.past.length > KEPT) this.past.shift();
    this.future = [];
  }

  travel(from, to) {
    const step = from.pop();
    if (!step) return false;
    to.push({ layer: step.layer, pixels: this.layers[step.layer], ground: this.ground, source: this.source });
    this.layers[step.layer] = step.pixels;
    this.ground = step.ground;
    this.source = step.source;
    return true;
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  /** The layer in hand as it was before anything was painted on it. */
  clear() {
    this.keep();
    this.layers[this.layer] = this.layer === "picture" ? this.ground.slice() : new Uint8ClampedArray(this.n * this.n);
  }

  /** Another picture to paint on: m × m RGB bytes. What was painted is gone, and can be taken back. */
  put(rgb, remember = true, m = this.n) {
    const { layer } = this;
    this.layer = "picture";
    if (remember) this.keep();
    this.source = { pixels: rgb, n: m };
    this.ground = resize(rgb, m, this.n, 3);
    this.layers.picture = this.ground.slice();
    this.layer = layer;
  }

  // ------------------------------------------------------------------ painting

  /** Begins a stroke of a colour [r, g, b]; null erases: back to the ground, or to nothing. */
  begin(colour) {
    this.keep();
    this.stroke = { colour, cover: new Float32Array(this.n * this.n), before: this.pixels.slice() };
  }

  end() {
    this.stroke = null;
  }

  /** Goes on with the stroke from one place to another (pixels, fractions allowed), as a round brush of that radius. */
  line(x0, y0, x1, y1, radius) {
    const { n, stroke, pixels, depth } = this;
    const reach = radius + 1;
    const [left, right] = span(x0, x1, reach, n);
    const [top, bottom] = span(y0, y1, reach, n);
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const cover = Math.min(1, Math.max(0, radius + 0.5 - distance));
        const p = y * n + x;
        if (cover <= stroke.cover[p]) continue;
        stroke.cover[p] = cover;
        if (depth === 1) {
          if (cover >= 0.5) pixels[p] = stroke.colour ? 255 : 0;
          continue;
        }
        for (let c = 0; c < 3; c++) {
          const ink = stroke.colour ? stroke.colour[c] : this.ground[3 * p + c];
          pixels[3 * p + c] = stroke.before[3 * p + c] + cover * (ink - stroke.before[3 * p + c]);
        }
      }
    }
  }

  /** Fills what hangs together with (x, y) and is about as coloured; null erases it. */
  flood(x, y, colour, tolerance = 48) {
    const { n, depth } = this;
    this.keep();
    const { pixels } = this;
    const before = pixels.slice();
    const first = Math.floor(y) * n + Math.floor(x);
    const near = (p) => {
      for (let c = 0; c < depth; c++) if (Math.abs(before[depth * p + c] - before[depth * first + c]) > tolerance) return false;
      return true;
    };
    const seen = new Uint8Array(n * n);
    const open = [first];
    seen[first] = 1;
    while (open.length) {
      const p = open.pop();
      for (let c = 0; c < depth; c++) {
        pixels[depth * p + c] = depth === 1 ? (colour ? 255 : 0) : colour ? colour[c] : this.ground[3 * p + c];
      }
      const column = p % n;
      /** @type {[number, boolean][]} */
      const beside = [[p - 1, column > 0], [p + 1, column < n - 1], [p - n, p >= n], [p + n, p < n * (n - 1)]];
      for (const [next, inside] of beside) {
        if (inside && !seen[next] && near(next)) {
          seen[next] = 1;
          open.push(next);
        }
      }
    }
  }

  /** [r, g, b] of the picture at (x, y). */
  colour(x, y) {
    const p = 3 * (Math.floor(y) * this.n + Math.floor(x));
    return [...this.layers.picture.subarray(p, p + 3)];
  }

  /** Has anything been painted on a layer? */
  touched(layer = this.layer) {
    const pixels = this.layers[layer];
    return layer === "picture" ? pixels.some((value, i) => value !== this.ground[i]) : pixels.some(Boolean);
  }

  /** The same on m × m pixels; its past stays behind. */
  resized(m) {
    const sheet = new Sheet(m);
    sheet.layer = this.layer;
    const whole = this.source && !this.touched("picture");
    sheet.source = whole ? this.source : null;
    sheet.ground = whole ? resize(this.source.pixels, this.source.n, m, 3) : resize(this.ground, this.n, m, 3);
    for (const [name, pixels] of Object.entries(this.layers)) {
      if (name !== "picture") sheet.layers[name] = resize(pixels, this.n, m, 1).map((value) => (value > 64 ? 255 : 0));
      else sheet.layers.picture = whole ? sheet.ground.slice() : resize(pixels, this.n, m, 3);
    }
    return sheet;
  }
}

/** The whole pixels between two places and `reach` beyond them. */
function span(a, b, reach, n) {
  return [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(n, Math.ceil(Math.max(a, b) + reach))];
}

/** n × n pixels of `depth` bytes as m × m: the mean of the area that each covers. */
export function resize(pixels, n, m, depth) {
  if (n === m) return Uint8ClampedArray.from(pixels);
  const shares = Array.from({ length: m }, (_, i) => {
    const [from, to] = [(i * n) / m, ((i + 1) * n) / m];
    const found = [];
    for (let k = Math.floor(from); k < to - 1e-9; k++) found.push([k, (Math.min(to, k + 1) - Math.max(from, k)) / (to - from)]);
    return found;
  });
  const out = new Uint8ClampedArray(depth * m * m);
  for (let y = 0; y < m; y++) {
    for (let x = 0; x < m; x++) {
      for (let c = 0; c < depth; c++) {
        let sum = 0;
        for (const [j, high] of shares[y]) for (const [i, wide] of shares[x]) sum += high * wide * pixels[depth * (j * n + i) + c];
        out[depth * (y * m + x) + c] = sum;
      }
    }
  }
  return out;
}

/** The colours that a picture is mostly made of, the most frequent first, no two of them alike. */
export function palette(rgb, count) {
  const bins = new Map();
  for (let i = 0; i < rgb.length; i += 3) {
    const key = ((rgb[i] >> 5) << 6) | ((rgb[i + 1] >> 5) << 3) | (rgb[i + 2] >> 5);
    const bin = bins.get(key) || bins.set(key, [0, 0, 0, 0]).get(key);
    for (let c = 0; c < 3; c++) bin[c] += rgb[i + c];
    bin[3]++;
  }
  const found = [];
  for (const [r, g, b, k] of [...bins.values()].sort((one, other) => other[3] - one[3])) {
    const colour = [r, g, b].map((sum) => Math.round(sum / k));
    if (found.every((other) => Math.hypot(...colour.map((value, c) => value - other[c])) > 56)) found.push(colour);
    if (found.length === count) break;
  }
  return found;
}

export const hex = (colour) => `#${colour.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
export const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
