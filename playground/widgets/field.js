/* The score field: q_t of a point cloud, its score, and particles that follow it, on the page's clock t. The mathematics
 * is mixture.js. Three ways to move: "forward" (noise), "reverse" (a sampler's run, computed by the server, played here)
 * and "langevin" (computed here).
 */
(function (Lab, root) {
  "use strict";
  // Pixels a side of the density, by the deviation of q_t's parts: the canvas smooths them, and a wide bump needs few.
  const gridFor = (deviation) => (deviation > 0.2 ? 96 : 128);
  const SHARES = [0.2, 0.5, 0.8, 0.95]; // of the probability, inside each contour
  const ARROWS = 19; // a side
  const RUN_SECONDS = 7; // a whole run at speed 1
  const LANGEVIN_RATE = 30; // Langevin steps a second at speed 1
  const TAIL = 8,
    WALKS = 60; // Langevin: how many steps a tail shows, of how many particles
  const MOST_POINTS = 200; // of a drawing
  const FORMULA = [
    "\\htmlData{term=score}{\\nabla_{\\!x}\\log q_t(x)}\\;=\\;-\\,\\frac{\\htmlData{term=eps}{\\hat\\varepsilon(x,t)}}" +
      "{\\htmlData{term=noise}{\\sqrt{1-\\bar\\alpha_t}}}",
    "∇log q_t(x) = −ε̂(x, t) / √(1−ᾱ_t)",
  ];
  const SYMBOLS = {
    // TeX, and plain letters for where it can't be set
    point: ["x", "x"],
    density: ["q_t(x)", "q_t(x)"],
    score: ["\\nabla_{\\!x}\\log q_t", "∇log q_t"],
    eps: ["\\hat\\varepsilon", "ε̂"],
    noise: ["\\sqrt{1-\\bar\\alpha_t}", "√(1−ᾱ_t)"],
    x0: ["\\hat x_0", "x̂0"],
  };

  const vector = (x, y) => `(${short(x)}, ${short(y)})`;
  const short = (v) => Lab.number(v, Math.abs(v) < 9.995 ? 2 : Math.abs(v) < 99.95 ? 1 : 0);
  const small = (v) => (v === 0 || v >= 0.01 ? Lab.number(v, 3) : v < 5e-5 ? "< 0.0001" : Lab.number(v, 4));

  /** Draws in cloud coordinates on one canvas. */
  function plate(canvas) {
    const context = canvas.getContext("2d");
    const { EXTENT } = Lab.mixture;
    const self = { canvas, context, size: 0, unit: 1, ratio: 1 };
    self.fit = () => {
      const css = canvas.clientWidth,
        ratio = Math.min(2, root.devicePixelRatio || 1),
        size = Math.round(css * ratio);
      if (size && canvas.width !== size) canvas.width = canvas.height = size;
      Object.assign(self, { size, ratio, unit: size / (2 * EXTENT) });
    };
    self.x = (v) => (v + EXTENT) * self.unit;
    self.y = (v) => (EXTENT - v) * self.unit;
    return self;
  }

  function crosses(p, xs, colour, arm) {
    const { context: c, ratio } = p,
      r = arm * ratio;
    c.beginPath();
    for (let i = 0; i < xs.length; i += 2) {
      const x = p.x(xs[i]),
        y = p.y(xs[i + 1]);
      c.moveTo(x - r, y);
      c.lineTo(x + r, y);
      c.moveTo(x, y - r);
      c.lineTo(x, y + r);
    }
    c.strokeStyle = colour;
    c.lineWidth = 1.25 * ratio;
    c.stroke();
  }

  /**
   * Particles: a round dot (sampler) or a diamond (Langevin), with a rim that keeps it apart from any ground.
   * One small fill each: without a graphics card four times as fast as one path of them all, or as pictures of a dot.
   */
  function dots(p, xs, fill, rim, radius, diamond) {
    const { context: c, ratio } = p,
      spot = (x, y, r) => {
        c.beginPath();
        if (diamond) {
          c.moveTo(x, y - 1.35 * r);
          c.lineTo(x + 1.35 * r, y);
          c.lineTo(x, y + 1.35 * r);
          c.lineTo(x - 1.35 * r, y);
        } else c.arc(x, y, r, 0, 2 * Math.PI);
        c.fill();
      };
    for (let i = 0; i < xs.length; i += 2) {
      const x = p.x(xs[i]),
        y = p.y(xs[i + 1]);
      c.fillStyle = rim;
      spot(x, y, (radius + 1) * ratio);
      c.fillStyle = fill;
      spot(x, y, radius * ratio);
    }
  }

  function arrow(c, x, y, dx, dy, head) {
    const length = Math.hypot(dx, dy);
    if (length < 0.5) return;
    const ux = dx / length,
      uy = dy / length,
      tx = x + dx,
      ty = y + dy,
      h = Math.min(head, 0.6 * length);
    c.moveTo(x, y);
    c.lineTo(tx, ty);
    c.moveTo(tx - h * (ux - 0.5 * uy), ty - h * (uy + 0.5 * ux));
    c.lineTo(tx, ty);
    c.lineTo(tx - h * (ux + 0.5 * uy), ty - h * (uy - 0.5 * ux));
  }

  Lab.define("field", function mount(ui) {
    const Field = Lab.mixture;
    const host = ui.element.querySelector(".field"),
      $ = (s) => host.querySelector(s),
      all = (s) => [...host.querySelectorAll(s)];
    const source = ui.element.id || "field",
      text = Lab.text;
    const big = plate($("canvas.big")),
      twin = plate($("canvas[data-view=q_t]")),
      photo = $("canvas[data-view=x_t]");
    const range = $(".track input"),
      stepRange = $(".step input"),
      playButton = $(".play"),
      modes = all(".modes input");
    const ground = plate(document.createElement("canvas")),
      shade = document.createElement("canvas");
    const grids = {}; // size → {image, q}

    let cloud = null,
      mix = null,
      alphaBar = [1, 0],
      T = 1,
      data = null,
      run = null,
      picture = null,
      stepSize = 0.1,
      seed = 0;
    let mode = "reverse",
      t = 0,
      u = 0,
      playing = false,
      speed = 1,
      last = 0,
      owed = 0,
      groundKey = "",
      dark = null,
      paint = {};
    let walk = null; // Langevin: {xs, tail, steps, normal}
    let probe = [0.9, 1.3],
      term = "",
      stroke = null;
    let now = new Float32Array(0);
    let titles = {};
    const drawing = () => Boolean(cloud && cloud.name === "draw");
    const layer = (name) => $(`.layers input[value=${name}]`).checked;
    const alphaNow = () => Field.alphaAt(alphaBar, t);

    // ------------------------------------------------------------------------------------------------ what is shown
    function palette() {
      const style = getComputedStyle(host),
        get = (name) => style.getPropertyValue(`--field-${name}`).trim();
      for (const name of ["ground", "shade", "contour", "arrow", "particle", "rim", "path", "data", "ink"])
        paint[name] = get(name);
      shadeRGB = paint.shade.split(",").map(Number);
    }
    let shadeRGB = [0, 0, 0];

    /**
     * While a slow machine plays, field and numbers follow at 10 a second, so that the particles keep their pace.
     * (What moves by hand, and the last frame, is drawn whole.)
     */
    let pace = 16;
    const drawnAt = { ground: 0, numbers: 0 };
    function due(part) {
      const time = performance.now();
      if (playing && pace > 22 && time - drawnAt[part] < 100) return false;
      drawnAt[part] = time;
      return true;
    }

    function drawGround() {
      const key = [t, big.size, dark, layer("density"), layer("arrows"), cloud.version].join();
      if (key === groundKey || !due("ground")) return;
      groundKey = key;
      const { context: c, canvas } = ground;
      if (canvas.width !== big.size) canvas.width = canvas.height = big.size;
      Object.assign(ground, { size: big.size, unit: big.unit, ratio: big.ratio });
      c.fillStyle = paint.ground;
      c.fillRect(0, 0, big.size, big.size);
      if (!mix.K) return;
      const ab = alphaNow();
      if (layer("density")) {
        const size = gridFor(Math.sqrt(Field.rates(mix, ab).variance));
        const { image, q } = (grids[size] ||= { image: new ImageData(size, size), q: new Float32Array(size * size) });
        Field.density(mix, ab, size, q);
        const { peak, levels } = Field.massLevels(q, SHARES),
          pixels = image.data;
        for (let i = 0, k = 0; i < q.length; i++, k += 4) {
          pixels[k] = shadeRGB[0];
          pixels[k + 1] = shadeRGB[1];
          pixels[k + 2] = shadeRGB[2];
          pixels[k + 3] = 225 * Math.sqrt(q[i] / peak);
        }
        if (shade.width !== size) shade.width = shade.height = size;
        shade.getContext("2d").putImageData(image, 0, 0);
        c.drawImage(shade, 0, 0, big.size, big.size);
        const pitch = big.size / size,
          at = (v) => (v + 0.5) * pitch;
        c.beginPath();
        for (const level of levels) {
          if (level > 0)
            Field.contour(q, size, level, (x1, y1, x2, y2) => {
              c.moveTo(at(x1), at(y1));
              c.lineTo(at(x2), at(y2));
            });
        }
        c.strokeStyle = paint.contour;
        c.lineWidth = big.ratio;
        c.stroke();
      }
      if (layer("arrows")) {
        const cell = (2 * Field.EXTENT) / ARROWS,
          deviation = Math.sqrt(Field.rates(mix, ab).variance),
          s = {};
        c.beginPath();
        for (let j = 0; j < ARROWS; j++)
          for (let i = 0; i < ARROWS; i++) {
            const x = (i + 0.5) * cell - Field.EXTENT,
              y = (j + 0.5) * cell - Field.EXTENT;
            Field.at(mix, ab, x, y, s);
            const size = Math.hypot(s.sx, s.sy) * deviation; // in deviations of q_t's parts, so arrows keep their size as t moves
            const long = (0.92 * cell * big.unit * size) / (size + 0.7) / (Math.hypot(s.sx, s.sy) || 1);
            arrow(
              c,
              big.x(x) - (s.sx * long) / 2,
              big.y(y) + (s.sy * long) / 2,
              s.sx * long,
              -s.sy * long,
              4 * big.ratio,
            );
          }
        c.strokeStyle = paint.arrow;
        c.lineWidth = 1.1 * big.ratio;
        c.lineJoin = c.lineCap = "round";
        c.stroke();
      }
    }

    function noised(out, ab) {
      // the data points at t, each with its own fixed ε
      const a = Math.sqrt(ab),
        b = Math.sqrt(Math.max(0, 1 - ab));
      for (let i = 0; i < out.length; i++) out[i] = a * data.x0[i] + b * data.eps[i];
      return out;
    }

    const trail = plate(document.createElement("canvas")); // a run's paths up to a whole frame, drawn once
    let trailKey = "",
      trailFrame = 0;
    const pen = (c) => {
      c.strokeStyle = paint.path;
      c.lineWidth = big.ratio;
      c.lineJoin = "round";
    };
    function runPaths(c) {
      const n = run.particles,
        some = Math.min(n, Math.max(12, Math.floor(5000 / run.frames)), 90),
        end = Math.floor(u);
      const key = [big.size, dark, cloud.version].join();
      if (key !== trailKey || end < trailFrame) {
        trail.canvas.width = trail.canvas.height = big.size;
        trailKey = key;
        trailFrame = 0;
      }
      const piece = (context, k, from, to) => {
        for (let i = from; i <= to; i++) {
          const o = 2 * (i * n + k),
            x = big.x(run.paths[o]),
            y = big.y(run.paths[o + 1]);
          if (i > from) context.lineTo(x, y);
          else context.moveTo(x, y);
        }
      };
      if (end > trailFrame) {
        pen(trail.context);
        trail.context.beginPath();
        for (let k = 0; k < some; k++) piece(trail.context, k, trailFrame, end);
        trail.context.stroke();
        trailFrame = end;
      }
      c.drawImage(trail.canvas, 0, 0);
      for (let k = 0; k < some; k++) {
        piece(c, k, end, end);
        c.lineTo(big.x(now[2 * k]), big.y(now[2 * k + 1]));
      }
    }
    function drawPaths(c) {
      c.beginPath();
      if (mode === "reverse" && run) runPaths(c);
      else if (mode === "forward") {
        const some = Math.min(48, data.x0.length / 2),
          pieces = 12;
        const rates = Array.from({ length: pieces + 1 }, (_, i) =>
          Field.rates(mix, Field.alphaAt(alphaBar, (t * i) / pieces)),
        );
        for (let k = 0; k < 2 * some; k += 2)
          rates.forEach(({ signal: a, noise: b }, i) => {
            const x = big.x(a * data.x0[k] + b * data.eps[k]),
              y = big.y(a * data.x0[k + 1] + b * data.eps[k + 1]);
            if (i) c.lineTo(x, y);
            else c.moveTo(x, y);
          });
      } else if (mode === "langevin" && walk) {
        for (let k = 0; k < Math.min(walk.xs.length, 2 * WALKS); k += 2)
          [...walk.tail, walk.xs].forEach((xs, i) => {
            if (i) c.lineTo(big.x(xs[k]), big.y(xs[k + 1]));
            else c.moveTo(big.x(xs[k]), big.y(xs[k + 1]));
          });
      }
      pen(c);
      c.stroke();
    }

    /** At the pointer: the score as an arrow, x̂0 as a ✕, and the term of the formula in hand. */
    function drawProbe(c, s, ab) {
      const [x, y] = probe,
        { ratio } = big,
        px = big.x(x),
        py = big.y(y),
        a = Math.sqrt(ab),
        b = Math.sqrt(1 - ab);
      const long = Math.hypot(s.sx, s.sy),
        most = 1.1 / (1 + 0.25 / (long + 1e-9)) / (long || 1);
      const nib = (width, dash = []) => {
        c.setLineDash(dash.map((d) => d * ratio));
        c.lineWidth = width * ratio;
      };
      const twice = () => {
        c.strokeStyle = paint.rim;
        const w = c.lineWidth;
        c.lineWidth = w + 2.5 * ratio;
        c.stroke();
        c.lineWidth = w;
        c.strokeStyle = paint.ink;
        c.stroke();
      };
      c.beginPath();
      nib(1, [3, 4]);
      c.moveTo(px, py);
      c.lineTo(big.x(s.x0), big.y(s.y0));
      c.strokeStyle = paint.ink;
      c.stroke();
      const r = 5 * ratio,
        cx = big.x(s.x0),
        cy = big.y(s.y0);
      c.beginPath();
      nib(term === "x0" ? 3.5 : 2);
      c.moveTo(cx - r, cy - r);
      c.lineTo(cx + r, cy + r);
      c.moveTo(cx + r, cy - r);
      c.lineTo(cx - r, cy + r);
      twice();
      if (term !== "eps") {
        c.beginPath();
        nib(term === "score" ? 4 : 2.25);
        arrow(c, px, py, s.sx * most * big.unit, -s.sy * most * big.unit, 9 * ratio);
        twice();
      }
      if (term === "eps") {
        // x = √ᾱ x̂0 + √(1−ᾱ) ε̂: the noise is the way from √ᾱ x̂0 to x
        c.beginPath();
        nib(3.5);
        arrow(c, big.x(a * s.x0), big.y(a * s.y0), (x - a * s.x0) * big.unit, -(y - a * s.y0) * big.unit, 9 * ratio);
        twice();
      }
      if (term === "noise") {
        c.beginPath();
        nib(2.5, [6, 4]);
        c.arc(px, py, b * big.unit, 0, 2 * Math.PI);
        twice();
      }
      c.setLineDash([]);
      c.beginPath();
      c.arc(px, py, 4.5 * ratio, 0, 2 * Math.PI);
      c.fillStyle = paint.rim;
      c.fill();
      nib(2);
      c.strokeStyle = paint.ink;
      c.stroke();
    }

    function draw() {
      if (!cloud || !big.size) return; // not on show
      const isDark = document.body.classList.contains("dark");
      if (isDark !== dark) {
        dark = isDark;
        host.classList.toggle("dim", dark);
        palette();
      }
      const ab = alphaNow(),
        c = big.context;
      drawGround();
      c.drawImage(ground.canvas, 0, 0);
      const there = mix.K > 0;
      if (there) {
        if (mode === "reverse" && run)
          now = Field.particlesAt(
            run.paths,
            run.particles,
            run.frames,
            u,
            now.length === 2 * run.particles ? now : undefined,
          );
        if (layer("paths")) drawPaths(c);
        if (mode === "forward" || layer("data"))
          crosses(big, noised(data.now, ab), paint.data, mode === "forward" ? 3.5 : 2.5);
        if (mode === "reverse" && run) dots(big, now, paint.particle, paint.rim, 2.6);
        if (mode === "langevin" && walk) dots(big, walk.xs, paint.particle, paint.rim, 2.6, true);
        if (drawing() && t <= 0.02 * T) crosses(big, cloud.points, paint.data, 3);
      }
      const s = there ? Field.at(mix, ab, probe[0], probe[1]) : null;
      if (s) drawProbe(c, s, ab);
      else if (drawing()) dots(big, probe, paint.ink, paint.rim, 4);
      drawTwins(ab);
      range.value = t;
      range.style.setProperty("--share", t / T);
      if (due("numbers")) writeNumbers(s, ab);
    }
    const redraw = Lab.frame(draw);

    function drawTwins(ab) {
      if (photo.width !== picture.size) photo.width = photo.height = picture.size;
      Lab.forward(picture.image.data, picture.x0, picture.eps, Math.sqrt(ab), Math.sqrt(Math.max(0, 1 - ab)));
      photo.getContext("2d").putImageData(picture.image, 0, 0);
      if (!twin.size) return;
      twin.context.fillStyle = paint.ground;
      twin.context.fillRect(0, 0, twin.size, twin.size);
      if (data) crosses(twin, noised(data.now, ab), paint.data, 1.5);
    }

    // ---------------------------------------------------------------------------------------------- words and numbers
    const put = (node, value) => {
      if (node.textContent !== value) node.textContent = value;
    };
    const number = {};
    for (const row of all(".numbers > div")) number[row.dataset.term] = row.querySelector("dd");

    function clockText(ab) {
      return text("t {t}: {signal} signal, SNR {snr}", {
        t: Math.round(t),
        signal: Lab.percent(ab),
        snr: Lab.decibels(Lab.snrDb(ab)),
      });
    }
    function probeText(s) {
      return s
        ? text("At {x}: score {score}, expected noise {eps}.", {
            x: vector(...probe),
            score: vector(s.sx, s.sy),
            eps: vector(s.ex, s.ey),
          })
        : "";
    }
    function statusText() {
      if (drawing() && !mix.K) return "";
      if (mode === "forward") return text("Each point keeps its own noise: only the mix of the two moves.");
      if (mode === "reverse") {
        if (!run) return "";
        const step = run.index[Math.min(run.frames - 1, Math.floor(u + 1e-9))];
        return text("{sampler}: step {step} of {steps}, {nfe} evaluations of the exact score for each particle", {
          sampler: run.sampler,
          step,
          steps: run.steps,
          nfe: run.nfe,
        });
      }
      return walk
        ? text("{n} Langevin steps · spread of the particles {have}, of q_t {want}", {
            n: walk.steps,
            have: Lab.number(Field.spread(walk.xs)),
            want: Lab.number(Field.spreadOf(mix, alphaNow())),
          })
        : "";
    }

    function writeNumbers(s, ab) {
      put($(".clock"), `t ${Math.round(t)} · ᾱ ${Lab.number(ab, 3)} · ${Lab.decibels(Lab.snrDb(ab))}`);
      range.setAttribute("aria-valuetext", clockText(ab));
      put(number.point, vector(...probe));
      put(number.density, s ? small(Math.exp(s.logq)) : "–");
      put(number.score, s ? vector(s.sx, s.sy) : "–");
      put(number.eps, s ? vector(s.ex, s.ey) : "–");
      put(number.noise, Lab.number(Math.sqrt(Math.max(0, 1 - ab)), 3));
      put(number.x0, s ? vector(s.x0, s.y0) : "–");
      put($(".status"), statusText());
      big.canvas.setAttribute("aria-label", `${titles[cloud.name]}. ${clockText(ab)}. ${statusText()} ${probeText(s)}`);
      twin.canvas.setAttribute("aria-label", `${text("The points, noised to t")}. ${clockText(ab)}`);
      photo.setAttribute("aria-label", `${text("A picture, noised to t")}. ${clockText(ab)}`);
    }

    function label() {
      host.setAttribute("aria-label", text("Score field"));
      $(".modes").setAttribute("aria-label", text("What moves the particles"));
      titles = {
        moons: text("Two moons"),
        spiral: text("Spiral"),
        rings: text("Rings"),
        grid: text("Grid of Gaussians"),
        draw: text("Drawn points"),
      };
      const words = { forward: text("Noising"), reverse: text("Sampler"), langevin: text("Langevin") };
      const layers = { density: text("Density"), arrows: text("Score"), paths: text("Paths"), data: text("Data") };
      const name = `field-mode-${Math.random().toString(36).slice(2)}`;
      for (const input of modes) {
        input.name = name;
        input.nextElementSibling.textContent = words[input.value];
      }
      for (const input of all(".layers input"))
        input.parentNode.querySelector("span").textContent = layers[input.value];
      const buttons = {
        back: text("One step back"),
        next: text("One step on"),
        again: text("From the start"),
        undo: text("Undo the last point"),
        clear: text("Clear"),
      };
      for (const [key, value] of Object.entries(buttons)) {
        $(`.${key}`).setAttribute("aria-label", value);
        $(`.${key}`).title = value;
      }
      put($(".undo"), text("Undo"));
      put($(".clear"), text("Clear"));
      range.setAttribute("aria-label", text("Level t"));
      $(".speed").setAttribute("aria-label", text("Speed"));
      put($(".step span"), text("Step size"));
      stepRange.setAttribute("aria-label", text("Langevin step size"));
      const captions = all("figcaption");
      put(captions[0], text("A picture at t"));
      put(captions[1], text("The points at t"));
      put(
        $(".words"),
        text(
          "The score points to where points are denser: the expected noise, turned round, divided by the noise's size.",
        ),
      );
      const rows = {
        point: text("Pointer"),
        density: text("Density"),
        score: text("Score"),
        eps: text("Expected noise"),
        noise: text("Size of the noise"),
        x0: text("Expected point"),
      };
      for (const row of all(".numbers > div")) row.title = rows[row.dataset.term];
      put($(".hint"), text("Draw points here: drag, or move with the arrow keys and press Enter."));
      showPlay();
    }

    // ------------------------------------------------------------------------------------------------- time moves
    function showPlay() {
      host.classList.toggle("playing", playing);
      playButton.setAttribute("aria-label", playing ? text("Pause") : text("Play"));
      playButton.title = playButton.getAttribute("aria-label");
    }
    function pause() {
      if (playing) {
        playing = false;
        tell();
      }
      showPlay();
    }
    /** The page hears of t: in whole steps, and not of every frame that plays (its controls and its address follow). */
    let told = 0;
    function tell() {
      const now = performance.now(),
        whole = Math.round(t);
      if (whole === Lab.t || (playing && now - told < 250)) return;
      told = now;
      Lab.tell(whole, source);
    }
    /** Put the clock at `value`; the run and, unless it came from there, the page follow. */
    function moveTo(value, ours = true) {
      t = Lab.clamp(value, 0, T);
      if (run && mode === "reverse") u = Field.frameAt(run.t, t);
      if (ours) tell();
      redraw();
    }
    function moveRun(frame) {
      u = Lab.clamp(frame, 0, run.frames - 1);
      t = Field.timeAt(run.t, u);
      tell();
    }
    function step(by) {
      pause();
      if (mode === "reverse" && run) moveRun(by > 0 ? Math.floor(u + 1e-6) + 1 : Math.ceil(u - 1e-6) - 1);
      else if (mode === "langevin") {
        if (by > 0) langevin(1);
      } else return moveTo(t + by * Math.max(1, Math.round(T / 50)));
      redraw();
    }
    function langevin(steps) {
      for (let i = 0; i < steps; i++) {
        walk.tail.push(walk.xs.slice());
        if (walk.tail.length > TAIL) walk.tail.shift();
        Field.langevin(mix, alphaNow(), walk.xs, stepSize, walk.normal);
      }
      walk.steps += steps;
    }
    /** Langevin starts from N(0, 1), with the seed of the page. */
    const walkers = () => (run ? run.particles : 200);
    const walkKey = () => [seed, walkers(), mix.std, ...cloud.points].join();
    function startWalk() {
      const normal = Field.normals(seed);
      walk = { key: walkKey(), xs: Float64Array.from({ length: 2 * walkers() }, normal), tail: [], steps: 0, normal };
    }
    function setStep(value) {
      stepSize = Lab.clamp(Number(value), ui.props.step_size.low, ui.props.step_size.high);
      stepRange.value = Math.log10(stepSize);
      stepRange.style.setProperty("--share", (stepRange.value - stepRange.min) / (stepRange.max - stepRange.min));
      put($(".step output"), Lab.number(stepSize, 3));
      stepRange.setAttribute("aria-valuetext", Lab.number(stepSize, 3));
    }
    function tick(time) {
      if (!playing || !host.isConnected) return;
      const seconds = Math.min(0.1, (time - last) / 1000 || 0) * speed;
      pace += 0.1 * (Math.min(100, time - last) - pace);
      last = time;
      if (mode === "langevin") {
        owed += seconds * LANGEVIN_RATE;
        langevin(Math.floor(owed));
        owed -= Math.floor(owed);
      } else if (mode === "reverse" && run) {
        moveRun(u + (seconds * (run.frames - 1)) / RUN_SECONDS);
        if (u >= run.frames - 1) pause();
      } else {
        t = Math.min(T, t + (seconds * T) / RUN_SECONDS);
        tell();
        if (t >= T) pause();
      }
      draw();
      if (playing) requestAnimationFrame(tick);
    }
    function play() {
      if (playing) return pause();
      if (!mix || !mix.K || (mode === "reverse" && !run)) return;
      if (mode === "reverse" && u >= run.frames - 1 - 1e-6) moveRun(0);
      if (mode === "forward" && t >= T) moveTo(0);
      if (mode === "langevin" && !walk) startWalk();
      playing = true;
      owed = 0;
      last = performance.now();
      showPlay();
      requestAnimationFrame(tick);
    }
    function again() {
      if (!mix || !mix.K) return;
      if (mode === "reverse" && run) moveRun(0);
      else if (mode === "langevin") startWalk();
      else moveTo(0);
      redraw();
    }
    function setMode(name) {
      pause();
      mode = name;
      host.dataset.mode = mode;
      if (mode === "langevin" && mix && mix.K) {
        startWalk();
        if (t < 0.05 * T) moveTo(0.25 * T); // at t = 0 the steps are of size 0
      }
      if (mode === "reverse") moveTo(t);
      redraw();
    }

    // ------------------------------------------------------------------------------------------------- what arrives
    const flat = (points) => Float64Array.from(points.flat());
    let version = 0,
      stamp = 0; // of the cloud in hand; of the drawing, so that late answers can be told
    function take() {
      const { value } = ui.props;
      if (!value) return;
      if (value.cloud.name === "draw") answered = value.cloud.stamp;
      if (drawing() && value.cloud.name === "draw" && answered < stamp) {
        if (!stroke) send(); // this answers an older drawing
        return;
      }
      const first = !cloud;
      cloud = { ...value.cloud, points: flat(value.cloud.points), version: ++version };
      mix = Field.mixture(cloud.points, cloud.std);
      alphaBar = new Float64Array(Lab.bytes(value.alpha_bar).buffer);
      T = alphaBar.length - 1;
      seed = value.seed;
      stamp = Math.max(stamp, value.cloud.stamp);
      const x0 = Lab.float32(value.data.x0),
        eps = Lab.float32(value.data.eps);
      data = { x0, eps, now: new Float32Array(x0.length) };
      run = value.run && { ...value.run, paths: Lab.float32(value.run.paths) };
      const { n, x0: pixels, eps: noise } = value.picture;
      picture = { size: n, image: Lab.pixels(n), x0: Lab.unit(Lab.bytes(pixels)), eps: Lab.int16(noise) };
      range.max = T;
      $(".hint").hidden = !drawing() || mix.K > 0;
      $(".pen").hidden = !drawing() || !mix.K;
      big.canvas.classList.toggle("drawing", drawing());
      drawTicks();
      if (walk && walk.key !== walkKey()) walk = null; // it was of other points, or another seed
      if (mode === "langevin" && mix.K && !walk) startWalk();
      setStep(Lab.settings?.get("step_size") ?? value.step_size);
      if (first) moveTo(Lab.t === null ? (Lab.calm() ? 0.4 * T : T) : Lab.t, false);
      else moveTo(t, false);
      if (first && Lab.t === null && !Lab.calm()) play();
    }
    function drawTicks() {
      // where the sampler stands still to ask: its levels
      const svg = $(".ticks");
      svg.replaceChildren();
      if (run && run.frames <= 130)
        for (const at of run.t)
          Lab.svg("line", { x1: `${(100 * at) / T}%`, x2: `${(100 * at) / T}%`, y1: 0, y2: 5 }, svg);
    }

    // ------------------------------------------------------------------------------------------------- draw your own
    /** The drawing goes to the server one at a time and the last one always, so that it also keeps the last. */
    let sent = 0;
    let sentAt = 0;
    let answered = 0;
    function send() {
      const waiting = sent > answered && performance.now() - sentAt < 8000;
      if (waiting || !drawing()) return;
      const pairs = [];
      for (let i = 0; i < cloud.points.length; i += 2) {
        pairs.push([+cloud.points[i].toFixed(3), +cloud.points[i + 1].toFixed(3)]);
      }
      sent = stamp;
      sentAt = performance.now();
      ui.trigger("drawn", { points: pairs, stamp });
    }
    function changePoints(points, done) {
      cloud.points = Float64Array.from(points);
      cloud.version = ++version;
      mix = Field.mixture(cloud.points, cloud.std);
      run = null; // it was of other points
      stamp += 1;
      $(".hint").hidden = mix.K > 0;
      $(".pen").hidden = !mix.K;
      if (done) send();
      redraw();
    }
    function addPoint(x, y, done) {
      if (mix.K >= MOST_POINTS) {
        put($(".status"), text("{n} points are the most.", { n: MOST_POINTS }));
        return;
      }
      if (t > 0.02 * T && !mix.K) moveTo(0);
      changePoints([...cloud.points, x, y], done);
    }
    function place(event) {
      const box = big.canvas.getBoundingClientRect(),
        E = Field.EXTENT;
      return [
        Lab.clamp((((event.clientX - box.left) / box.width) * 2 - 1) * E, -E, E),
        Lab.clamp((1 - ((event.clientY - box.top) / box.height) * 2) * E, -E, E),
      ];
    }
    big.canvas.addEventListener("pointerdown", (event) => {
      if (event.button || !cloud) return;
      probe = place(event);
      if (drawing()) {
        pause();
        big.canvas.setPointerCapture(event.pointerId);
        stroke = probe;
        addPoint(...probe, false);
      }
      redraw();
    });
    big.canvas.addEventListener("pointermove", (event) => {
      if (!cloud) return;
      probe = place(event);
      if (stroke && Math.hypot(probe[0] - stroke[0], probe[1] - stroke[1]) > 0.13) {
        stroke = probe;
        addPoint(...probe, false);
      }
      redraw();
    });
    const lift = () => {
      if (stroke) {
        stroke = null;
        changePoints([...cloud.points], true);
      }
    };
    big.canvas.addEventListener("pointerup", lift);
    big.canvas.addEventListener("pointercancel", lift);
    $(".undo").onclick = () => mix.K && changePoints([...cloud.points].slice(0, -2), true);
    $(".clear").onclick = () => {
      pause();
      changePoints([], true);
    };

    // ------------------------------------------------------------------------------------------------- hands
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    host.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !cloud) return;
      const onCanvas = event.target === big.canvas,
        typing = event.target.matches("select, button, input:not([type=range])");
      let done = true;
      if (onCanvas && by[event.key]) {
        const size = event.shiftKey ? 0.5 : 0.1,
          E = Field.EXTENT;
        probe = probe.map((v, i) => Lab.clamp(v + size * by[event.key][i], -E, E));
        if (mix.K) Lab.announce(probeText(Field.at(mix, alphaNow(), ...probe)));
        redraw();
      } else if (onCanvas && drawing() && event.key === "Enter") addPoint(...probe, true);
      else if (onCanvas && drawing() && event.key === "Backspace") $(".undo").click();
      else if (onCanvas && (event.key === "PageUp" || event.key === "PageDown")) {
        pause();
        moveTo(t + ((event.key === "PageUp" ? 1 : -1) * T) / 20);
      } else if (event.key === " " && !typing) play();
      else if (event.key === "," && !event.target.matches("select")) step(-1);
      else if (event.key === "." && !event.target.matches("select")) step(1);
      else done = false;
      if (done) event.preventDefault();
    });
    Lab.slider(
      range,
      (value) => {
        pause();
        moveTo(value);
      },
      { wheelOver: big.canvas },
    );
    playButton.onclick = play;
    $(".back").onclick = () => step(-1);
    $(".next").onclick = () => step(1);
    $(".again").onclick = again;
    $(".speed").onchange = (event) => (speed = Number(event.target.value));
    for (const input of modes) input.onchange = () => setMode(input.value);
    for (const input of all(".layers input")) input.onchange = redraw;

    function link(name) {
      // a term in hand: its number, its sign in the formula and its mark in the picture
      term = name;
      for (const node of all("[data-term]")) node.classList.toggle("lit", Boolean(name) && node.dataset.term === name);
      redraw();
    }
    for (const event of ["pointerover", "focusin"])
      $(".side").addEventListener(event, (e) => link(e.target.closest("[data-term]")?.dataset.term || ""));
    for (const event of ["pointerleave", "focusout"]) $(".side").addEventListener(event, () => link(""));

    async function typeset() {
      // by the KaTeX that Gradio ships; in plain letters where it isn't found
      const place = $(".formula"),
        { katex } = ui.props,
        names = {};
      place.setAttribute("role", "group");
      place.setAttribute("aria-label", text("score = minus expected noise divided by the size of the noise"));
      let render = (tex, plain, node) => put(node, plain);
      try {
        if (!document.getElementById("lab-katex"))
          document.head.append(
            Object.assign(document.createElement("link"), { id: "lab-katex", rel: "stylesheet", href: katex.css }),
          );
        const { default: typesetter } = await import(new URL(katex.js, document.baseURI).href);
        render = (tex, plain, node, big = false) =>
          typesetter.render(tex, node, { output: "html", displayMode: big, trust: true, strict: false });
      } catch {
        /* plain letters, then */
      }
      for (const row of all(".numbers > div")) {
        render(...SYMBOLS[row.dataset.term], row.querySelector("dt"));
        names[row.dataset.term] = row.title;
        row.querySelector("dt").setAttribute("aria-label", row.title);
      }
      render(...FORMULA, place, true);
      for (const node of place.querySelectorAll("[aria-hidden]")) node.removeAttribute("aria-hidden");
      for (const node of place.querySelectorAll("[data-term]")) {
        node.tabIndex = 0;
        node.setAttribute("role", "img");
        node.setAttribute("aria-label", names[node.dataset.term]);
      }
    }

    if (Lab.keys && !Lab.keys.some(([keys]) => keys === ", .")) {
      Lab.keys.push(
        [", .", "Score: one step back, one step on"],
        ["⏎ ⌫", "Score: place a point of your own, take it back"],
      );
    }
    label();
    typeset();
    host.dataset.mode = mode;
    root.addEventListener("lab:set", ({ detail }) => {
      if (host.isConnected && detail.name === "step_size") setStep(detail.value);
    });
    Object.assign(stepRange, {
      min: Math.log10(ui.props.step_size.low),
      max: Math.log10(ui.props.step_size.high),
      step: 0.01,
    });
    Lab.slider(stepRange, (value) => {
      setStep(10 ** value);
      Lab.settings?.put("step_size", +stepSize.toPrecision(2), source);
    });
    Lab.hear(host, source, (value) => {
      playing = false;
      showPlay();
      moveTo(value, false);
    });
    new ResizeObserver(() => {
      big.fit();
      twin.fit();
      if (!big.size) pause(); // another tab is open: its clock is left alone
      groundKey = "";
      draw();
    }).observe(big.canvas);
    new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    ui.watch("value", take);
    take();
  });
})(window.Lab, window);
