/* The sheet one paints on: strokes, filling, taking back, other sizes. */

import assert from "node:assert";
import { test } from "node:test";

import { Sheet, hex, palette, resize, rgb } from "../../playground/page/widgets/paint/sheet.js";

const RED = [200, 30, 40];
const at = (sheet, x, y) => sheet.colour(x, y);

function stroked(sheet, colour, ...points) {
  sheet.begin(colour);
  for (const [x0, y0, x1, y1, radius] of points) sheet.line(x0, y0, x1, y1, radius);
  sheet.end();
}

test("a dab covers the area of its disc", () => {
  for (const radius of [1, 2.5, 6]) {
    const sheet = new Sheet(32);
    stroked(sheet, [0, 0, 0], [16.3, 15.8, 16.3, 15.8, radius]);
    const inked = sheet.layers.picture.reduce((sum, value) => sum + (255 - value), 0) / 765;
    assert(Math.abs(inked - Math.PI * radius ** 2) < 0.06 * Math.PI * radius ** 2 + 0.5, `${radius}: ${inked}`);
  }
});

test("a stroke covers a pixel once, however it is cut into pieces and however often it passes", () => {
  const whole = new Sheet(32);
  const pieces = new Sheet(32);
  stroked(whole, RED, [4, 5, 28, 20, 2]);
  const parts = Array.from({ length: 24 }, (_, k) => [4 + k, 5 + (15 * k) / 24, 5 + k, 5 + (15 * (k + 1)) / 24, 2]);
  stroked(pieces, RED, ...parts, ...parts);
  whole.layers.picture.forEach((value, i) => assert(Math.abs(value - pieces.layers.picture[i]) <= 1));
});

test("what is out of the sheet is not painted on", () => {
  const sheet = new Sheet(8);
  stroked(sheet, RED, [-20, 4, -9, 4, 2], [20, 20, 30, 30, 3]);
  assert(!sheet.touched());
});

test("the eraser brings the ground back, and a mask or a line to nothing", () => {
  const sheet = new Sheet(16);
  sheet.put(new Uint8Array(768).fill(90));
  stroked(sheet, RED, [8, 8, 8, 8, 5]);
  stroked(sheet, null, [8, 8, 8, 8, 9]);
  assert.deepEqual(at(sheet, 8, 8), [90, 90, 90]);
  assert(!sheet.touched());
  sheet.layer = "mask";
  stroked(sheet, RED, [8, 8, 8, 8, 3]);
  assert.deepEqual(new Set(sheet.pixels), new Set([0, 255]));
  stroked(sheet, null, [8, 8, 8, 8, 5]);
  assert(!sheet.touched("mask"));
});

test("filling goes as far as the colour does", () => {
  const sheet = new Sheet(8);
  stroked(sheet, [0, 0, 0], [4, -2, 4, 10, 0.6]); // a wall
  sheet.flood(1, 1, RED);
  assert.deepEqual(at(sheet, 0, 7), RED);
  assert.deepEqual(at(sheet, 7, 7), [255, 255, 255]);
  sheet.flood(0, 0, null);
  assert.deepEqual(at(sheet, 0, 7), [255, 255, 255]);
});

test("every step can be taken back and made again, and a new one ends what was taken back", () => {
  const sheet = new Sheet(8);
  const states = [sheet.layers.picture.slice()];
  for (const x of [1, 4, 7]) {
    stroked(sheet, RED, [x, 4, x, 4, 1]);
    states.push(sheet.layers.picture.slice());
  }
  for (const state of [...states].reverse().slice(1)) {
    assert(sheet.undo());
    assert.deepEqual(sheet.layers.picture, state);
  }
  assert(!sheet.undo());
  for (const state of states.slice(1)) {
    assert(sheet.redo());
    assert.deepEqual(sheet.layers.picture, state);
  }
  assert(!sheet.redo());
  sheet.undo();
  sheet.clear();
  assert(!sheet.redo() && !sheet.touched());
});

test("another ground can be taken back too, whatever layer is in hand", () => {
  const sheet = new Sheet(4);
  sheet.layer = "mask";
  sheet.put(new Uint8Array(48).fill(7));
  assert.deepEqual(at(sheet, 1, 1), [7, 7, 7]);
  assert.equal(sheet.layer, "mask");
  sheet.undo();
  assert.deepEqual(at(sheet, 1, 1), [255, 255, 255]);
});

test("other sizes keep the mean, and a mask stays a mask", () => {
  const noise = Uint8ClampedArray.from({ length: 48 * 48 * 3 }, (_, i) => (i * 7919) % 256);
  const mean = (pixels) => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  for (const m of [16, 32, 64]) assert(Math.abs(mean(resize(noise, 48, m, 3)) - mean(noise)) < 1);
  const sheet = new Sheet(32);
  sheet.layer = "mask";
  stroked(sheet, RED, [16, 16, 16, 16, 6]);
  const larger = sheet.resized(64);
  assert.deepEqual(new Set(larger.pixels), new Set([0, 255]));
  const share = (s) => mean(s.pixels) / 255;
  assert(Math.abs(share(larger) - share(sheet)) < 0.01);
});

test("a larger sheet has more of the picture that it was laid with, until it is painted on", () => {
  const noise = Uint8ClampedArray.from({ length: 3 * 64 * 64 }, (_, i) => (i * 7919) % 256);
  const sheet = new Sheet(32);
  sheet.put(noise, true, 64);
  assert.deepEqual(sheet.pixels, resize(noise, 64, 32, 3));
  assert.deepEqual(sheet.resized(64).pixels, noise);
  assert.deepEqual(sheet.resized(16).resized(64).ground, noise);
  stroked(sheet, RED, [16, 16, 16, 16, 6]);
  const larger = sheet.resized(64);
  assert.deepEqual(larger.pixels, resize(sheet.pixels, 32, 64, 3));
  sheet.undo();
  assert.deepEqual(sheet.resized(64).pixels, noise);
  sheet.undo();
  assert(sheet.resized(64).pixels.every((value) => value === 255)); // the white that was there before
});

test("the colours of a picture, the most frequent first", () => {
  const pixels = [...Array(60).fill(RED), ...Array(30).fill([0, 0, 250]), ...Array(10).fill([4, 2, 251])].flat();
  assert.deepEqual(palette(pixels, 5), [RED, [1, 1, 250]]);
  assert.equal(hex(RED), "#c81e28");
  assert.deepEqual(rgb("#c81e28"), RED);
});
