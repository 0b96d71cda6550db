/* Bytes: what the server sends as base64, as typed arrays, and back. */

/**
 * base64 → bytes (native where the browser has it: 0.4 ms against 3–7 ms for 0.6 MB).
 * @param {string} base64
 * @returns {Uint8Array}
 */
export function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
  return out;
}
/** base64 of little-endian int16. @param {string} base64 */
export const int16 = (base64) => new Int16Array(bytes(base64).buffer);
/** base64 of little-endian float32. @param {string} base64 */
export const float32 = (base64) => new Float32Array(bytes(base64).buffer);
/** base64 of little-endian float64. @param {string} base64 */
export const float64 = (base64) => new Float64Array(bytes(base64).buffer);

/** Bytes → base64. @param {Uint8Array} array */
export function base64(array) {
  if (array.toBase64) return array.toBase64();
  let text = "";
  for (let i = 0; i < array.length; i += 8192) text += String.fromCharCode(...array.subarray(i, i + 8192));
  return btoa(text);
}

/** Bytes 0…255 → floats in [−1, 1], the model's range. @param {Uint8Array} array */
export const unit = (array) => Float32Array.from(array, (byte) => byte / 127.5 - 1);
