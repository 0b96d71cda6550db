/* Colour: two colormaps, and the theme's variables. */

// Evenly spaced on 0…1 and linear between: viridis as its authors give it in 16 colours.
const ANCHORS = {
  viridis: [
    [68, 1, 84], [72, 26, 108], [71, 47, 125], [65, 68, 135], [57, 86, 140], [49, 104, 142], [42, 120, 142],
    [35, 136, 142], [31, 152, 139], [34, 168, 132], [53, 183, 121], [84, 197, 104], [122, 209, 81], [165, 219, 54],
    [210, 226, 27], [253, 231, 37],
  ],
  // blue – white – red (ColorBrewer RdBu, reversed): zero in the middle
  diverging: [
    [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
    [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
  ],
};
const tables = {};
/** A colormap as 256·3 bytes: "viridis" for sizes, "diverging" for signed values. */
export function colormap(name) {
  if (tables[name]) return tables[name];
  const anchors = ANCHORS[name];
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (anchors.length - 1);
    const k = Math.min(anchors.length - 2, Math.floor(place));
    for (let c = 0; c < 3; c++) {
      table[3 * i + c] = anchors[k][c] + (place - k) * (anchors[k + 1][c] - anchors[k][c]);
    }
  }
  return (tables[name] = table);
}

/** Bytes as interleaved RGB, three a byte, by a colormap. */
export function mapped(bytes, name) {
  const table = colormap(name);
  const out = new Uint8Array(3 * bytes.length);
  for (let i = 0; i < bytes.length; i++) out.set(table.subarray(3 * bytes[i], 3 * bytes[i] + 3), 3 * i);
  return out;
}

/** The value of a CSS variable at `element`, e.g. css(element, "--color-accent"). */
export const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
