/* The score field: q_t of a point cloud, its score, and particles that follow it, on the page's clock t. The mathematics
 * is mixture.js. Three ways to move: "forward" (noise), "reverse" (a sampler's run, computed by the server, played here)
 * and "langevin" (computed here).
 */
(function (Lab, root) {
  "use strict";
  const RUN_SECONDS = 7; // a whole run at speed 1
  const LANGEVIN_RATE = 30; // Langevin steps a second at speed 1
  const TAIL = 8; // Langevin: how many steps behind it a particle shows
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

  Lab.define("field", function mount(ui) {
    const Field = Lab.mixture;
    const host = ui.element.querySelector(".field"),
      $ = (s) => host.querySelector(s),
      all = (s) => [...host.querySelectorAll(s)];
    const source = ui.element.id || "field",
      text = Lab.text;
    const canvas = $("canvas.big"),
      twin = $("canvas[data-view=q_t]"),
      photo = $("canvas[data-view=x_t]");
    const range = $(".track input"),
      stepRange = $(".step input"),
      playButton = $(".play"),
      modes = all(".modes input");

    let alphaBar = [1, 0],
      stepSize = 0.1,
      seed = 0;
    const painter = Lab.painter(host);
    const scene = {
      cloud: null, // {name, std, points, version}
      mix: null, // its mixture
      data: null, // some of its points, each with its own ε: {x0, eps, now}
      run: null, // a sampler's
      walk: null, // Langevin's: {xs, tail, steps, normal}
      picture: null,
      mode: "reverse",
      t: 0,
      T: 1,
      u: 0, // the frame of the run, with parts of it
      probe: [0.9, 1.3],
      term: "", // of the formula, in hand
      layer: (name) => $(`.layers input[value=${name}]`).checked,
      alpha: (t = scene.t) => Field.alphaAt(alphaBar, t),
      get drawing() {
        return Boolean(scene.cloud && scene.cloud.name === "draw");
      },
    };
    let playing = false,
      speed = 1,
      last = 0,
      owed = 0,
      stroke = null,
      titles = {};

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

    function draw() {
      if (!scene.cloud || !painter.size) return; // not on show
      const s = painter.draw(scene, due);
      range.value = scene.t;
      range.style.setProperty("--share", scene.t / scene.T);
      if (due("numbers")) writeNumbers(s, scene.alpha());
    }
    const redraw = Lab.frame(draw);

    // ---------------------------------------------------------------------------------------------- words and numbers
    const put = (node, value) => {
      if (node.textContent !== value) node.textContent = value;
    };
    const number = {};
    for (const row of all(".numbers > div")) number[row.dataset.term] = row.querySelector("dd");

    function clockText(ab) {
      return text("t {t}: {signal} signal, SNR {snr}", {
        t: Math.round(scene.t),
        signal: Lab.percent(ab),
        snr: Lab.decibels(Lab.snrDb(ab)),
      });
    }
    function probeText(s) {
      return s
        ? text("At {x}: score {score}, expected noise {eps}.", {
            x: vector(...scene.probe),
            score: vector(s.sx, s.sy),
            eps: vector(s.ex, s.ey),
          })
        : "";
    }
    function statusText() {
      if (scene.drawing && !scene.mix.K) return "";
      if (scene.mode === "forward") return text("Each point keeps its own noise: only the mix of the two moves.");
      if (scene.mode === "reverse") {
        if (!scene.run) return "";
        const step = scene.run.index[Math.min(scene.run.frames - 1, Math.floor(scene.u + 1e-9))];
        return text("{sampler}: step {step} of {steps}, {nfe} evaluations of the exact score for each particle", {
          sampler: scene.run.sampler,
          step,
          steps: scene.run.steps,
          nfe: scene.run.nfe,
        });
      }
      return scene.walk
        ? text("{n} Langevin steps · spread of the particles {have}, of q_t {want}", {
            n: scene.walk.steps,
            have: Lab.number(Field.spread(scene.walk.xs)),
            want: Lab.number(Field.spreadOf(scene.mix, scene.alpha())),
          })
        : "";
    }

    function writeNumbers(s, ab) {
      put($(".clock"), `t ${Math.round(scene.t)} · ᾱ ${Lab.number(ab, 3)} · ${Lab.decibels(Lab.snrDb(ab))}`);
      range.setAttribute("aria-valuetext", clockText(ab));
      put(number.point, vector(...scene.probe));
      put(number.density, s ? small(Math.exp(s.logq)) : "–");
      put(number.score, s ? vector(s.sx, s.sy) : "–");
      put(number.eps, s ? vector(s.ex, s.ey) : "–");
      put(number.noise, Lab.number(Math.sqrt(Math.max(0, 1 - ab)), 3));
      put(number.x0, s ? vector(s.x0, s.y0) : "–");
      put($(".status"), statusText());
      canvas.setAttribute(
        "aria-label",
        `${titles[scene.cloud.name]}. ${clockText(ab)}. ${statusText()} ${probeText(s)}`,
      );
      twin.setAttribute("aria-label", `${text("The points, noised to t")}. ${clockText(ab)}`);
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
        whole = Math.round(scene.t);
      if (whole === Lab.t || (playing && now - told < 250)) return;
      told = now;
      Lab.tell(whole, source);
    }
    /** Put the clock at `value`; the run and, unless it came from there, the page follow. */
    function moveTo(value, ours = true) {
      scene.t = Lab.clamp(value, 0, scene.T);
      if (scene.run && scene.mode === "reverse") scene.u = Field.frameAt(scene.run.t, scene.t);
      if (ours) tell();
      redraw();
    }
    function moveRun(frame) {
      scene.u = Lab.clamp(frame, 0, scene.run.frames - 1);
      scene.t = Field.timeAt(scene.run.t, scene.u);
      tell();
    }
    function step(by) {
      pause();
      if (scene.mode === "reverse" && scene.run)
        moveRun(by > 0 ? Math.floor(scene.u + 1e-6) + 1 : Math.ceil(scene.u - 1e-6) - 1);
      else if (scene.mode === "langevin") {
        if (by > 0) langevin(1);
      } else return moveTo(scene.t + by * Math.max(1, Math.round(scene.T / 50)));
      redraw();
    }
    function langevin(steps) {
      for (let i = 0; i < steps; i++) {
        scene.walk.tail.push(scene.walk.xs.slice());
        if (scene.walk.tail.length > TAIL) scene.walk.tail.shift();
        Field.langevin(scene.mix, scene.alpha(), scene.walk.xs, stepSize, scene.walk.normal);
      }
      scene.walk.steps += steps;
    }
    /** Langevin starts from N(0, 1), with the seed of the page. */
    const walkers = () => (scene.run ? scene.run.particles : 200);
    const walkKey = () => [seed, walkers(), scene.mix.std, ...scene.cloud.points].join();
    function startWalk() {
      const normal = Field.normals(seed);
      scene.walk = {
        key: walkKey(),
        xs: Float64Array.from({ length: 2 * walkers() }, normal),
        tail: [],
        steps: 0,
        normal,
      };
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
      if (scene.mode === "langevin") {
        owed += seconds * LANGEVIN_RATE;
        langevin(Math.floor(owed));
        owed -= Math.floor(owed);
      } else if (scene.mode === "reverse" && scene.run) {
        moveRun(scene.u + (seconds * (scene.run.frames - 1)) / RUN_SECONDS);
        if (scene.u >= scene.run.frames - 1) pause();
      } else {
        scene.t = Math.min(scene.T, scene.t + (seconds * scene.T) / RUN_SECONDS);
        tell();
        if (scene.t >= scene.T) pause();
      }
      draw();
      if (playing) requestAnimationFrame(tick);
    }
    function play() {
      if (playing) return pause();
      if (!scene.mix || !scene.mix.K || (scene.mode === "reverse" && !scene.run)) return;
      if (scene.mode === "reverse" && scene.u >= scene.run.frames - 1 - 1e-6) moveRun(0);
      if (scene.mode === "forward" && scene.t >= scene.T) moveTo(0);
      if (scene.mode === "langevin" && !scene.walk) startWalk();
      playing = true;
      owed = 0;
      last = performance.now();
      showPlay();
      requestAnimationFrame(tick);
    }
    function again() {
      if (!scene.mix || !scene.mix.K) return;
      if (scene.mode === "reverse" && scene.run) moveRun(0);
      else if (scene.mode === "langevin") startWalk();
      else moveTo(0);
      redraw();
    }
    function setMode(name) {
      pause();
      scene.mode = name;
      host.dataset.mode = scene.mode;
      for (const input of modes) input.checked = input.value === name;
      if (scene.mode === "langevin" && scene.mix && scene.mix.K) {
        startWalk();
        if (scene.t < 0.05 * scene.T) moveTo(0.25 * scene.T); // at t = 0 the steps are of size 0
      }
      if (scene.mode === "reverse") moveTo(scene.t);
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
      if (scene.drawing && value.cloud.name === "draw" && answered < stamp) {
        if (!stroke) send(); // this answers an older drawing
        return;
      }
      const first = !scene.cloud;
      scene.cloud = { ...value.cloud, points: flat(value.cloud.points), version: ++version };
      scene.mix = Field.mixture(scene.cloud.points, scene.cloud.std);
      alphaBar = new Float64Array(Lab.bytes(value.alpha_bar).buffer);
      scene.T = alphaBar.length - 1;
      seed = value.seed;
      stamp = Math.max(stamp, value.cloud.stamp);
      const x0 = Lab.float32(value.data.x0),
        eps = Lab.float32(value.data.eps);
      scene.data = { x0, eps, now: new Float32Array(x0.length) };
      scene.run = value.run && { ...value.run, paths: Lab.float32(value.run.paths) };
      const { n, x0: pixels, eps: noise } = value.picture;
      scene.picture = { size: n, image: Lab.pixels(n), x0: Lab.unit(Lab.bytes(pixels)), eps: Lab.int16(noise) };
      range.max = scene.T;
      $(".hint").hidden = !scene.drawing || scene.mix.K > 0;
      $(".pen").hidden = !scene.drawing || !scene.mix.K;
      canvas.classList.toggle("drawing", scene.drawing);
      drawTicks();
      if (scene.walk && scene.walk.key !== walkKey()) scene.walk = null; // it was of other points, or another seed
      if (scene.mode === "langevin" && scene.mix.K && !scene.walk) startWalk();
      setStep(Lab.settings?.get("step_size") ?? value.step_size);
      if (first) moveTo(Lab.t === null ? (Lab.calm() ? 0.4 * scene.T : scene.T) : Lab.t, false);
      else moveTo(scene.t, false);
      const motion = first && Lab.settings?.get("motion");
      if (modes.some((input) => input.value === motion) && motion !== scene.mode) setMode(motion);
      else if (first && Lab.t === null && !Lab.calm()) play();
    }
    function drawTicks() {
      // where the sampler stands still to ask: its levels
      const svg = $(".ticks");
      svg.replaceChildren();
      if (scene.run && scene.run.frames <= 130)
        for (const at of scene.run.t)
          Lab.svg("line", { x1: `${(100 * at) / scene.T}%`, x2: `${(100 * at) / scene.T}%`, y1: 0, y2: 5 }, svg);
    }

    // ------------------------------------------------------------------------------------------------- draw your own
    /** The drawing goes to the server one at a time and the last one always, so that it also keeps the last. */
    let sent = 0;
    let sentAt = 0;
    let answered = 0;
    function send() {
      const waiting = sent > answered && performance.now() - sentAt < 8000;
      if (waiting || !scene.drawing) return;
      const pairs = [];
      for (let i = 0; i < scene.cloud.points.length; i += 2) {
        pairs.push([+scene.cloud.points[i].toFixed(3), +scene.cloud.points[i + 1].toFixed(3)]);
      }
      sent = stamp;
      sentAt = performance.now();
      ui.trigger("drawn", { points: pairs, stamp });
    }
    function changePoints(points, done) {
      scene.cloud.points = Float64Array.from(points);
      scene.cloud.version = ++version;
      scene.mix = Field.mixture(scene.cloud.points, scene.cloud.std);
      scene.run = null; // it was of other points
      stamp += 1;
      $(".hint").hidden = scene.mix.K > 0;
      $(".pen").hidden = !scene.mix.K;
      if (done) send();
      redraw();
    }
    function addPoint(x, y, done) {
      if (scene.mix.K >= MOST_POINTS) {
        put($(".status"), text("{n} points are the most.", { n: MOST_POINTS }));
        return;
      }
      if (scene.t > 0.02 * scene.T && !scene.mix.K) moveTo(0);
      changePoints([...scene.cloud.points, x, y], done);
    }
    function place(event) {
      const box = canvas.getBoundingClientRect(),
        E = Field.EXTENT;
      return [
        Lab.clamp((((event.clientX - box.left) / box.width) * 2 - 1) * E, -E, E),
        Lab.clamp((1 - ((event.clientY - box.top) / box.height) * 2) * E, -E, E),
      ];
    }
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || !scene.cloud) return;
      scene.probe = place(event);
      if (scene.drawing) {
        pause();
        canvas.setPointerCapture(event.pointerId);
        stroke = scene.probe;
        addPoint(...scene.probe, false);
      }
      redraw();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!scene.cloud) return;
      scene.probe = place(event);
      if (stroke && Math.hypot(scene.probe[0] - stroke[0], scene.probe[1] - stroke[1]) > 0.13) {
        stroke = scene.probe;
        addPoint(...scene.probe, false);
      }
      redraw();
    });
    const lift = () => {
      if (stroke) {
        stroke = null;
        changePoints([...scene.cloud.points], true);
      }
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    $(".undo").onclick = () => scene.mix.K && changePoints([...scene.cloud.points].slice(0, -2), true);
    $(".clear").onclick = () => {
      pause();
      changePoints([], true);
    };

    // ------------------------------------------------------------------------------------------------- hands
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    host.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !scene.cloud) return;
      const onCanvas = event.target === canvas,
        typing = event.target.matches("select, button, input:not([type=range])");
      let done = true;
      if (onCanvas && by[event.key]) {
        const size = event.shiftKey ? 0.5 : 0.1,
          E = Field.EXTENT;
        scene.probe = scene.probe.map((v, i) => Lab.clamp(v + size * by[event.key][i], -E, E));
        if (scene.mix.K) Lab.announce(probeText(Field.at(scene.mix, scene.alpha(), ...scene.probe)));
        redraw();
      } else if (onCanvas && scene.drawing && event.key === "Enter") addPoint(...scene.probe, true);
      else if (onCanvas && scene.drawing && event.key === "Backspace") $(".undo").click();
      else if (onCanvas && (event.key === "PageUp" || event.key === "PageDown")) {
        pause();
        moveTo(scene.t + ((event.key === "PageUp" ? 1 : -1) * scene.T) / 20);
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
      { wheelOver: canvas },
    );
    playButton.onclick = play;
    $(".back").onclick = () => step(-1);
    $(".next").onclick = () => step(1);
    $(".again").onclick = again;
    $(".speed").onchange = (event) => (speed = Number(event.target.value));
    for (const input of modes)
      input.onchange = () => {
        setMode(input.value);
        Lab.settings?.put("motion", input.value, source);
      };
    for (const input of all(".layers input")) input.onchange = redraw;

    function link(name) {
      // a term in hand: its number, its sign in the formula and its mark in the picture
      scene.term = name;
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
    host.dataset.mode = scene.mode;
    root.addEventListener("lab:set", ({ detail }) => {
      if (!host.isConnected) return;
      if (detail.name === "step_size") setStep(detail.value);
      if (detail.name === "motion" && detail.value !== scene.mode) setMode(detail.value);
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
      if (!painter.fit()) pause(); // another tab is open: its clock is left alone
      draw();
    }).observe(canvas);
    new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    ui.watch("value", take);
    take();
  });
})(window.Lab, window);
