/* Pictures of other sizes: interleaved RGB values of n × n, as m × m. */

import { toByte } from "./forward.js";

/** Every (n / m)-th pixel of interleaved RGB values n × n, as m × m: noise stays noise, which averaging would calm. */
export function thinned(values, n, m, Kind) {
  const out = new Kind(3 * m * m);
  for (let y = 0, k = 0; y < m; y++) {
    const row = Math.floor(((y + 0.5) * n) / m) * n;
    for (let x = 0; x < m; x++) {
      const j = 3 * (row + Math.floor(((x + 0.5) * n) / m));
      out[k++] = values[j];
      out[k++] = values[j + 1];
      out[k++] = values[j + 2];
    }
  }
  return out;
}

/** Interleaved RGB values n × n averaged over squares to m × m bytes (n a multiple of m; otherwise n itself is kept). */
export function reduced(x0, n, m) {
  if (n % m) m = n;
  const block = n / m;
  const out = new Uint8Array(3 * m * m);
  for (let y = 0, k = 0; y < m; y++) {
    for (let x = 0; x < m; x++) {
      for (let c = 0; c < 3; c++, k++) {
        let sum = 0;
        for (let v = 0; v < block; v++) {
          for (let u = 0; u < block; u++) sum += x0[3 * ((y * block + v) * n + x * block + u) + c];
        }
        out[k] = toByte(sum / (block * block));
      }
    }
  }
  return { bytes: out, n: m };
}

/** An interleaved RGB picture of n × n shrunk (or grown) to m × m, each pixel the mean of what it covers. */
export function shrunk(x0, n, m) {
  if (n === m) return x0;
  const out = new Float32Array(3 * m * m);
  const cut = (i) => Math.min(n - 1, Math.floor((i * n) / m));
  for (let y = 0; y < m; y++) {
    for (let x = 0; x < m; x++) {
      const [top, bottom, left, right] = [cut(y), Math.max(cut(y) + 1, Math.floor(((y + 1) * n) / m)), cut(x), Math.max(cut(x) + 1, Math.floor(((x + 1) * n) / m))];
      const sum = [0, 0, 0];
      for (let j = top; j < bottom; j++) {
        for (let i = left; i < right; i++) {
          for (let c = 0; c < 3; c++) sum[c] += x0[3 * (j * n + i) + c];
        }
      }
      for (let c = 0; c < 3; c++) out[3 * (y * m + x) + c] = sum[c] / ((bottom - top) * (right - left));
    }
  }
  return out;
}
