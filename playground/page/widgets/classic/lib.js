/* Lab: what all widgets share. Loaded once in the page's head as `window.Lab`; `require`-able in node.
 *
 *   bytes      bytes · int16 · float32 · float64 · unit · base64
 *   diffusion  forward · toByte · histogram · normalPdf · snrDb
 *   colour     colormap · mapped · css
 *   canvas     canvas · pixels · paintRGB
 *   chart      chart(host, …): a small SVG line chart with a draggable cursor
 *   words      text · number · signed · percent · decibels · announce
 *   input      frame · slider · wheel · pump · calm
 *   clock      tell · hear · t          one t for the whole page ("lab:t")
 *   widgets    define · mount
 *
 * Pure functions first; what touches the document comes after, and never runs at load time.
 */
(function (root, make) {
  const Lab = make(root);
  if (typeof module === "object" && module.exports) module.exports = Lab;
  else root.Lab = Lab;
})(typeof window === "undefined" ? globalThis : window, function (root) {
  "use strict";
  const Lab = { words: {}, t: null };

  // ---------------------------------------------------------------- bytes

  /** base64 → Uint8Array (native where the browser has it: 0.4 ms against 3–7 ms for 0.6 MB). */
  Lab.bytes = function (base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const out = new Uint8Array(text.length);
    for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
    return out;
  };
  /** base64 of little-endian int16 → Int16Array. */
  Lab.int16 = (base64) => new Int16Array(Lab.bytes(base64).buffer);
  /** base64 of little-endian float32 → Float32Array. */
  Lab.float32 = (base64) => new Float32Array(Lab.bytes(base64).buffer);
  /** base64 of little-endian float64 → Float64Array. */
  Lab.float64 = (base64) => new Float64Array(Lab.bytes(base64).buffer);
  /** Uint8Array → base64. */
  Lab.base64 = function (bytes) {
    if (bytes.toBase64) return bytes.toBase64();
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  };
  /** Bytes 0…255 → floats in [−1, 1], the model's range. */
  Lab.unit = (bytes) => Float32Array.from(bytes, (byte) => byte / 127.5 - 1);

  // ---------------------------------------------------------------- diffusion

  /** ε travels as int16 = rint(ε · 4096): ±8 σ in steps of 2.4e-4, a fortieth of one grey level. */
  Lab.EPS_SCALE = 4096;

  /** The page's one mapping from a value in [−1, 1] to a byte: rint(clip(127.5 x + 127.5)), half to even. */
  Lab.toByte = function (x) {
    const y = Math.min(255, Math.max(0, 127.5 * x + 127.5));
    const low = Math.floor(y);
    const rest = y - low;
    return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
  };

  /**
   * x_t = signal · x0 + noise · ε as display bytes (Ho et al. 2020, eq. 4).
   * rgba: Uint8ClampedArray of 4·n (it clips and rounds half to even by itself; alpha is left alone);
   * x0: Float32Array of 3·n in [−1, 1]; eps: Int16Array of 3·n, scaled by EPS_SCALE.
   */
  Lab.forward = function (rgba, x0, eps, signal, noise) {
    const a = 127.5 * signal;
    const b = (127.5 * noise) / Lab.EPS_SCALE;
    for (let j = 0, k = 0; j < x0.length; j += 3, k += 4) {
      rgba[k] = a * x0[j] + b * eps[j] + 127.5;
      rgba[k + 1] = a * x0[j + 1] + b * eps[j + 1] + 127.5;
      rgba[k + 2] = a * x0[j + 2] + b * eps[j + 2] + 127.5;
    }
  };

  /**
   * Counts of x_t = signal · x0 + noise · ε in `counts.length` equal bins of [low, high), unclipped; values outside
   * are dropped. Every `stride`-th value is taken. Returns how many were looked at.
   */
  Lab.histogram = function (counts, x0, eps, signal, noise, low, high, stride = 1) {
    counts.fill(0);
    const scale = counts.length / (high - low);
    const a = signal * scale;
    const b = (noise / Lab.EPS_SCALE) * scale;
    const c = -low * scale;
    let seen = 0;
    for (let j = 0; j < x0.length; j += stride, seen++) {
      const bin = a * x0[j] + b * eps[j] + c;
      if (bin >= 0 && bin < counts.length) counts[bin | 0]++;
    }
    return seen;
  };

  Lab.normalPdf = function (x, mean = 0, std = 1) {
    const z = (x - mean) / std;
    return Math.exp(-0.5 * z * z) / (std * Math.sqrt(2 * Math.PI));
  };

  /** Signal-to-noise ratio 10·log10(ᾱ / (1 − ᾱ)) in dB; ±Infinity at the ends. */
  Lab.snrDb = (alphaBar) => 10 * Math.log10(alphaBar / (1 - alphaBar));

  Lab.clamp = (x, low, high) => Math.min(high, Math.max(low, x));

  // ---------------------------------------------------------------- colour

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
  Lab.colormap = function (name) {
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
  };

  /** Bytes as interleaved RGB, three a byte, by a colormap. */
  Lab.mapped = function (bytes, name) {
    const table = Lab.colormap(name);
    const out = new Uint8Array(3 * bytes.length);
    for (let i = 0; i < bytes.length; i++) out.set(table.subarray(3 * bytes[i], 3 * bytes[i] + 3), 3 * i);
    return out;
  };

  /** The value of a CSS variable at `element`, e.g. css(element, "--color-accent"). */
  Lab.css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

  // ---------------------------------------------------------------- words and numbers

  /**
   * The words of the page's language for an English text; `{name}` in it is filled from `values`.
   * Gradio keeps the language chosen in document.documentElement.lang.
   */
  Lab.text = function (english, values) {
    const lang = (root.document && root.document.documentElement.lang) || "en";
    const key = Object.keys(Lab.words).find((name) => name.toLowerCase() === lang.toLowerCase());
    const words = (key && Lab.words[key]) || Lab.words[lang.split("-")[0]] || {};
    const template = words[english] || english;
    return values ? template.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all)) : template;
  };

  /** A number for people: fixed digits, a true minus sign, ∞ spelled as such. */
  Lab.number = function (x, digits = 2) {
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : x > 0 ? "∞" : "−∞";
    return x.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
  };
  /** As `number`, with a plus sign on what is positive. */
  Lab.signed = (x, digits = 2) => (x > 0 ? "+" : "") + Lab.number(x, digits);
  /** A share 0…1 as "8 %"; near the ends "0.4 %" and "99.6 %", never a false "0 %" or "100 %". */
  Lab.percent = function (share) {
    const p = 100 * share;
    if (p > 0 && p < 0.05) return "< 0.1 %";
    if (p > 99.95 && p < 100) return "> 99.9 %";
    return `${p.toFixed((p > 0 && p < 0.95) || (p > 99 && p < 100) ? 1 : 0)} %`;
  };
  Lab.decibels = (db) => `${Lab.number(db, 1)} dB`;

  // ---------------------------------------------------------------- canvas

  /** An ImageData of n × n, opaque. */
  Lab.pixels = function (n) {
    const image = new ImageData(n, n);
    image.data.fill(255);
    return image;
  };

  /** Paint n × n interleaved RGB bytes (from `offset`) onto a canvas, sized to them. */
  Lab.paintRGB = function (canvas, rgb, n, offset = 0) {
    if (canvas.width !== n || canvas.height !== n) canvas.width = canvas.height = n;
    const context = canvas.getContext("2d", { alpha: false });
    const image = canvas.labImage && canvas.labImage.width === n ? canvas.labImage : (canvas.labImage = Lab.pixels(n));
    const data = image.data;
    for (let p = 0, j = offset, k = 0; p < n * n; p++, j += 3, k += 4) {
      data[k] = rgb[j];
      data[k + 1] = rgb[j + 1];
      data[k + 2] = rgb[j + 2];
    }
    context.putImageData(image, 0, 0);
  };

  // ---------------------------------------------------------------- input

  /** `fn` at most once a frame, with the arguments of the last call. */
  Lab.frame = function (fn) {
    let waiting = null;
    return function (...args) {
      const first = waiting === null;
      waiting = args;
      if (first) {
        requestAnimationFrame(() => {
          const last = waiting;
          waiting = null;
          fn(...last);
        });
      }
    };
  };

  /** Does this person ask for less motion? Then nothing plays by itself. */
  Lab.calm = () => Boolean(root.matchMedia && root.matchMedia("(prefers-reduced-motion: reduce)").matches);

  let scrolled = -Infinity; // when the page was last scrolled by a wheel
  /**
   * The wheel over `element` calls `turn(notches)` (fractions add up; up is positive) and keeps the page still, except where
   * `turn` returns false (an end is reached), while the page is being scrolled past, and for the browser's zoom.
   */
  Lab.wheel = function (element, turn) {
    if (scrolled === -Infinity) {
      scrolled = -1e9;
      root.addEventListener("wheel", (event) => event.defaultPrevented || (scrolled = event.timeStamp), { passive: true });
    }
    element.addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || event.timeStamp - scrolled < 300) return;
        const lines = event.deltaMode === 1 ? 33 : event.deltaMode === 2 ? 400 : 1;
        const notches = (-(event.deltaY || event.deltaX) * lines) / 100;
        if (turn(notches) !== false) event.preventDefault();
      },
      { passive: false },
    );
  };

  /**
   * Wire a range input: `onInput(value)` at most once a frame; Shift+arrows move by ten steps; the wheel over it, or over
   * `options.wheelOver`, moves it by a fiftieth a notch; a phone can scroll past it. Whatever moves it, it fires `input`.
   * Returns {set(value), move(by)}: `set` moves the thumb without calling `onInput`.
   */
  Lab.slider = function (input, onInput, options = {}) {
    input.style.touchAction = "pan-y";
    const emit = Lab.frame((value) => onInput(value));
    const step = () => Number(input.step) || 1;
    const move = (by) => {
      const before = Number(input.value);
      const low = Number(input.min);
      const value = Lab.clamp(low + Math.round((before + by - low) / step()) * step(), low, Number(input.max));
      if (value === before) return false;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      return true;
    };
    input.addEventListener("input", () => emit(Number(input.value)));
    input.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (!direction || !event.shiftKey) return;
      event.preventDefault();
      move(direction * 10 * step());
    });
    let owed = 0; // the part of a step that a fine wheel has turned so far
    const turn = (notches) => {
      owed += notches * Math.max(step(), (Number(input.max) - Number(input.min)) / 50);
      const by = Math.trunc(owed / step()) * step();
      if (!by) return true;
      owed -= by;
      return move(by);
    };
    for (const element of [input, options.wheelOver]) if (element) Lab.wheel(element, turn);
    return { set: (value) => (input.value = value), move };
  };

  /**
   * Latest wins: `ask(argument)` (a promise) runs one at a time; of the arguments that arrive meanwhile only the last is
   * asked next, and `show(answer, argument)` never sees an answer older than one it has shown.
   */
  Lab.pump = function (ask, show, failed) {
    let busy = false;
    let want = null;
    return async function (argument) {
      want = { argument };
      if (busy) return;
      busy = true;
      while (want) {
        const { argument: now } = want;
        want = null;
        try {
          show(await ask(now), now);
        } catch (error) {
          if (failed) failed(error, now);
        }
      }
      busy = false;
    };
  };

  let announcer = null;
  let pending = null;
  let lastSaid = 0;
  /** Say a text to a screen reader: politely, the last one only, at most once a second. */
  Lab.announce = function (message) {
    if (!announcer || !announcer.isConnected) {
      announcer = document.createElement("div");
      announcer.id = "lab-announcer";
      announcer.setAttribute("role", "status");
      announcer.setAttribute("aria-live", "polite");
      announcer.style.cssText =
        "position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
      document.body.append(announcer);
    }
    const first = pending === null;
    pending = message;
    if (!first) return;
    setTimeout(() => {
      announcer.textContent = pending;
      lastSaid = Date.now();
      pending = null;
    }, Math.max(350, 1000 - (Date.now() - lastSaid)));
  };

  // ---------------------------------------------------------------- one clock

  /** Say that t moved: every widget of the page follows. */
  Lab.tell = function (t, source) {
    Lab.t = t;
    root.dispatchEvent(new CustomEvent("lab:t", { detail: { t, source } }));
  };
  /**
   * Follow t as others move it: `fn(t)`, until `element` leaves the page. Own moves (same `source`) are not echoed.
   * `Lab.t` is the last t told (null before): what a widget that appears later starts from.
   */
  Lab.hear = function (element, source, fn) {
    const listener = (event) => {
      if (!element.isConnected) return root.removeEventListener("lab:t", listener);
      if (event.detail.source === source) return;
      Lab.t = event.detail.t;
      fn(event.detail.t);
    };
    root.addEventListener("lab:t", listener);
  };

  // ---------------------------------------------------------------- chart

  const SVG = "http://www.w3.org/2000/svg";
  /** An SVG element with attributes. */
  Lab.svg = function (name, attributes = {}, parent = null) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (parent) parent.append(node);
    return node;
  };

  /**
   * A small line chart in `host` (emptied): options {x: [lo, hi], y: [lo, hi], width, height, margin: {l, r, t, b},
   * xTicks: [..], yTicks: [..], label, format(x), fluid}. All in viewBox units; it scales to the width of its host, letters
   * and all, or with `fluid` takes that width as its own and redraws. Colours come from CSS (`.lab-chart`, `.line`, `.bars`,
   * `.tick`, `.cursor`), so both themes follow. Returns
   *   line(name, xs, ys, {dash, className})   draw or replace a line (className "a".."f" colours it)
   *   bars(name, counts, lo, hi)              draw or replace a step area from 0
   *   domain({x, y})                          change the ranges (redraws what is there)
   *   cursor(x, marks = [])                   put the cursor at x, a dot at each mark's y
   *   onDrag(fn)                              fn(x) while the pointer is dragged over the plot
   */
  Lab.chart = function (host, options) {
    const { height = 120, xTicks = [], yTicks = [], label = "" } = options;
    let width = options.width || 320;
    const m = { l: 28, r: 8, t: 8, b: 18, ...(options.margin || {}) };
    const format = options.format || ((value) => Lab.number(value, Number.isInteger(value) ? 0 : 1));
    let x = options.x;
    let y = options.y;
    let ticks = { x: xTicks, y: yTicks };
    const drawn = new Map(); // name → how to draw it again
    const svg = Lab.svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "lab-chart", role: "img", "aria-label": label });
    host.replaceChildren(svg);
    const axes = Lab.svg("g", { class: "axes", "aria-hidden": "true" }, svg);
    const plot = Lab.svg("g", { class: "plot" }, svg);
    const cursor = Lab.svg("line", { class: "cursor", y1: m.t, y2: height - m.b, visibility: "hidden" }, svg);
    const dots = Lab.svg("g", { class: "dots" }, svg);
    const px = (value) => m.l + ((value - x[0]) / (x[1] - x[0])) * (width - m.l - m.r);
    const py = (value) => height - m.b - ((value - y[0]) / (y[1] - y[0])) * (height - m.t - m.b);
    const inside = (value) => Lab.clamp(py(value), m.t - 1, height - m.b + 1);

    function drawAxes() {
      axes.replaceChildren();
      Lab.svg("line", { class: "axis", x1: m.l, x2: width - m.r, y1: height - m.b, y2: height - m.b }, axes);
      for (const value of ticks.x) {
        const node = Lab.svg("text", { class: "tick", x: px(value), y: height - 4, "text-anchor": "middle" }, axes);
        node.textContent = format(value, "x");
      }
      for (const value of ticks.y) {
        Lab.svg("line", { class: "grid", x1: m.l, x2: width - m.r, y1: py(value), y2: py(value) }, axes);
        const node = Lab.svg("text", { class: "tick", x: m.l - 5, y: py(value) + 3.5, "text-anchor": "end" }, axes);
        node.textContent = format(value, "y");
      }
    }
    const api = {
      svg, px, py,
      line(name, xs, ys, { dash = "", className = "a" } = {}) {
        drawn.set(name, () => api.line(name, xs, ys, { dash, className }));
        let path = plot.querySelector(`[data-name="${name}"]`);
        if (!path) path = Lab.svg("path", { "data-name": name, fill: "none" }, plot);
        path.setAttribute("class", `line ${className}`);
        path.setAttribute("stroke-dasharray", dash);
        let d = "";
        for (let i = 0; i < xs.length; i++) {
          if (Number.isFinite(ys[i])) d += `${d ? "L" : "M"}${px(xs[i]).toFixed(1)} ${inside(ys[i]).toFixed(1)}`;
        }
        path.setAttribute("d", d);
        return path;
      },
      bars(name, heights, low, high) {
        drawn.set(name, () => api.bars(name, heights, low, high));
        let path = plot.querySelector(`[data-name="${name}"]`);
        if (!path) path = Lab.svg("path", { "data-name": name, class: "bars" }, plot);
        const step = (high - low) / heights.length;
        let d = `M${px(low).toFixed(1)} ${py(y[0]).toFixed(1)}`;
        for (let i = 0; i < heights.length; i++) {
          const top = inside(heights[i]).toFixed(1);
          d += `V${top}H${px(low + (i + 1) * step).toFixed(1)}`;
        }
        path.setAttribute("d", `${d}V${py(y[0]).toFixed(1)}Z`);
        return path;
      },
      domain(next) {
        x = next.x || x;
        y = next.y || y;
        ticks = { x: next.xTicks || ticks.x, y: next.yTicks || ticks.y };
        drawAxes();
        for (const redraw of drawn.values()) redraw();
      },
      cursor(at, marks = []) {
        drawn.set("cursor", () => api.cursor(at, marks));
        cursor.setAttribute("visibility", "visible");
        cursor.setAttribute("x1", px(at));
        cursor.setAttribute("x2", px(at));
        while (dots.childNodes.length > marks.length) dots.lastChild.remove();
        marks.forEach((mark, i) => {
          const dot = dots.childNodes[i] || Lab.svg("circle", { r: 4, class: "dot" }, dots);
          dot.setAttribute("cx", px(at));
          dot.setAttribute("cy", inside(mark));
        });
      },
      onDrag(fn) {
        const at = (event) => {
          const box = svg.getBoundingClientRect();
          const unit = ((event.clientX - box.left) / box.width) * width;
          return Lab.clamp(x[0] + ((unit - m.l) / (width - m.l - m.r)) * (x[1] - x[0]), x[0], x[1]);
        };
        svg.classList.add("draggable");
        svg.style.touchAction = "pan-y";
        svg.addEventListener("pointerdown", (event) => {
          if (event.button) return;
          svg.setPointerCapture(event.pointerId);
          fn(at(event));
        });
        svg.addEventListener("pointermove", (event) => {
          if (svg.hasPointerCapture(event.pointerId)) fn(at(event));
        });
      },
    };
    drawAxes();
    if (options.fluid) {
      new ResizeObserver(() => {
        const now = Math.round(host.clientWidth);
        if (!now || now === width) return;
        width = now;
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        api.domain({});
      }).observe(host);
    }
    return api;
  };

  // ---------------------------------------------------------------- the server

  /** Where the page is served, without a slash at the end. */
  Lab.root = () => ((window.gradio_config && window.gradio_config.root) || "").replace(/\/$/, "");

  /** Gives `take` each line of JSON of an answer as it comes. Where the answer breaks off, nothing more comes. */
  Lab.lines = async function (path, take, signal) {
    const answer = await fetch(`${Lab.root()}/gradio_api/${path}`, { signal }).catch(() => null);
    if (!answer || !answer.ok) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; ; ) {
      const { value, done } = await reader.read().catch(() => ({ done: true }));
      if (done) return;
      const lines = (text + value).split("\n");
      text = lines.pop();
      for (const line of lines) take(JSON.parse(line));
    }
  };

  // ---------------------------------------------------------------- widgets

  const made = {};
  /** Register a widget: `start(ui)` is called for each instance that appears, ui = {element, trigger, props, server, upload, watch}. */
  Lab.define = (name, start) => (made[name] = start);
  /** Called by Gradio (js_on_load) when an instance appears. */
  Lab.mount = (name, ui) => made[name](ui);

  return Lab;
});
