/* Scrubber: the forward process under the hand. See scrubber.py for what it is sent.
 *
 * Everything that follows t is drawn by `show`, in one frame, from x0, ε and ᾱ; no request is made but by the two
 * buttons at the bottom (`look`, `chain`), and by `look` when it is set to follow.
 */
(function () {
  "use strict";
  const Lab = typeof module === "object" && module.exports ? require("./lib.js") : window.Lab;

  const STRIP = 10; // pictures in the film strip
  const THUMB = 64; // their pixels a side
  const BINS = 56;
  const RANGE = [-3.5, 3.5]; // of the histogram
  const SWEEP = 7000; // ms from clean to noise
  const ASK = 64; // pixels a side of the picture sent to the network
  const SOURCE = "scrubber"; // who tells the page's clock

  /** The levels of the film strip: `count` values of t from 0 to T, evenly. */
  const stripLevels = (T, count = STRIP) => Array.from({ length: count }, (_, k) => Math.round((k * T) / (count - 1)));

  /** Every (n / m)-th pixel of interleaved RGB values n × n, as m × m: noise stays noise, which averaging would calm. */
  function thinned(values, n, m, Kind) {
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
  function reduced(x0, n, m) {
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
          out[k] = Lab.toByte(sum / (block * block));
        }
      }
    }
    return { bytes: out, n: m };
  }

  /** One line for the ear: "t 600: 8 % signal, SNR −10.6 dB". */
  function told(t, alphaBar) {
    const values = { t, share: Lab.percent(alphaBar), snr: Lab.decibels(Lab.snrDb(alphaBar)) };
    return Lab.text("t {t}: {share} signal, SNR {snr}", values);
  }

  /** One line for the eye: what a person can still make out. */
  function verdict(alphaBar) {
    const db = Lab.snrDb(alphaBar);
    if (alphaBar === 1) return Lab.text("The clean picture.");
    if (db > 10) return Lab.text("A little grain.");
    if (db > 0) return Lab.text("More picture than noise.");
    if (db > -12) return Lab.text("More noise than picture.");
    if (db > -22) return Lab.text("Only the large shapes are left.");
    return Lab.text("To the eye, pure noise.");
  }

  /** The opening: clean to noise and back to `home`, slowly. t of `ms` since its start, or null at its end. */
  function opening(ms, T, home) {
    const out = 4200;
    const back = 2600;
    const ease = (u) => u * u * (3 - 2 * u);
    if (ms < out) return Math.round(T * ease(ms / out));
    if (ms < out + back) return Math.round(T + (home - T) * ease((ms - out) / back));
    return ms < out + back + 200 ? home : null;
  }

  function start({ element, props, server, watch }) {
    const root = element.querySelector(".lab-scrubber");
    const $ = (selector) => root.querySelector(selector);
    const canvas = (view) => $(`canvas[data-view=${view}]`);
    const state = { n: 0, T: 0, t: 0, playing: null, nearest: null };
    const counts = new Float64Array(BINS);
    let x0, eps, image, context, alphaBar, curve, curveChart, histogram, thumbs;

    // ------------------------------------------------------------ words

    root.setAttribute("aria-label", Lab.text("Forward process"));
    $(".equation").setAttribute("aria-label", Lab.text("x_t is the signal rate times x0 plus the noise rate times ε"));
    $(".strip").setAttribute("aria-label", Lab.text("Film strip: go to a level"));
    $(".level").setAttribute("aria-label", Lab.text("Level t"));
    $(".place .t").setAttribute("aria-label", Lab.text("Level t"));
    $(".curve figcaption").textContent = Lab.text("What is left of the picture");
    $(".histogram figcaption").textContent = Lab.text("Values of x_t against N(0, 1)");
    $(".once").textContent = Lab.text("What does the U-Net see in this?");
    $(".ask label span").textContent = Lab.text("Live");
    $(".walk").textContent = Lab.text("Walk there step by step");

    const say = (selector, text) => ($(selector).textContent = text);
    const label = (node, text) => node.setAttribute("aria-label", text);
    const term = (name) => $(`.term[data-term=${name}]`);
    label(term("x_t"), `x_t: ${Lab.text("the noised picture")}`);
    label(term("x0"), `x0: ${Lab.text("the clean picture")}`);
    label(term("eps"), `ε: ${Lab.text("the noise")}`);
    const rates = [
      { node: term("signal"), name: `${Lab.text("signal rate")} √ᾱ`, of: (ab) => Math.sqrt(ab) },
      { node: term("noise"), name: `${Lab.text("noise rate")} √(1 − ᾱ)`, of: (ab) => Math.sqrt(1 - ab) },
    ];

    // ------------------------------------------------------------ what follows t

    /** Draw level t: picture, numbers, histogram, cursor, strip; all of it in this frame. */
    function show(t) {
      if (!state.n || !alphaBar) return;
      state.t = t = Lab.clamp(Math.round(t), 0, state.T);
      const ab = alphaBar[t];
      const signal = Math.sqrt(ab);
      const noise = Math.sqrt(1 - ab);
      Lab.forward(image.data, x0, eps, signal, noise);
      context.putImageData(image, 0, 0);

      const line = told(t, ab);
      const snr = Lab.decibels(Lab.snrDb(ab));
      label(canvas("x_t"), line);
      for (const { node, name, of } of rates) {
        const value = node.lastElementChild;
        value.textContent = Lab.number(of(ab), 3);
        value.style.setProperty("--rate", of(ab));
        label(node, `${name}: ${value.textContent}`);
      }
      say(".alpha", ab > 0 && ab < 0.001 ? ab.toExponential(1).replace("-", "−") : Lab.number(ab, 3));
      say(".snr", snr);
      say(".told", verdict(ab));

      const seen = Lab.histogram(counts, x0, eps, signal, noise, ...RANGE, Math.max(1, Math.round(x0.length / 60000)));
      const width = (RANGE[1] - RANGE[0]) / BINS;
      for (let i = 0; i < BINS; i++) counts[i] /= seen * width;
      histogram.bars("x_t", counts, ...RANGE);
      curveChart.cursor(t, [ab]);

      const slider = $(".level");
      slider.value = t;
      slider.setAttribute("aria-valuetext", line);
      slider.style.setProperty("--share", state.T ? t / state.T : 0);
      if (document.activeElement !== $(".place .t")) $(".place .t").value = t;
      const nearest = thumbs[Math.round((t / state.T) * (STRIP - 1))];
      if (nearest === state.nearest) return;
      for (const thumb of thumbs) thumb.setAttribute("aria-current", thumb === nearest ? "true" : "false");
      state.nearest = nearest;
    }

    /** A move made here: draw it, tell the page, and let the network look if it follows. */
    function go(t, speak = false) {
      show(t);
      Lab.tell(state.t, SOURCE);
      if (speak) Lab.announce(told(state.t, alphaBar[state.t]));
      follow();
    }

    function drawStrip() {
      const m = Math.min(THUMB, state.n);
      const small = { x0: thinned(x0, state.n, m, Float32Array), eps: thinned(eps, state.n, m, Int16Array) };
      const levels = stripLevels(state.T);
      thumbs.forEach((thumb, k) => {
        const t = levels[k];
        const face = thumb.firstChild;
        const pixels = face.width === m && thumb.pixels ? thumb.pixels : (thumb.pixels = Lab.pixels(m));
        face.width = face.height = m;
        Lab.forward(pixels.data, small.x0, small.eps, Math.sqrt(alphaBar[t]), Math.sqrt(1 - alphaBar[t]));
        face.getContext("2d", { alpha: false }).putImageData(pixels, 0, 0);
        thumb.level = t;
        thumb.lastChild.textContent = t;
        label(thumb, told(t, alphaBar[t]));
      });
    }

    // ------------------------------------------------------------ what comes from the server

    function loadPicture() {
      const value = props.value;
      if (!value || !value.n) return;
      state.n = value.n;
      const bytes = Lab.bytes(value.x0);
      x0 = Lab.unit(bytes);
      eps = Lab.int16(value.eps);
      image = Lab.pixels(state.n);
      canvas("x_t").width = canvas("x_t").height = state.n;
      context = canvas("x_t").getContext("2d", { alpha: false });
      Lab.paintRGB(canvas("x0"), bytes, state.n);
      Lab.forward(image.data, x0, eps, 0, 1);
      const face = canvas("eps");
      face.width = face.height = state.n;
      face.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
      label(canvas("x0"), `x0: ${value.picture || Lab.text("your picture")}`);
      label(canvas("eps"), `ε: ${Lab.text("noise of seed {seed}", { seed: value.seed })}`);
      Lab.picture = { n: state.n, x0 }; // the Schedules tab shows it too
      window.dispatchEvent(new CustomEvent("lab:picture", { detail: Lab.picture }));
      forget();
      if (alphaBar) {
        drawStrip();
        show(state.t);
        follow();
      }
    }

    function loadCurve() {
      curve = props.curve;
      if (!curve || !curve.alpha_bar) return;
      alphaBar = Lab.float64(curve.alpha_bar);
      const before = state.T;
      state.T = alphaBar.length - 1;
      if (before && before !== state.T) state.t = Math.round((state.t / before) * state.T);
      for (const input of [$(".level"), $(".place .t")]) input.max = state.T;
      const ticks = [0, Math.round(state.T / 2), state.T];
      curveChart.domain({ x: [0, state.T], xTicks: ticks });
      const every = Math.max(1, Math.floor(state.T / 250));
      const ts = [];
      for (let t = 0; t < state.T; t += every) ts.push(t);
      ts.push(state.T);
      curveChart.line("alpha_bar", ts, ts.map((t) => alphaBar[t]));
      $(".curve figcaption").textContent = `${Lab.text("What is left of the picture")} · ${Lab.text(curve.title)}`;
      forget();
      if (state.n) {
        drawStrip();
        show(state.t);
        if (before && before !== state.T) Lab.tell(state.t, SOURCE);
        follow();
      }
    }

    /** What a question to the server carries besides the picture. */
    const question = () => {
      const { bytes, n } = reduced(x0, state.n, ASK);
      const checkpoint = Lab.settings ? Lab.settings.get("checkpoint") : undefined;
      return { x0: Lab.base64(bytes), n, t: state.t, seed: props.value.seed, checkpoint, ...curve.settings };
    };

    const paint = (view, base64, n) => Lab.paintRGB(canvas(view), Lab.bytes(base64), n);
    const captions = (section, texts) => {
      root.querySelectorAll(`${section} figcaption`).forEach((node, k) => (node.textContent = texts[k]));
    };

    /**
     * A question whose answer appears in `section`: latest wins, and an answer about a picture or a schedule that has
     * gone meanwhile is dropped. `answered(answer)` draws it and returns the line above it.
     */
    function questionIn(section, ask, answered) {
      const note = $(`${section} .note`);
      const pump = Lab.pump(
        () => ask(question()),
        (answer, about) => {
          if (!root.isConnected || about.x0 !== x0 || about.alphaBar !== alphaBar) return;
          note.textContent = answer.error || answered(answer);
          if (!answer.error) $(`${section} .pictures`).hidden = false;
        },
        () => (note.textContent = Lab.text("The server did not answer.")),
      );
      return () => {
        if (!note.textContent) note.textContent = Lab.text("One moment …");
        pump({ x0, alphaBar });
      };
    }

    const look = questionIn(".look", (asked) => server.look(asked), (answer) => {
      const { n, t } = answer;
      paint("seen", answer.x, n);
      paint("x0_hat", answer.x0_hat, n);
      paint("truth", answer.x0, n);
      Lab.paintRGB(canvas("error"), Lab.mapped(Lab.bytes(answer.gap), "viridis"), n);
      const values = { t, size: n, rmse: Lab.number(answer.rmse, 3), ms: Math.round(answer.ms) };
      const texts = [
        Lab.text("what it gets, {size} × {size}", values),
        Lab.text("x̂0, what it sees"),
        Lab.text("x0, the truth"),
        Lab.text("error, 0 to 2"),
      ];
      captions(".look", texts);
      ["seen", "x0_hat", "truth", "error"].forEach((view, k) => label(canvas(view), `${texts[k]}, t ${t}`));
      label(canvas("x0_hat"), `x̂0, ${told(t, alphaBar[t])}, ${Lab.text("model error {rmse}", values)}`);
      return Lab.text("t {t}: root mean square error {rmse}, in {ms} ms", values);
    });
    function follow() {
      if ($(".live").checked) look();
    }
    $(".once").addEventListener("click", look);
    $(".live").addEventListener("change", () => {
      $(".look .note").setAttribute("aria-live", $(".live").checked ? "off" : "polite"); // a number a frame is no news
      follow();
    });

    const chain = questionIn(".chain", (asked) => server.chain(asked), (answer) => {
      paint("chain", answer.chain, answer.n);
      paint("jump", answer.jump, answer.n);
      const texts = [Lab.text("{t} steps", { t: answer.t }), Lab.text("one jump")];
      captions(".chain", texts);
      ["chain", "jump"].forEach((view, k) => label(canvas(view), texts[k]));
      const heads = root.querySelectorAll(".chain th[scope=col]");
      heads[0].textContent = Lab.text("mean");
      heads[1].textContent = Lab.text("standard deviation");
      const { chain: walked, jump, theory } = answer.told;
      const names = [...texts, Lab.text("in theory")];
      const rows = [walked, jump, theory].map((row, k) => {
        const line = document.createElement("tr");
        const name = document.createElement("th");
        name.scope = "row";
        name.textContent = names[k];
        line.append(name);
        for (const number of [row.mean, row.std]) line.insertCell().textContent = Lab.number(number, 4);
        return line;
      });
      $(".chain tbody").replaceChildren(...rows);
      return Lab.text("Fresh noise at each step, and yet the same distribution.");
    });
    $(".walk").addEventListener("click", chain);

    /** Another picture or schedule: what was answered about the last one goes (live, its place stays). */
    function forget() {
      $(".look .pictures").hidden ||= !$(".live").checked;
      $(".chain .pictures").hidden = true;
      for (const note of root.querySelectorAll(".note")) note.textContent = "";
    }

    // ------------------------------------------------------------ hands

    curveChart = Lab.chart($(".curve div"), {
      x: [0, 1000], y: [0, 1], xTicks: [], yTicks: [0, 0.5, 1], height: 160, fluid: true, label: Lab.text("ᾱ over t"),
    });
    curveChart.onDrag((t) => {
      stop();
      drag(t);
    });
    const drag = Lab.frame((t) => go(t, true));
    histogram = Lab.chart($(".histogram div"), {
      x: RANGE, y: [0, 0.85], xTicks: [-3, -1, 1, 3], height: 160, fluid: true, margin: { l: 8 },
      label: Lab.text("Histogram of x_t against the normal density"),
    });
    const grid = Array.from({ length: 71 }, (_, k) => RANGE[0] + k / 10);
    histogram.bars("x_t", counts, ...RANGE);
    histogram.line("normal", grid, grid.map((x) => Lab.normalPdf(x)), { className: "b", dash: "4 3" });

    thumbs = stripLevels(1).map(() => {
      const thumb = document.createElement("button");
      thumb.type = "button";
      thumb.append(document.createElement("canvas"), document.createElement("span"));
      thumb.addEventListener("click", () => {
        stop();
        go(thumb.level, true);
      });
      return thumb;
    });
    $(".strip").append(...thumbs);

    Lab.slider(
      $(".level"),
      (t) => {
        stop();
        go(t);
      },
      { wheelOver: canvas("x_t") },
    );
    $(".place .t").addEventListener("input", (event) => {
      if (event.target.value === "") return;
      stop();
      go(Number(event.target.value));
    });
    $(".place .t").addEventListener("blur", (event) => (event.target.value = state.t));

    for (const node of root.querySelectorAll("[data-term]")) {
      const light = (on) => () => {
        const terms = node.dataset.term;
        for (const other of root.querySelectorAll(`[data-term="${terms}"]`)) other.classList.toggle("lit", on);
        root.classList.toggle("lighting", on);
      };
      for (const name of ["pointerenter", "focusin"]) node.addEventListener(name, light(true));
      for (const name of ["pointerleave", "focusout"]) node.addEventListener(name, light(false));
    }

    // ------------------------------------------------------------ playing

    /** Move along `path(ms)`, a level, until it is null; `step` shows a level. */
    function play(path, step = go) {
      let before = null;
      let ms = 0;
      const frame = (now) => {
        if (state.playing !== frame || !root.isConnected) return;
        ms += Math.min(100, now - (before ?? now)); // a page that was busy or hidden goes on where it was
        before = now;
        const t = path(ms);
        if (t === null) return stop();
        if (t !== state.t) step(t);
        requestAnimationFrame(frame);
      };
      state.playing = frame;
      root.classList.add("playing");
      label($(".play"), Lab.text("Pause"));
      requestAnimationFrame(frame);
    }
    function stop() {
      state.playing = null;
      root.classList.remove("playing");
      label($(".play"), Lab.text("Play"));
    }
    $(".play").addEventListener("click", () => {
      if (state.playing) return stop();
      const from = state.t >= state.T ? 0 : state.t;
      play((ms) => (ms > SWEEP * (1 - from / state.T) ? (state.t < state.T ? state.T : null) : Math.round(from + (ms / SWEEP) * state.T)));
    });
    stop();

    // ------------------------------------------------------------ begin

    Lab.hear(element, SOURCE, (t) => {
      stop();
      show(t);
      follow();
    });
    watch("value", loadPicture);
    watch("curve", loadCurve);
    const linked = Number(Lab.settings ? Lab.settings.get("t") : NaN);
    state.t = Lab.t ?? (Number.isFinite(linked) ? linked : props.t);
    loadCurve();
    loadPicture();

    // What moves before any click: once a visit, where it is wanted, and only until somebody does something.
    if (Lab.t === null && !Lab.calm() && !new URLSearchParams(location.search).has("t")) {
      const home = state.t;
      const hands = ["pointerdown", "keydown", "wheel"];
      const leave = () => {
        if (state.playing) stop();
        for (const name of hands) window.removeEventListener(name, leave, true);
      };
      for (const name of hands) window.addEventListener(name, leave, true);
      play((ms) => opening(ms, state.T, home), show); // not told to the page: its link stays as it is
    }
    root.lab = { show, go, state };
  }

  Lab.define("scrubber", start);
  if (typeof module === "object" && module.exports) module.exports = { stripLevels, thinned, reduced, told, verdict, opening };
})();
