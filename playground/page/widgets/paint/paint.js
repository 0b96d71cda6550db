/* Paint: a canvas whose every stroke is answered by the model; what is painted is in sheet.js.
 *
 * The value is what the page is set to (mode, prompt, seed, strength …). A change of it, and whatever the hand does, asks
 * the server: one question is on its way at a time, and of what comes meanwhile only the last is asked next. Questions are
 * numbered, and no answer is shown after a later one's.
 */

import { base64, bytes } from "../lib/bytes.js";
import { paintRGB } from "../lib/canvas.js";
import { frame, pump } from "../lib/input.js";
import { shortcuts } from "../lib/settings.js";
import { announce, number, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { Sheet, WHITE, hex, palette, resize, rgb } from "./sheet.js";

const FIXED = [
  ["black", [0, 0, 0]], ["white", WHITE], ["red", [214, 40, 40]], ["orange", [245, 140, 30]], ["yellow", [252, 211, 60]],
  ["green", [66, 160, 71]], ["blue", [33, 118, 210]], ["brown", [121, 80, 60]], ["skin", [250, 205, 165]],
]; // prettier-ignore
const NAMES = {
  black: () => text("black"), white: () => text("white"), red: () => text("red"), orange: () => text("orange"),
  yellow: () => text("yellow"), green: () => text("green"), blue: () => text("blue"), brown: () => text("brown"),
  skin: () => text("skin"),
}; // prettier-ignore
const TOOLS = { brush: () => text("Brush"), eraser: () => text("Eraser"), fill: () => text("Fill"), pick: () => text("Pick") };
const KEYS = { b: "brush", e: "eraser", f: "fill", i: "pick" };
const LAYERS = { picture: "picture", mix: "picture", fill: "mask", lines: "lines" };
const CLOSE = 400; // ms in which a run that failed is not asked for again

/** A colour in words: the nearest one of the palette. */
export function nameOf(colour) {
  const apart = (other) => Math.hypot(...colour.map((value, c) => value - other[c]));
  return NAMES[FIXED.reduce((best, next) => (apart(next[1]) < apart(best[1]) ? next : best))[0]]();
}

export function mount({ element, props, server, trigger, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const root = $(".paint");
  const canvas = $("#paint-canvas");
  const over = $(".over");
  const answered = $("#paint-answer");
  const told = $(".told");
  const size = $(".size input");

  let sheet = new Sheet(32);
  let settings = {};
  let tool = "brush";
  let colour = FIXED[2][1];
  let last = null; // where the stroke in hand has come to
  let cursor = null; // the keyboard's place, in pixels of the sheet
  let pressed = false; // the keyboard paints
  let pointer = null; // where the pointer is
  let answer = null; // {n, pixels}
  let count = 0; // of the question
  let shown = 0;
  let movedAt = 0; // when the hand moved last, for the time that an answer took
  let camera = null;
  const who = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()); // one easel, one person's turns
  const taken = []; // when the latest answers were shown

  // ------------------------------------------------------------------ asking

  const ask = pump(
    async (question) => {
      const { n } = sheet;
      /** @type {Record<string, any>} */
      const sent = { ...settings, who, seq: question.seq, n, picture: base64(new Uint8Array(sheet.layers.picture)) };
      if (settings.paint_mode === "fill") sent.mask = base64(new Uint8Array(sheet.layers.mask));
      if (settings.paint_mode === "lines") sent.lines = base64(new Uint8Array(sheet.layers.lines));
      root.dataset.asked = question.seq;
      return server.answer(sent);
    },
    (found, question) => show(found, question),
    () => tell(text("The server does not answer. Your picture is kept; paint on to try again."), true),
  );

  /** Whatever has changed: the model is asked again. */
  function changed() {
    draw();
    root.dataset.wanted = ++count;
    movedAt = performance.now();
    ask({ seq: count, at: movedAt });
  }

  function show(found, question) {
    if (!found || found.error) {
      root.dataset.state = "failed";
      return tell(found ? found.error : text("The server does not answer. Your picture is kept; paint on to try again."), true);
    }
    if (found.busy) return void setTimeout(() => ask({ ...question, seq: ++count }), CLOSE);
    if (question.seq < shown) return;
    shown = question.seq;
    answer = { n: found.n, pixels: bytes(found.pixels) };
    paintRGB(answered, answer.pixels, found.n);
    const milliseconds = performance.now() - question.at;
    taken.push(performance.now());
    while (taken[0] < performance.now() - 2000) taken.shift();
    Object.assign(root.dataset, { state: "answered", shown, ms: milliseconds.toFixed(1), server: found.ms });
    const parts = [text("answered in {ms} ms", { ms: Math.round(milliseconds) }), text("{nfe} evaluations", { nfe: found.nfe }), found.device];
    if (found.unknown.length) parts.push(text("not known: {words}", { words: found.unknown.join(", ") }));
    if (found.note) parts.push(found.note);
    tell(parts.join(" · "));
    answered.setAttribute("aria-label", text("The model’s answer, {n} by {n} pixels", { n: found.n }));
    $(".theirs a").hidden = false;
    root.dispatchEvent(new CustomEvent("answer", { detail: { seq: shown, ms: milliseconds } }));
    if (sheet.n !== found.n) {
      sheet = sheet.resized(found.n);
      size.max = found.n / 4;
      draw();
    }
    if (camera) camera.next();
  }

  function tell(sentence, wrong = false) {
    told.textContent = sentence;
    told.classList.toggle("wrong", wrong);
    if (wrong) announce(sentence);
  }

  // ------------------------------------------------------------------ showing

  const draw = frame(() => {
    const { n, layers } = sheet;
    if (sheet.layer === "lines") {
      const inked = new Uint8Array(3 * n * n);
      layers.lines.forEach((value, p) => inked.fill(255 - value, 3 * p, 3 * p + 3));
      paintRGB(canvas, inked, n);
    } else paintRGB(canvas, layers.picture, n);
    overlay();
    $(".undo").disabled = !sheet.past.length;
    $(".redo").disabled = !sheet.future.length;
    $(".clear").disabled = !sheet.touched();
    root.dataset.size = n;
    describe();
  });

  /** The mask as stripes, the reach of the brush, and the keyboard's place. */
  function overlay() {
    const ratio = window.devicePixelRatio || 1;
    const side = Math.round(canvas.clientWidth * ratio);
    if (!side) return;
    if (over.width !== side) over.width = over.height = side;
    const context = over.getContext("2d");
    const unit = side / sheet.n;
    context.clearRect(0, 0, side, side);
    if (sheet.layer === "mask") stripes(context, side, unit);
    const place = cursor || pointer;
    if (!place) return;
    const reach = tool === "brush" || tool === "eraser" ? Math.max(0.5, Number(size.value)) * unit : unit / 2;
    for (const [ink, wide] of [["#fff", 3 * ratio], ["#000", ratio]]) {
      context.strokeStyle = ink;
      context.lineWidth = wide;
      context.beginPath();
      context.arc(place[0] * unit, place[1] * unit, reach, 0, 2 * Math.PI);
      if (cursor) {
        for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(place[0] * unit + x * (reach + 2 * ratio), place[1] * unit + y * (reach + 2 * ratio));
          context.lineTo(place[0] * unit + x * (reach + 9 * ratio), place[1] * unit + y * (reach + 9 * ratio));
        }
      }
      context.stroke();
    }
  }

  function stripes(context, side, unit) {
    const { n } = sheet;
    context.save();
    context.beginPath();
    sheet.layers.mask.forEach((value, p) => value && context.rect((p % n) * unit, Math.floor(p / n) * unit, unit + 0.5, unit + 0.5));
    context.clip();
    context.fillStyle = "rgb(255 255 255 / 0.75)";
    context.fillRect(0, 0, side, side);
    context.strokeStyle = "rgb(0 0 0 / 0.75)";
    context.lineWidth = side / 128;
    context.beginPath();
    for (let x = -side; x < side; x += side / 32) {
      context.moveTo(x, side);
      context.lineTo(x + side, 0);
    }
    context.stroke();
    context.restore();
  }

  function describe() {
    const { n } = sheet;
    const parts = [text("Canvas of {n} by {n} pixels", { n })];
    if (sheet.layer === "mask") {
      const share = sheet.layers.mask.reduce((sum, value) => sum + (value ? 1 : 0), 0) / (n * n);
      parts.push(text("{share} % of it will be made anew", { share: Math.round(100 * share) }));
    } else parts.push(sheet.touched() ? text("painted on") : text("nothing painted yet"));
    if (cursor) parts.push(text("cursor at column {x}, row {y}", { x: Math.floor(cursor[0]) + 1, y: Math.floor(cursor[1]) + 1 }));
    canvas.setAttribute("aria-label", parts.join(", "));
  }

  // ------------------------------------------------------------------ hands

  const inkFor = () => (tool === "eraser" ? null : colour);

  function touch(place, pressure = 1) {
    const radius = Number(size.value) * pressure;
    sheet.line(...(last || place), ...place, radius);
    last = place;
    changed();
  }

  function start(place, pressure) {
    if (tool === "pick") return pick(place);
    if (tool === "fill") {
      sheet.flood(...place, colour);
      return changed();
    }
    sheet.begin(inkFor());
    last = null;
    touch(place, pressure);
  }

  function stop() {
    sheet.end();
    last = null;
    pressed = false;
    draw();
  }

  function pick(place) {
    choose(sheet.colour(...place));
    setTool("brush");
  }

  function placeOf(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * sheet.n, ((event.clientY - box.top) / box.height) * sheet.n];
  }
  const inside = (place) => place.map((value) => clamp(value, 0, sheet.n - 0.001));
  // A pen presses as hard as it likes; a finger and a mouse do not say.
  const pressureOf = (event) => (event.pointerType === "pen" && event.pressure ? 0.4 + 1.2 * event.pressure : 1);

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    cursor = null;
    hold(false);
    const place = inside(placeOf(event));
    if (event.altKey && sheet.layer === "picture") return pick(place);
    canvas.setPointerCapture(event.pointerId);
    start(place, pressureOf(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    pointer = placeOf(event);
    if (!sheet.stroke || pressed) return draw();
    const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [event];
    for (const move of moves.length ? moves : [event]) touch(placeOf(move), pressureOf(move));
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => sheet.stroke && stop());
  canvas.addEventListener("pointerleave", () => ((pointer = null), draw()));

  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (command && (key === "z" || key === "y")) {
      event.preventDefault();
      return back(key === "y" || event.shiftKey);
    }
    if (command || event.altKey) return;
    if (key in MOVES) {
      event.preventDefault();
      const by = event.shiftKey ? Math.max(2, Math.round(sheet.n / 8)) : 1;
      const from = cursor || [sheet.n / 2, sheet.n / 2];
      cursor = [0, 1].map((axis) => clamp(from[axis] + by * MOVES[key][axis], 0.5, sheet.n - 0.5));
      if (pressed) touch(cursor);
      else draw();
      say();
    } else if (key === " " || key === "Enter") {
      event.preventDefault();
      cursor ||= [sheet.n / 2, sheet.n / 2];
      if (event.repeat) return;
      if (tool === "brush" || tool === "eraser") {
        if (pressed) return stop(); // Enter paints until it is pressed again, the space bar while it is held
        pressed = true;
      }
      start(cursor);
      say();
    } else if (key in KEYS) {
      event.preventDefault();
      setTool(KEYS[key]);
    } else if (key === "[" || key === "]") {
      event.preventDefault();
      size.value = Number(size.value) + (key === "]" ? 0.5 : -0.5);
      sized();
    }
  });
  canvas.addEventListener("keyup", (event) => event.key === " " && pressed && stop());
  canvas.addEventListener("blur", () => {
    if (pressed) stop();
    cursor = null;
    draw();
  });

  function say() {
    const [x, y] = cursor.map(Math.floor);
    announce(text("column {x}, row {y}: {colour}", { x: x + 1, y: y + 1, colour: nameOf(sheet.colour(x, y)) }));
  }

  // ------------------------------------------------------------------ tools

  function setTool(name) {
    tool = name;
    for (const button of $(".tools").children) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    draw();
  }

  function back(forward) {
    if (forward ? sheet.redo() : sheet.undo()) changed();
  }

  function choose(chosen) {
    colour = chosen;
    $(".any input").value = hex(colour);
    for (const swatch of element.querySelectorAll(".swatch")) swatch.setAttribute("aria-pressed", String(swatch.value === hex(colour)));
  }

  function swatches() {
    const own = palette(sheet.ground, 6).filter((found) => FIXED.every(([, other]) => hex(other) !== hex(found)));
    const made = [...FIXED.map(([name, value]) => [NAMES[name](), value]), ...own.map((value) => [text("{colour}, from the picture", { colour: nameOf(value) }), value])];
    const buttons = made.map(([label, value]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "swatch";
      button.value = hex(value);
      button.style.background = button.value;
      button.title = label;
      button.setAttribute("aria-label", label);
      button.onclick = () => (choose(value), tool === "brush" || tool === "fill" || setTool("brush"));
      return button;
    });
    $(".colours").replaceChildren(...buttons, $(".any"));
    choose(colour);
  }

  function sized() {
    $(".size output").textContent = number(2 * Number(size.value), 0);
    draw();
  }

  // ------------------------------------------------------------------ what is painted on

  function ground(pixels, n, remember = true) {
    sheet.put(resize(pixels, n, sheet.n, 3), remember);
    swatches();
    changed();
  }

  /** A picture of any size: its middle square, by the browser's own scaling. */
  function reduced(source, width, height) {
    const n = 4 * sheet.n; // the rest by area, as the server does
    const scratch = document.createElement("canvas");
    scratch.width = scratch.height = n;
    const context = scratch.getContext("2d", { willReadFrequently: true });
    const side = Math.min(width, height);
    context.fillStyle = "#fff";
    context.fillRect(0, 0, n, n);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, n, n);
    const { data } = context.getImageData(0, 0, n, n);
    const out = new Uint8ClampedArray(3 * n * n);
    for (let p = 0; p < n * n; p++) for (let c = 0; c < 3; c++) out[3 * p + c] = data[4 * p + c];
    return [out, n];
  }

  async function open(file) {
    hold(false);
    try {
      const bitmap = await createImageBitmap(file);
      ground(...reduced(bitmap, bitmap.width, bitmap.height));
    } catch {
      tell(text("That file is not a picture this browser can read."), true);
    }
  }

  /** Runs of other tabs that are on the page: their finished pictures. */
  function others() {
    const found = [];
    for (const host of document.querySelectorAll(".player")) {
      const player = host.closest("[id$=-player]");
      const film = [player, ...(player ? player.querySelectorAll("*") : [])].map((/** @type {any} */ node) => node && node.player && node.player.film).find(Boolean);
      for (const lane of (film && film.lanes) || []) {
        const end = lane.frames[lane.frames.length - 1];
        if (end) found.push({ label: `${player.id.replace("-player", "")}: ${lane.label || text("the picture")}`, pixels: end.x, n: film.size });
      }
    }
    return found;
  }

  const select = $(".grounds select");
  function offered() {
    const groups = [[text("Blank"), [["blank", text("white")]]], [text("Pictures"), props.pictures.map((name) => [`picture:${name}`, name])]];
    const runs = others();
    if (runs.length) groups.push([text("Made in another tab"), runs.map((run, k) => [`run:${k}`, run.label])]);
    const chosen = select.value;
    select.replaceChildren(new Option("…", ""));
    for (const [label, options] of groups) {
      const group = document.createElement("optgroup");
      group.label = label;
      group.append(...options.map(([value, name]) => new Option(name, value)));
      select.append(group);
    }
    select.value = chosen;
    return runs;
  }
  select.addEventListener("pointerdown", offered);
  select.addEventListener("focus", offered);
  select.addEventListener("change", async () => {
    const [kind, name] = select.value.split(":");
    hold(false);
    if (kind === "blank") ground(new Uint8Array(3).fill(255), 1);
    else if (kind === "run") {
      const run = others()[Number(name)];
      if (run) ground(run.pixels, run.n);
    } else if (kind === "picture") {
      const found = await server.ground({ picture: name, n: sheet.n });
      if (found.error) tell(found.error, true);
      else ground(bytes(found.pixels), found.n);
    }
  });

  /** The lines of what is painted, to begin a drawing with. */
  async function trace() {
    const found = await server.trace({ n: sheet.n, picture: base64(new Uint8Array(sheet.layers.picture)) });
    if (found.error) return tell(found.error, true);
    sheet.keep();
    sheet.layers.lines = Uint8ClampedArray.from(bytes(found.lines));
    changed();
  }

  // ------------------------------------------------------------------ the camera: a ground that moves

  function hold(on) {
    if (!on && camera) {
      for (const track of camera.stream.getTracks()) track.stop();
      camera = null;
    }
    $(".camera").setAttribute("aria-pressed", String(Boolean(camera)));
  }

  async function film() {
    if (camera) return hold(false);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
      const video = document.createElement("video");
      Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
      await video.play();
      sheet.keep();
      const next = () => {
        if (!element.isConnected) return hold(false);
        requestAnimationFrame(() => camera && ground(...reduced(video, video.videoWidth, video.videoHeight), false));
      };
      camera = { stream, next };
      hold(true);
      next();
    } catch {
      tell(text("There is no camera that this page may use."), true);
    }
  }

  // ------------------------------------------------------------------ the page

  function follow() {
    const before = sheet.layer;
    settings = props.value || {};
    root.dataset.mode = settings.paint_mode;
    sheet.layer = LAYERS[settings.paint_mode] || "picture";
    if (settings.size && settings.size !== sheet.n) sheet = sheet.resized(settings.size);
    size.max = sheet.n / 4;
    if (sheet.layer !== before && sheet.layer === "lines") size.value = 0.5; // a thin pen, as the model was taught
    if (sheet.layer !== before && tool === "pick") setTool("brush");
    sized();
    if (settings.checkpoint) changed();
  }

  for (const button of $(".tools").children) {
    button.textContent = TOOLS[button.dataset.tool]();
    button.onclick = () => setTool(button.dataset.tool);
  }
  $(".tools").setAttribute("aria-label", text("Tool"));
  $(".colours").setAttribute("aria-label", text("Colour"));
  $(".own").textContent = text("Yours");
  $(".theirs span").textContent = text("The model’s");
  $(".size span").textContent = text("Size");
  $(".any span").textContent = text("Any colour");
  $(".grounds label span").textContent = text("Paint on");
  for (const [name, label, does] of [
    [".undo", text("Undo"), () => back(false)],
    [".redo", text("Redo"), () => back(true)],
    [".clear", text("Clear"), () => (sheet.clear(), changed())],
    [".upload", text("Upload"), () => $(".grounds input").click()],
    [".camera", text("Camera"), film],
    [".trace", text("Lines of the picture"), trace],
    [".again", text("Paint on the answer"), () => answer && ground(answer.pixels, answer.n)],
  ]) {
    $(name).textContent = label;
    $(name).onclick = does;
  }
  const link = $(".theirs a");
  link.textContent = text("Download");
  link.href = "#";
  link.onclick = () => Object.assign(link, { href: answered.toDataURL("image/png"), download: `painted-${settings.seed}.png` });
  $(".keys").textContent = text("Keyboard: arrows move a cursor over the canvas (Shift: far), the space bar paints while held, Enter until pressed again; B, E, F, I are the tools, [ and ] the size, Ctrl+Z takes back.");
  canvas.setAttribute("aria-describedby", "paint-keys");
  size.addEventListener("input", sized);
  $(".any input").addEventListener("input", (event) => choose(rgb(event.target.value)));
  $(".grounds input").addEventListener("change", (event) => event.target.files[0] && open(event.target.files[0]));
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  root.addEventListener("paste", (event) => event.clipboardData.files[0] && open(event.clipboardData.files[0]));
  new ResizeObserver(frame(overlay)).observe(canvas);
  shortcuts(["B E F I", "Paint: brush, eraser, fill, pick a colour"], ["[ ]", "Paint: a smaller, a larger brush"]);

  /** What is on the sheet, for a run that the page's own buttons start. */
  element.painted = () => ({
    n: sheet.n,
    picture: base64(new Uint8Array(sheet.layers.picture)),
    mask: base64(new Uint8Array(sheet.layers.mask)),
    lines: base64(new Uint8Array(sheet.layers.lines)),
  });
  element.sheet = () => sheet; // for tests
  answered.setAttribute("aria-label", text("No answer of the model yet"));
  if (props.first) sheet.put(resize(bytes(props.first.pixels), props.first.n, sheet.n, 3), false);
  offered();
  swatches();
  setTool("brush");
  watch("value", follow);
  if (props.value && props.value.checkpoint) follow();
  else trigger("ready"); // the page says what it is set to
}
