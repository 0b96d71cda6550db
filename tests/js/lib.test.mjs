import assert from "node:assert/strict";
import test from "node:test";

import { fixture } from "./fixture.mjs";

import * as raw from "../../playground/page/widgets/lib/bytes.js";
import { colormap, mapped } from "../../playground/page/widgets/lib/colour.js";
import * as clock from "../../playground/page/widgets/lib/clock.js";
import { pump } from "../../playground/page/widgets/lib/input.js";
import * as words from "../../playground/page/widgets/lib/words.js";
import * as maths from "../../playground/page/widgets/maths/forward.js";

const { forward: parity } = fixture;

test("base64 goes both ways, in every width", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 256);
  assert.deepEqual(raw.bytes(raw.base64(bytes)), bytes);
  const numbers = Float64Array.of(0, 1, -1.5, Math.PI);
  assert.deepEqual(raw.float64(raw.base64(new Uint8Array(numbers.buffer))), numbers);
  const whole = Int16Array.of(0, 1, -32767, 4096);
  assert.deepEqual(raw.int16(raw.base64(new Uint8Array(whole.buffer))), whole);
  assert.deepEqual(raw.float32(raw.base64(new Uint8Array(Float32Array.of(0.5).buffer))), Float32Array.of(0.5));
});

test("a byte is rint(clip(127.5 x + 127.5)), half to even", () => {
  // 127.5 → 128 and 126.5 → 126 are the two ways a half can go
  for (const [x, byte] of [[-1, 0], [1, 255], [-7, 0], [7, 255], [0, 128], [-1 / 127.5, 126], [1 / 127.5, 128], [2 / 127.5, 130]]) {
    assert.equal(maths.toByte(x), byte, `x = ${x}`);
  }
  const clamped = new Uint8ClampedArray(1);
  for (let x = -1.1; x < 1.1; x += 0.00317) {
    clamped[0] = 127.5 * x + 127.5; // what a canvas does by itself
    assert.equal(maths.toByte(x), clamped[0]);
  }
});

test("x_t equals the server's, to one grey level and nearly everywhere exactly", () => {
  const { n, x0, eps } = parity.picture;
  const clean = raw.unit(raw.bytes(x0));
  const noise = raw.int16(eps);
  const rgba = new Uint8ClampedArray(4 * n * n).fill(255);
  let unequal = 0;
  parity.alpha_bar.forEach((alphaBar, k) => {
    maths.forward(rgba, clean, noise, Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar));
    const truth = raw.bytes(parity.x_t[k]);
    for (let p = 0; p < n * n; p++) {
      assert.equal(rgba[4 * p + 3], 255);
      for (let c = 0; c < 3; c++) {
        const difference = Math.abs(rgba[4 * p + c] - truth[3 * p + c]);
        assert.ok(difference <= 1, `level ${k}, pixel ${p}: off by ${difference}`);
        unequal += difference;
      }
    }
  });
  assert.ok(unequal / (parity.alpha_bar.length * 3 * n * n) < 0.01);
});

test("the histogram counts x_t before it is clipped", () => {
  const x0 = Float32Array.of(-1, 0, 0.5, 1);
  const eps = Int16Array.of(4096, -4096, 2 * 4096, 0); // 1, −1, 2, 0
  const counts = new Float64Array(8);
  const seen = maths.histogram(counts, x0, eps, 0.5, 1, -4, 4); // 0.5, −1, 2.25, 0.5
  assert.equal(seen, 4);
  assert.deepEqual([...counts], [0, 0, 0, 1, 2, 0, 1, 0]);
  assert.equal(maths.histogram(counts, x0, eps, 0.5, 1, -4, 4, 2), 2);
  assert.deepEqual([...counts], [0, 0, 0, 0, 1, 0, 1, 0]);
  maths.histogram(counts, Float32Array.of(-1.01, 1.01, 0.99), Int16Array.of(0, 0, 0), 1, 0, -1, 1);
  assert.deepEqual([...counts], [0, 0, 0, 0, 0, 0, 0, 1], "just outside is outside");
});

test("the normal density and the SNR", () => {
  assert.ok(Math.abs(maths.normalPdf(0) - 0.3989422804) < 1e-9);
  let sum = 0;
  for (let x = -12; x < 14; x += 0.01) sum += 0.01 * maths.normalPdf(x, 1, 2);
  assert.ok(Math.abs(sum - 1) < 1e-6);
  assert.ok(Math.abs(maths.snrDb(0.08) + 10.607) < 1e-3);
  assert.equal(maths.snrDb(1), Infinity);
  assert.equal(maths.snrDb(0), -Infinity);
});

test("colormaps begin, end and stay in order", () => {
  const viridis = colormap("viridis");
  assert.deepEqual([...viridis.slice(0, 3)], [68, 1, 84]);
  assert.deepEqual([...viridis.slice(-3)], [253, 231, 37]);
  const light = (i) => 0.299 * viridis[3 * i] + 0.587 * viridis[3 * i + 1] + 0.114 * viridis[3 * i + 2];
  for (let i = 1; i < 256; i++) assert.ok(light(i) > light(i - 1) - 0.6, `darker again at ${i}`);
  const diverging = colormap("diverging");
  assert.ok(diverging[2] > diverging[0] && diverging[3 * 255] > diverging[3 * 255 + 2]);
  assert.deepEqual([...mapped(Uint8Array.of(255, 0), "viridis")], [253, 231, 37, 68, 1, 84]);
});

test("numbers for people", () => {
  assert.equal(words.number(-10.63, 1), "−10.6");
  assert.equal(words.number(-0.001, 2), "0.00");
  assert.equal(words.number(-Infinity), "−∞");
  assert.equal(words.number(NaN), "–");
  assert.equal(words.signed(2, 1), "+2.0");
  assert.equal(words.percent(0.08), "8 %");
  assert.equal(words.percent(1), "100 %");
  assert.equal(words.percent(0.9999), "> 99.9 %");
  assert.equal(words.percent(0.9951), "99.5 %");
  assert.equal(words.percent(0.004), "0.4 %");
  assert.equal(words.percent(1e-9), "< 0.1 %");
  assert.equal(words.percent(0), "0 %");
});

test("words follow the page's language and fall back to English", async () => {
  assert.equal(words.localeFor("zh-TW", ["zh-TW", "de"]), "zh-TW");
  assert.equal(words.localeFor("zh-tw", ["zh-TW", "de"]), "zh-TW");
  assert.equal(words.localeFor("de-AT", ["zh-TW", "de"]), "de");
  assert.equal(words.localeFor("en", ["zh-TW", "de"]), undefined);
  assert.equal(words.text("{t} steps", { t: 3 }), "3 steps");
  const [fetch, asked] = [globalThis.fetch, []];
  globalThis.document = { documentElement: { lang: "zh-TW" } };
  globalThis.fetch = async (url) => (asked.push(String(url)), { json: async () => ({ "{t} steps": "{t} 步" }) });
  await Promise.all([words.load(["zh-TW"]), words.load(["zh-TW"])]);
  assert.equal(asked.length, 1);
  assert.match(asked[0], /widgets\/words\/zh-TW.json$/);
  assert.equal(words.text("{t} steps", { t: 3 }), "3 步");
  assert.equal(words.text("unknown {t} {u}", { t: 3 }), "unknown 3 {u}");
  globalThis.fetch = fetch;
  delete globalThis.document;
});

test("the pump asks one at a time and only for the latest", async () => {
  const asked = [];
  const shown = [];
  const waiting = [];
  const ask = (n) => (asked.push(n), new Promise((resolve) => waiting.push(() => resolve(n * 10))));
  const post = pump(ask, (answer, n) => shown.push([n, answer]));
  for (const n of [1, 2, 3, 4]) post(n);
  assert.deepEqual(asked, [1]);
  waiting.shift()();
  await new Promise(setImmediate);
  assert.deepEqual(asked, [1, 4]); // 2 and 3 were overtaken
  waiting.shift()();
  await new Promise(setImmediate);
  assert.deepEqual(shown, [[1, 10], [4, 40]]);
  post(5);
  assert.deepEqual(asked, [1, 4, 5]);
});

test("the pump survives a failed question", async () => {
  const failed = [];
  const shown = [];
  const ask = async (n) => {
    if (n === 1) throw new Error("lost");
    return n;
  };
  const post = pump(ask, (answer) => shown.push(answer), (error, n) => failed.push(n));
  await post(1);
  await post(2);
  assert.deepEqual(failed, [1]);
  assert.deepEqual(shown, [2]);
});

test("one clock: told to all but its own source, and remembered", () => {
  globalThis.CustomEvent ??= class extends Event {
    constructor(type, init) {
      super(type);
      this.detail = init.detail;
    }
  };
  const bus = new EventTarget();
  for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) globalThis[name] = bus[name].bind(bus);
  const element = { isConnected: true };
  const heard = [];
  clock.hear(element, "scrubber", (t) => heard.push(t));
  clock.tell(5, "scrubber");
  clock.tell(6, "curves");
  assert.deepEqual(heard, [6]);
  assert.equal(clock.t, 6);
  element.isConnected = false;
  clock.tell(7, "curves");
  element.isConnected = true;
  clock.tell(8, "curves"); // it was let go of when it had left the page
  assert.deepEqual(heard, [6]);
});

test("a t that is locked goes back for whoever moved it", () => {
  const element = { isConnected: true };
  const heard = [];
  clock.hear(element, "scrubber", (t) => heard.push(t));
  clock.hold(300);
  clock.tell(900, "scrubber");
  clock.tell(10, "curves");
  assert.deepEqual(heard, [300, 300, 300]);
  assert.equal(clock.t, 300);
  clock.hold(null);
  clock.tell(10, "curves");
  assert.deepEqual([clock.t, heard.at(-1)], [10, 10]);
  element.isConnected = false;
  clock.tell(11, "curves");
});

test("indices stand below the line, and names of code stay as they are", () => {
  assert.deepEqual(words.indexed("√ᾱ_t and x_{t−1}."), ["", "√ᾱ", "t", " and", " x", "t−1", "."]);
  assert.deepEqual(words.indexed("∇_θ ‖ε_θ(x_t)‖"), ["", "∇", "θ", " ", "‖ε", "θ", "", "(x", "t", ")‖"]);
  assert.deepEqual(words.indexed("prediction_type, x₀"), ["prediction_type, x₀"]);
});
