/* Player: shows a run while it comes in, and plays, steps and scrubs it afterwards, without the server.
 *
 * What it holds and how lanes are aligned: film.js. What it draws: one large canvas a lane (`view`), the other views small.
 */
Lab.define("player", function (ui) {
  "use strict";
  const { element, props, watch } = ui;
  const $ = (selector) => element.querySelector(selector);
  const player = $(".player");
  const lanesBox = $(".lanes");
  const range = $("input[type=range]");
  const id = props.ident; // the component's elem_id: in the page, the nearest id is one of Gradio's own

  const VIEWS = {
    x_t: { label: "x<sub>t</sub>", name: Lab.text("noisy picture"), said: "x_t" },
    x0_hat: { label: "x̂<sub>0</sub>", name: Lab.text("the model’s guess"), said: "x̂0" },
    eps_hat: { label: "ε̂", name: Lab.text("noise it sees"), said: "ε̂" },
    eps: { label: "ε", name: Lab.text("noise that was added"), said: "ε" },
    error: { label: "|ε̂ − ε|", name: Lab.text("its error, 0 to 2"), said: "|ε̂ − ε|" },
    x0: { label: "x<sub>0</sub>", name: Lab.text("the picture"), said: "x0" },
  };
  const SPEEDS = [1, 2, 5, 10, 20, 60, 240];
  const LAG = 240; // a live run is painted step by step; only more than this many waiting are taken several a frame
  const PATIENCE = 3000; // ms to wait for a message that others have overtaken
  const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

  let film = null;
  let place = -1;
  let view = "x_t";
  let panes = []; // one a lane: {figure, now, link, canvases: [{canvas, view, shown}]}
  let chart = null;
  let top = 0; // of the chart
  let playing = false;
  let following = false; // live: the newest place is shown as it comes
  let carry = 0;
  let before = 0;
  let ticking = false;
  let announced = "";
  let feed = null; // what ends the run's own line to this page
  let patience = 0;

  // ------------------------------------------------------------------ what comes in

  function take(message) {
    if (!message || !message.run) return;
    if (message.start) {
      if (film && film.run !== message.run && film.born > message.start.born) return; // a stale run
      if (!film || film.run !== message.run) open(message);
    }
    if (!film || film.end || !film.take(message)) return; // after a stop, what was still on its way is not wanted
    taken();
    clearTimeout(patience);
    if (film.early.size) patience = setTimeout(() => (film.settle(), taken()), PATIENCE);
  }

  function taken() {
    Object.assign(player.dataset, { received: film.received, places: film.places.length });
    range.max = Math.max(0, film.places.length - 1);
    if (film.end) finish();
    else wake();
  }

  function open(message) {
    film = new Lab.Film(message);
    place = -1;
    playing = false;
    following = true;
    clearTimeout(patience);
    if (feed) feed.abort();
    feed = message.channel && !message.end ? new AbortController() : null;
    if (feed) Lab.lines(`lab/run/${message.channel}`, take, feed.signal);
    Object.assign(player.dataset, { state: "live", run: film.run, received: 0, places: 0, painted: 0, skipped: 0 });
    if (!views().includes(view)) view = "x_t";
    build();
    fit();
    controls();
    say(Lab.text("Waiting for the first step…"));
  }

  function finish() {
    player.dataset.state = film.end.status;
    player.dataset.places = film.places.length;
    range.max = Math.max(0, film.places.length - 1);
    say(film.end.status === "done" ? "" : ending());
    panes.forEach(offer);
    drawCurve();
    controls();
    if (film.start.example) {
      following = false;
      show(Lab.calm() ? film.places.length - 1 : 0);
      if (!Lab.calm()) play(Math.max(5, film.places.length / 3));
    } else wake();
  }

  function ending() {
    const steps = film.received;
    if (!steps) return Lab.text("Stopped before the first step.");
    return Lab.text("Stopped. What had come is kept: {steps} steps.", { steps });
  }

  /** To the newest step at once, what was waiting left out. */
  function leap() {
    player.dataset.skipped = Number(player.dataset.skipped) + film.places.length - 1 - place;
    show(film.places.length - 1);
  }

  // The press on Stop: the server says nothing more, so the page itself ends the run.
  const onStop = (event) => {
    if (!element.isConnected) return window.removeEventListener("lab:stop", onStop);
    if (event.detail !== id || !film || film.end) return;
    film.stop("stopped");
    if (feed) feed.abort();
    if (following && film.places.length) leap();
    finish();
  };
  window.addEventListener("lab:stop", onStop);

  // ------------------------------------------------------------------ pictures

  function views() {
    return film && film.truth ? Object.keys(VIEWS) : ["x_t", "x0_hat", "eps_hat"];
  }

  function node(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function picture(box, name) {
    const figure = node("div", box);
    const canvas = node("canvas");
    canvas.setAttribute("role", "img");
    const label = node("span", "name");
    label.setAttribute("aria-hidden", "true");
    figure.append(canvas, label);
    const slot = { figure, canvas, label, shown: null };
    assign(slot, name);
    return slot;
  }

  const meaning = (name) => (name === "x_t" && film.start.latent ? Lab.text("noisy latent") : VIEWS[name].name);

  function assign(slot, name) {
    slot.view = name;
    slot.shown = null;
    slot.canvas.dataset.view = name;
    slot.label.innerHTML = `<span class="lab-math">${VIEWS[name].label}</span> `;
    slot.label.append(node("span", "words", meaning(name)));
  }

  /** The views beside the large one: all of them for one lane, two for a few, none for many. */
  function minors() {
    const others = views().filter((name) => name !== view);
    return film.lanes.length === 1 ? others : film.lanes.length <= 4 ? others.slice(0, 2) : [];
  }

  function build() {
    panes = film.lanes.map((lane) => {
      const figure = node("figure", "lane");
      const pictures = node("div", "pictures");
      const main = picture("main", view);
      pictures.append(main.figure);
      const beside = node("div", "minors");
      const slots = minors().map((name) => picture("minor", name));
      for (const slot of slots) {
        slot.canvas.addEventListener("click", () => choose(slot.view));
        beside.append(slot.figure);
      }
      if (slots.length) pictures.append(beside);
      const caption = node("figcaption", "caption");
      const now = node("span", "now");
      const link = node("a", "", Lab.text("Download"));
      link.hidden = true;
      caption.append(node("b", "", lane.label), node("span", "note", lane.note || ""), now, link);
      figure.append(pictures, caption);
      wheel(figure);
      return { figure, now, link, canvases: [main, ...slots] };
    });
    lanesBox.replaceChildren(...panes.map((pane) => pane.figure));
    const buttons = views().map((name) => {
      const button = node("button");
      button.type = "button";
      button.innerHTML = `<span class="lab-math">${VIEWS[name].label}</span>`;
      button.title = meaning(name);
      button.setAttribute("aria-label", `${VIEWS[name].said}: ${button.title}`);
      button.setAttribute("aria-pressed", String(name === view));
      button.dataset.name = name;
      button.onclick = () => choose(name);
      return button;
    });
    $(".views").replaceChildren(...buttons);
  }

  function choose(name) {
    view = name;
    const rest = minors();
    for (const pane of panes) [name, ...rest].forEach((other, k) => assign(pane.canvases[k], other));
    for (const button of $(".views").children) button.setAttribute("aria-pressed", String(button.dataset.name === name));
    if (place >= 0) paint();
  }

  const scratch = { bytes: null };
  function bytesOf(name, frame) {
    if (name === "x_t") return frame.x;
    if (name === "x0_hat") return frame.x0;
    if (name === "eps_hat") return frame.eps;
    if (name !== "error") return film.truth && film.truth[name];
    if (!frame.gap) return null;
    const map = Lab.colormap("viridis");
    const out = scratch.bytes?.length === 3 * frame.gap.length ? scratch.bytes : (scratch.bytes = new Uint8Array(3 * frame.gap.length));
    frame.gap.forEach((value, p) => {
      for (let c = 0; c < 3; c++) out[3 * p + c] = map[3 * value + c];
    });
    return out;
  }

  function paint() {
    panes.forEach((pane, k) => {
      const frame = film.frame(place, k);
      if (!frame) return;
      pane.figure.classList.toggle("early", !film.begun(place, k));
      for (const slot of pane.canvases) {
        if (slot.shown === frame) continue;
        const bytes = bytesOf(slot.view, frame);
        if (bytes) Lab.paintRGB(slot.canvas, bytes, film.size);
        slot.shown = frame;
        slot.canvas.setAttribute("aria-label", describe(slot.view, film.lanes[k], frame));
      }
      if (pane.frame !== frame) {
        pane.frame = frame;
        pane.now.textContent = film.lanes.length > 1 ? caption(film.lanes[k], frame) : "";
      }
    });
    numbers();
  }

  function describe(name, lane, frame) {
    const parts = [`${VIEWS[name].said}, ${meaning(name)}`];
    if (film.lanes.length > 1) parts.push(lane.label);
    parts.push(`t ${Math.round(frame.t)}`, `SNR ${Lab.decibels(Lab.snrDb(frame.ab))}`);
    if (frame.error != null) parts.push(Lab.text("model error {error}", { error: Lab.number(frame.error, 2) }));
    return parts.join(", ");
  }

  function caption(lane, frame) {
    const parts = [`${frame.step}/${lane.steps}`];
    if (film.start.curve === "apart") parts.push(Lab.text("{nfe} evaluations", { nfe: frame.nfe }));
    if (frame.error != null) parts.push(Lab.text("error {error}", { error: Lab.number(frame.error, 2) }));
    return parts.join(" · ");
  }

  function numbers() {
    const frame = film.leader(place);
    const lane = film.lanes[film.leads[place]];
    const rows = [
      ["t", Lab.number(frame.t, Number.isInteger(frame.t) ? 0 : 1)],
      ["SNR", Lab.decibels(Lab.snrDb(frame.ab))],
    ];
    if (film.lanes.every((other) => other.steps === lane.steps)) rows.unshift([Lab.text("step"), `${frame.step} / ${lane.steps}`]);
    if (film.truth && film.lanes.length === 1) rows.push([Lab.text("error"), frame.error == null ? "–" : Lab.number(frame.error, 2)]);
    if (film.rate) rows.push([Lab.text("steps/s"), Lab.number(film.rate, film.rate < 10 ? 1 : 0)]);
    if (film.start.latent) rows.push([Lab.text("latent"), `${film.start.latent} × ${film.start.latent}`]);
    if (film.start.device) rows.push([Lab.text("on"), film.start.device]);
    const list = $(".numbers");
    while (list.childNodes.length > rows.length) list.lastChild.remove();
    rows.forEach(([name, value], k) => {
      const row = list.childNodes[k] || list.appendChild(node("div"));
      if (!row.firstChild) row.append(node("dt"), node("dd"));
      if (row.dataset.name !== name) row.firstChild.textContent = row.dataset.name = name;
      row.lastChild.textContent = value;
    });
  }

  function offer(pane, k) {
    const lane = film.lanes[k];
    const given = (film.end.lanes || [])[k];
    const last = lane.frames[lane.frames.length - 1];
    if (!last) return;
    pane.link.hidden = false;
    pane.link.download = given ? given.file : `${id}-${k + 1}.png`;
    pane.link.setAttribute("aria-label", Lab.text("Download {name}", { name: lane.label }));
    if (given) pane.link.href = `data:image/png;base64,${given.png}`;
    else {
      const canvas = node("canvas");
      Lab.paintRGB(canvas, last.x, film.size);
      pane.link.href = canvas.toDataURL("image/png");
    }
  }

  // ------------------------------------------------------------------ sizes

  function fit() {
    if (!film) return;
    const width = lanesBox.clientWidth;
    if (!width) return;
    const ratio = window.devicePixelRatio || 1;
    const n = film.size;
    const count = film.lanes.length;
    const small = minors().length;
    const tall = Lab.clamp(window.innerHeight - 376, 160, 512);
    const sharp = (space) => Lab.sharp(space, n, ratio);
    const [name, row] = [18, 8]; // what a small picture needs besides itself: its name, and the gap to the next
    const gap = width < 500 ? 12 : 24;
    let columns = count > 4 ? Math.floor((width + gap) / (Lab.sharp(128, n, ratio) + gap)) : width / count >= 150 ? count : 2;
    columns = Lab.clamp(columns, Math.min(2, count), Math.min(8, count));
    const cell = (width - gap * (columns - 1)) / columns;
    const beside = small > 0 && cell >= 400;
    let minorColumns = Math.min(3, small) || 1;
    let main = sharp(count > 4 || count === 1 ? cell : Math.min(cell, tall));
    let minor = sharp((main - 12 * (minorColumns - 1)) / minorColumns);
    if (beside) {
      minorColumns = small > 2 ? 2 : 1;
      const rows = Math.ceil(small / minorColumns);
      main = sharp(Math.min(tall, cell * (small > 2 ? 0.56 : 0.68)));
      const high = (main + name - rows * name - (rows - 1) * row) / rows + row;
      minor = sharp(Math.min(high, (cell - main - 20 - 12 * (minorColumns - 1)) / minorColumns));
    }
    lanesBox.classList.toggle("beside", beside);
    lanesBox.classList.toggle("alone", count === 1);
    lanesBox.classList.toggle("bare", count === 1 && !film.lanes[0].label);
    lanesBox.classList.toggle("narrow", width < 500);
    lanesBox.classList.toggle("tiny", minor < 120);
    for (const [name, value] of Object.entries({ columns, "minor-columns": minorColumns })) lanesBox.style.setProperty(`--${name}`, value);
    for (const [name, value] of Object.entries({ main, minor, gap })) lanesBox.style.setProperty(`--${name}`, `${value}px`);
    drawCurve();
  }

  // ------------------------------------------------------------------ curve

  const ABOUT = {
    error: Lab.text("Model error: root mean square of ε̂ − ε"),
    change: Lab.text("How much the guess x̂0 changes from step to step"),
    apart: Lab.text("How far x̂0 is from the first lane, at the same noise"),
  };

  function drawCurve() {
    const host = $(".chart");
    const width = host.clientWidth;
    if (!film || !width) return;
    const values = film.lanes.flatMap((lane) => lane.curve).filter(Number.isFinite);
    const most = Math.max(film.places.length, film.end ? 0 : Math.max(...film.lanes.map((lane) => lane.steps)) + 1);
    top = Math.max(0.05, ...values) * 1.08;
    const xTicks = ticks(Math.max(1, most - 1), width < 500 ? 4 : 8);
    const frame = { x: [0, Math.max(1, most - 1)], y: [0, top], xTicks, yTicks: [0, top / 1.08] };
    const format = (value, axis) => (axis === "x" ? timeAt(value) : Lab.number(value, 2));
    chart = Lab.chart(host, { ...frame, width, height: 96, margin: { l: 34, r: 10, t: 6, b: 18 }, label: ABOUT[film.start.curve], format });
    chart.onDrag((x) => scrub(Math.round(x)));
    line();
    legend();
    mark();
  }

  const timeAt = (index) => (film.places[index] ? `t ${Math.round(film.leader(index).t)}` : "");

  function ticks(last, count) {
    const every = Math.max(1, Math.ceil(last / count));
    return Array.from({ length: Math.floor(last / every) + 1 }, (_, k) => k * every);
  }

  function line() {
    if (!chart) return;
    film.lanes.forEach((lane, k) => {
      if (film.start.curve === "apart" && !k) return;
      const many = film.lanes.length > 4;
      chart.line(`lane${k}`, lane.curve.map((_, x) => x), lane.curve, { dash: many ? "" : DASHES[k], className: many ? "c" : "abcd"[k] });
    });
  }

  function legend() {
    const parts = [node("span", "", ABOUT[film.start.curve])];
    if (film.lanes.length > 1 && film.lanes.length <= 4) {
      film.lanes.forEach((lane, k) => {
        if (film.start.curve === "apart" && !k) return;
        const key = node("span", "key");
        const swatch = Lab.svg("svg", { viewBox: "0 0 28 8", class: "lab-chart", "aria-hidden": "true" });
        Lab.svg("line", { x1: 0, x2: 28, y1: 4, y2: 4, class: `line ${"abcd"[k]}`, "stroke-dasharray": DASHES[k] }, swatch);
        key.append(swatch, node("span", "", lane.label));
        parts.push(key);
      });
    }
    $(".about").replaceChildren(...parts);
  }

  function mark() {
    if (chart && place >= 0) chart.cursor(place, film.lanes.map((lane) => lane.curve[place]).filter(Number.isFinite));
  }

  // ------------------------------------------------------------------ moving

  function show(next) {
    if (!film || !film.places.length) return;
    place = Lab.clamp(next, 0, film.places.length - 1);
    paint();
    mark();
    range.value = place;
    const frame = film.leader(place);
    range.setAttribute("aria-valuetext", `${Lab.text("step")} ${frame.step}, t ${Math.round(frame.t)}, SNR ${Lab.decibels(Lab.snrDb(frame.ab))}`);
    $(".count").textContent = `${place} / ${Math.max(film.places.length - 1, film.end ? 0 : Math.max(...film.lanes.map((lane) => lane.steps)))}`;
  }

  /** Moved by a person: the rest of the page's clock follows. */
  function scrub(next) {
    if (!film || !film.places.length) return;
    halt();
    show(next);
    following = place === film.places.length - 1;
    const frame = film.leader(place);
    Lab.tell(Math.round(frame.t), id);
    announce(describe(view, film.lanes[film.leads[place]], frame));
  }
  const step = (by) => scrub(place + by);
  const announce = (text) => text !== announced && Lab.announce((announced = text));

  function play(speed) {
    if (!film || !film.places.length) return;
    if (place >= film.places.length - 1) show(0);
    playing = speed || true;
    following = false;
    carry = 0;
    before = performance.now();
    controls();
    wake();
  }

  function halt() {
    if (!playing) return;
    playing = false;
    controls();
  }

  function wake() {
    if (ticking) return;
    ticking = true;
    requestAnimationFrame(tick);
  }

  function tick(now) {
    ticking = false;
    if (!element.isConnected || !film) return;
    if (playing) {
      carry += (Math.min(250, now - before) / 1000) * (playing === true ? Number($(".speed select").value) : playing);
      before = now;
      const by = Math.floor(carry);
      carry -= by;
      if (by) show(place + by);
      if (place >= film.places.length - 1 && film.end) halt();
    } else if (following) follow(now);
    if (playing || (following && place < film.places.length - 1)) wake();
  }

  let paintedAt = 0;
  function follow(now) {
    const waiting = film.places.length - 1 - place;
    if (waiting <= 0) return;
    let by = Math.max(1, Math.ceil(waiting / LAG));
    if (Lab.calm()) {
      if (!film.end && now - paintedAt < 500) return; // noise must not flicker for those who ask for calm
      by = waiting;
    }
    if (place < 0) say("");
    paintedAt = now;
    show(place + by);
    player.dataset.painted = Number(player.dataset.painted) + 1;
    player.dataset.skipped = Number(player.dataset.skipped) + by - 1;
    grow();
    if (film.end && place === film.places.length - 1) arrived();
  }

  function grow() {
    const newest = film.lanes.map((lane) => lane.curve[lane.curve.length - 1]).filter(Number.isFinite);
    if (!chart || newest.some((value) => value > top)) drawCurve();
    else line();
  }

  function arrived() {
    following = false;
    drawCurve();
    if (film.end.status === "done") announce(Lab.text("The run is finished: {steps} steps.", { steps: film.received }));
  }

  // A page that was in the background catches up at once.
  const onVisible = () => {
    if (!element.isConnected) return document.removeEventListener("visibilitychange", onVisible);
    if (!document.hidden && following && film && film.places.length) leap();
  };
  document.addEventListener("visibilitychange", onVisible);

  // ------------------------------------------------------------------ hands

  function controls() {
    const ready = Boolean(film);
    player.classList.toggle("playing", Boolean(playing));
    for (const button of player.querySelectorAll(".transport button")) button.disabled = !ready;
    range.disabled = !ready;
    $(".play").setAttribute("aria-label", playing ? Lab.text("Pause") : Lab.text("Play"));
  }

  function say(text) {
    $(".waiting").textContent = text;
  }

  /** The wheel over the pictures: a step a notch; at an end the page scrolls. */
  function wheel(box) {
    let turned = 0;
    Lab.wheel(box, (notches) => {
      if (!film || !film.end) return false;
      turned += notches;
      const by = Math.trunc(turned);
      turned -= by;
      if (by && (place + by < 0 || place + by >= film.places.length)) return false;
      if (by) step(by);
      return true;
    });
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !film) return;
    const onControl = event.target.closest("button, select, a");
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if ((event.key === " " && !onControl) || event.key === "k") {
      event.preventDefault();
      if (playing) halt();
      else play();
    } else if (event.key in moves && event.target !== range && !event.target.closest("select")) {
      event.preventDefault();
      step(moves[event.key]);
    }
  }

  $(".first").onclick = () => scrub(0);
  $(".back").onclick = () => step(-1);
  $(".forward").onclick = () => step(1);
  $(".play").onclick = () => (playing ? halt() : play());
  for (const [name, text] of [[".first", Lab.text("To the first step")], [".back", Lab.text("One step back")], [".forward", Lab.text("One step on")]]) {
    $(name).setAttribute("aria-label", text);
  }
  player.setAttribute("aria-label", Lab.text("The run, step by step"));
  range.setAttribute("aria-label", Lab.text("Step of the run"));
  $(".views").setAttribute("aria-label", Lab.text("Large picture"));
  $(".speed span").textContent = Lab.text("Speed");
  const select = $(".speed select");
  select.setAttribute("aria-label", Lab.text("Speed, steps per second"));
  for (const speed of SPEEDS) select.append(new Option(`${speed}/s`, speed, speed === 10, speed === 10));
  player.addEventListener("keydown", keys);
  Lab.slider(range, (value) => scrub(value));
  new ResizeObserver(Lab.frame(fit)).observe(lanesBox);
  Lab.hear(element, id, (t) => {
    if (film && film.end && !playing) show(film.nearest(t));
  });

  if (Lab.keys && !Lab.keys.some(([keys]) => keys === "␣ K")) {
    Lab.keys.push(["␣ K", "A run: play and pause"], ["← → Home End", "A run: step by step, to its ends"]);
  }
  controls();
  say(Lab.text("A run will play here, step by step."));
  watch("value", () => take(props.value));
  if (props.value) take(props.value);
  else ui.trigger("ready"); // nobody has pressed anything yet: the server may send a run to look at
  element.player = { get film() { return film; }, get place() { return place; }, take }; // for scripts and tests
});
