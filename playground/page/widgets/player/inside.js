/* Inside the net at a step: the loaded U-Net as a drawing of its blocks, and of the block in hand its feature maps, where
 * it looks, and the lines of code that it is.
 */

import { bytes } from "../lib/bytes.js";
import { svg } from "../lib/chart.js";
import { colormap, css } from "../lib/colour.js";
import { calm, frame as onceAFrame, pump } from "../lib/input.js";
import { node } from "../lib/page.js";
import { announce, grouped, number, percent, text } from "../lib/words.js";
import { hears, layout, next, written } from "./unet.js";

/** What a block is: a short name for the drawing, and what it does. */
const KINDS = () => ({
  time: [text("Time"), text("t as sines and cosines, then a small network: every ResNet block is scaled and shifted by it.")],
  condition: [text("Prompt"), text("The prompt and the style as one vector, added to the time.")],
  text: [text("Words"), text("What is asked for as vectors, a row for each word where they are read in their order.")],
  lines: [text("Lines"), text("The drawing, laid beside x.")],
  sketch: [text("Sketch"), text("What the prompt alone says of the picture.")],
  stem: [text("Stem"), text("x, folded into a grid, gets its channels.")],
  resnet: [text("ResNet"), text("Two convolutions; time and prompt scale and shift between them; the input is added at the end.")],
  attention: [text("Attention"), text("Every place looks at every other.")],
  cross: [text("To words"), text("Every place looks at the words of the prompt.")],
  smaller: [text("Half size"), text("Each 2 × 2 square becomes channels, which are mixed.")],
  larger: [text("Double size"), text("Each place becomes four, then a convolution.")],
  head: [text("Head"), text("The channels become what the net says.")],
});
/** Signed bytes, H × W a map, as tiles on a canvas: `columns` in a row, a pixel apart. */
export function paintTiles(canvas, values, peaks, [count, high, wide], columns, together) {
  const most = together ? Math.max(...peaks) || 1 : 0;
  const rows = Math.ceil(count / columns);
  canvas.width = columns * (wide + 1) - 1;
  canvas.height = rows * (high + 1) - 1;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const table = colormap("diverging");
  for (let c = 0; c < count; c++) {
    const share = together ? peaks[c] / most : 1;
    const [left, top] = [(c % columns) * (wide + 1), Math.floor(c / columns) * (high + 1)];
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const place = 3 * Math.round(127.5 + values[(c * high + y) * wide + x] * share);
        const at = 4 * ((top + y) * canvas.width + left + x);
        for (let k = 0; k < 3; k++) image.data[at + k] = table[place + k];
        image.data[at + 3] = 255;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

/**
 * A picture lit where attention is: RGB bytes n × n, weights as bytes on a grid; `mark` outlines a place of the grid.
 * @param {HTMLCanvasElement} canvas
 */
function paintLight(canvas, picture, n, weights, [high, wide], mark, colour) {
  const times = Math.max(1, Math.round(256 / n));
  canvas.width = canvas.height = n * times;
  const context = canvas.getContext("2d", { alpha: false });
  const image = context.createImageData(canvas.width, canvas.height);
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const pixel = 3 * (Math.floor(y / times) * n + Math.floor(x / times));
      const cell = Math.floor((y * high) / canvas.height) * wide + Math.floor((x * wide) / canvas.width);
      const light = 0.12 + (0.88 * weights[cell]) / 255;
      const at = 4 * (y * canvas.width + x);
      for (let k = 0; k < 3; k++) image.data[at + k] = picture[pixel + k] * light;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  if (!mark) return;
  const [w, h] = [canvas.width / wide, canvas.height / high];
  for (const [style, line] of [["white", 4], [colour, 2]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.strokeRect(mark[1] * w + 1, mark[0] * h + 1, w - 2, h - 2);
  }
}

/** @param {Record<string, (argument: any) => Promise<any>>} server */
export function makeInside(server) {
  const box = node("section", "inside");
  const button = node("button", "enter", text("Inside the net"));
  button.type = "button";
  const body = node("div", "rooms");
  box.append(button, body);
  let asking = null; // {run, lane, step, picture, n, noted}: the step under the cursor
  let shown = null; // what the server said last
  let block = "";
  let head = null;
  let told = true;
  let together = false; // one scale for all feature maps
  let place = null; // of the grid, from where it is shown where the net looks
  let open = false;
  let drawn = ""; // the net that is drawn, and how wide
  let focus = "";

  const ask = pump(
    (question) => server.inside(question),
    (answer, question) => {
      if (!asking || question.run !== asking.run) return;
      if (answer.error) return tell(answer.error);
      shown = answer;
      if (!block) return choose((answer.blocks.find(({ kind }) => kind === "cross") || answer.blocks.find(({ kind }) => kind === "attention") || answer.blocks[0]).name);
      build(question);
    },
    () => tell(text("The server does not answer. Try again.")),
  );

  function tell(sentence) {
    box.dataset.state = "told";
    drawn = "";
    body.replaceChildren(node("p", "", sentence));
    announce(sentence);
  }

  /** Another step, or another run. */
  function follow(step) {
    if (asking && asking.run !== step.run) block = "";
    asking = step;
    if (open) look();
  }
  function look() {
    const { run, lane, step } = asking;
    ask({ run, lane, step, block, head, told });
  }
  function choose(name) {
    if (name !== block) [head, place] = [null, null];
    block = focus = name;
    look();
  }

  function build(question) {
    const now = shown.blocks.find(({ name }) => name === shown.block);
    if (!now) return choose("");
    if (!body.querySelector(".net")) {
      body.replaceChildren(node("div", "net"), node("div", "room"));
      body.querySelector(".room").setAttribute("aria-live", "off");
    }
    draw();
    room(now);
    box.dataset.state = "open";
    box.dataset.block = shown.block;
    box.dataset.step = question.step;
  }

  // ------------------------------------------------------------------ the drawing

  function draw() {
    const host = /** @type {HTMLElement} */ (body.querySelector(".net"));
    const width = Math.max(260, Math.min(560, host.clientWidth));
    const key = JSON.stringify([width, shown.blocks]);
    if (key === drawn) return mark();
    drawn = key;
    const kinds = KINDS();
    const plan = layout(shown.blocks, width);
    const root = svg("svg", { viewBox: `0 0 ${width} ${plan.height}`, width, height: plan.height, role: "group" });
    root.setAttribute("aria-label", text("The net’s blocks, in the order in which they are asked. Arrow keys move, Enter opens one."));
    for (const { from, to, x1, x2, y } of plan.skips) {
      const line = svg("g", { class: "skip", "data-from": from, "data-to": to, "aria-hidden": "true" }, root);
      svg("path", { d: `M${x1 + 2} ${y}H${x2 - 4}M${x2 - 9} ${y - 4}l5 4l-5 4` }, line);
    }
    for (const each of shown.blocks) {
      const { x, y, width: wide } = plan.places.get(each.name);
      const one = svg("g", { class: `block ${each.kind}`, role: "button", "data-name": each.name, tabindex: -1 }, root);
      const [title, does] = kinds[each.kind];
      one.setAttribute("aria-label", `${title}, ${side(each)}, ${written(each.shape)}: ${does}`);
      svg("title", {}, one).textContent = does;
      svg("rect", { x: x + 0.5, y: y + 0.5, width: wide - 1, height: plan.high - 1, rx: 4 }, one);
      svg("rect", { class: "tab", x: x + 0.5, y: y + 0.5, width: 5, height: plan.high - 1 }, one);
      const shape = written(each.shape);
      const roomy = wide > 18 + 6.6 * (title.length + shape.length) + 8;
      svg("text", { x: x + 11, y: y + 17 }, one).textContent = title;
      if (roomy) svg("text", { class: "shape", x: x + wide - 6, y: y + 17, "text-anchor": "end" }, one).textContent = shape;
      one.addEventListener("click", () => choose(each.name));
      one.addEventListener("pointerenter", () => fed(each));
      one.addEventListener("pointerleave", () => fed(null));
      one.addEventListener("focus", () => fed(each));
      one.addEventListener("blur", () => fed(null));
      one.addEventListener("keydown", (event) => keys(event, each.name));
    }
    host.replaceChildren(root);
    mark();
  }

  const side = ({ part }) =>
    ({ inputs: text("what the net is told"), down: text("on the way down"), middle: text("in the middle"), up: text("on the way up") })[part];

  function mark() {
    const held = body.contains(document.activeElement) && /** @type {SVGElement} */ (document.activeElement).dataset.name;
    for (const one of /** @type {NodeListOf<SVGElement>} */ (body.querySelectorAll(".block"))) {
      const { name } = one.dataset;
      one.setAttribute("aria-pressed", String(name === shown.block));
      one.tabIndex = name === (held || focus || shown.block) ? 0 : -1;
    }
    for (const line of /** @type {NodeListOf<SVGElement>} */ (body.querySelectorAll(".skip"))) {
      line.classList.toggle("on", line.dataset.from === shown.block || line.dataset.to === shown.block);
    }
  }

  /** Lights what an input goes to. */
  function fed(from) {
    for (const one of /** @type {NodeListOf<SVGElement>} */ (body.querySelectorAll(".block"))) {
      const to = shown.blocks.find(({ name }) => name === one.dataset.name);
      one.classList.toggle("fed", Boolean(from && to && from.part === "inputs" && hears(to, from.kind)));
    }
  }

  function keys(event, name) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      return choose(name);
    }
    if (!/^(Arrow|Home|End)/.test(event.key)) return;
    event.preventDefault();
    event.stopPropagation(); // the player's own keys move its steps
    focus = next(shown.blocks, name, event.key);
    mark();
    const to = /** @type {SVGElement} */ (body.querySelector(`.block[data-name="${focus}"]`));
    for (const one of /** @type {NodeListOf<SVGElement>} */ (body.querySelectorAll(".block"))) one.tabIndex = one === to ? 0 : -1;
    to.focus();
  }

  // ------------------------------------------------------------------ the block in hand

  function room(now) {
    const [title, does] = KINDS()[now.kind];
    const holder = body.querySelector(".room");
    const hand = /** @type {HTMLElement | null} */ (holder.contains(document.activeElement) ? document.activeElement : null);
    const back = hand && hand.dataset.hand; // whoever turned a control goes on turning it
    const heading = node("p", "head");
    heading.append(node("b", "", `${title}, ${side(now)}`), node("span", "number", written(now.shape)));
    const parts = [heading, node("p", "", does), node("p", "small", text("{weights} learnt numbers", { weights: grouped(now.weights) }))];
    if (now.skip) {
      parts.push(node("p", "small", text("Beside what comes from below it is shown what was made on the way down: the arrow.")));
    }
    if (shown.asked_twice) parts.push(choice("told", text("Asked"), [[text("with the prompt"), true], [text("without it"), false]], told, (value) => (told = value)));
    if (shown.attention) parts.push(...attention(shown.attention));
    else if (["attention", "cross"].includes(now.kind)) parts.push(node("p", "small", text("It has too many places to show where each of them looks.")));
    if (shown.maps) parts.push(...maps(shown.maps, now));
    const code = node("pre", "code");
    code.tabIndex = 0;
    code.append(node("code", "", shown.code));
    code.setAttribute("aria-label", text("The lines of code that it is"));
    code.setAttribute("role", "region");
    parts.push(node("p", "small", text("The lines of code that it is:")), code);
    holder.replaceChildren(...parts);
    if (back) /** @type {HTMLElement} */ (holder.querySelector(`[data-hand="${back}"]`))?.focus();
  }

  function choice(name, label, options, value, change) {
    const holder = node("label", "choice");
    const select = node("select");
    select.dataset.hand = name;
    options.forEach(([words, other], k) => select.append(new Option(words, String(k), other === value, other === value)));
    select.onchange = () => (change(options[Number(select.value)][1]), look());
    holder.append(`${label} `, select);
    return holder;
  }

  function attention(found) {
    const weights = bytes(found.values);
    const heads = [[text("the mean of all heads"), null], ...Array.from({ length: found.heads }, (_, k) => [text("head {k}", { k: k + 1 }), k])];
    const pick = choice("head", text("Where it looks,"), heads, head, (value) => (head = value));
    return found.words.length ? [pick, ...toWords(found, weights)] : [pick, ...toPlaces(found, weights)];
  }

  const accent = () => css(box, "--color-accent");

  /** For each word a picture, bright where it is looked at. */
  function toWords({ words, to, peaks }, weights) {
    const grid = node("div", "looks");
    const places = peaks.length;
    words.forEach((word, w) => {
      const share = Array.from({ length: places }, (_, p) => (weights[p * to + w] / 255) * peaks[p]);
      const mean = share.reduce((sum, value) => sum + value, 0) / places;
      const most = Math.max(...share) || 1;
      const figure = node("figure", "look");
      const canvas = node("canvas");
      canvas.setAttribute("role", "img");
      const said = word || text("no word in particular");
      canvas.setAttribute("aria-label", text("Where it looks at “{word}”: {share} of all looks, most {where}", { word: said, share: percent(mean), where: whereabouts(share.indexOf(most)) }));
      paintLight(canvas, asking.picture, asking.n, share.map((value) => (255 * value) / most), shown.grid, null, accent());
      const caption = node("figcaption");
      caption.append(node("b", "", word || "–"), node("span", "number", percent(mean)));
      figure.append(canvas, caption);
      grid.append(figure);
    });
    return [grid, node("p", "small", text("Bright is where a word is looked at; the share is of all looks. “–” stands for no word in particular."))];
  }

  /** A place of the grid in words: row and column. */
  const whereabouts = (index) => text("at row {row}, column {column}", { row: Math.floor(index / shown.grid[1]) + 1, column: (index % shown.grid[1]) + 1 });

  /** From a place in the picture to where the net looks from there. */
  function toPlaces({ to, peaks }, weights) {
    const [high, wide] = shown.grid;
    if (!place || place[0] >= high || place[1] >= wide) place = [Math.floor(high / 2), Math.floor(wide / 2)];
    const canvas = node("canvas", "from");
    const words = node("p", "small");
    canvas.tabIndex = 0;
    canvas.dataset.hand = "from";
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", text("a picture to look around in"));
    const paint = (spoken) => {
      const row = place[0] * wide + place[1];
      const looks = weights.subarray(row * to, (row + 1) * to);
      paintLight(canvas, asking.picture, asking.n, looks, shown.grid, place, accent());
      const most = looks.indexOf(255);
      const said = text("From row {row}, column {column} it looks most {where}: {share}; even would be {even}.", {
        row: place[0] + 1, column: place[1] + 1, where: whereabouts(most), share: percent(peaks[row]), even: percent(1 / to),
      }); // prettier-ignore
      words.textContent = said;
      canvas.setAttribute("aria-label", said);
      canvas.dataset.place = place.join(",");
      if (spoken) announce(said);
    };
    const follow = onceAFrame((event) => {
      const seen = canvas.getBoundingClientRect();
      const inside = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
      place = [inside((event.clientY - seen.top) / seen.height, high), inside((event.clientX - seen.left) / seen.width, wide)];
      paint(false);
    });
    canvas.onpointerdown = (event) => follow(event);
    canvas.onpointermove = (event) => (event.buttons || event.pointerType === "mouse") && follow(event);
    canvas.onkeydown = (event) => {
      const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopPropagation();
      place = [Math.max(0, Math.min(high - 1, place[0] + move[0])), Math.max(0, Math.min(wide - 1, place[1] + move[1]))];
      paint(true);
    };
    paint(false);
    return [node("p", "small", text("Point at a place, or move there with the arrow keys: bright is where the net looks from there.")), canvas, words];
  }

  function maps({ shape, values, peaks }, now) {
    const [count, high, wide] = shape;
    const canvas = node("canvas", "maps");
    const data = new Int8Array(bytes(values).buffer);
    const space = body.querySelector(".room").clientWidth || 320;
    const times = Math.max(1, Math.min(wide > 64 ? Math.floor(space / wide) : Math.round(32 / wide), 8));
    const columns = Math.max(1, Math.min(count, Math.floor((space + 1) / (times * (wide + 1)))));
    const paint = () => {
      paintTiles(canvas, data, peaks, shape, columns, together);
      canvas.style.width = `${times * canvas.width}px`;
    };
    paint();
    canvas.setAttribute("role", "img");
    const order = peaks.map((peak, k) => [peak, k + 1]).sort((a, b) => b[0] - a[0]);
    const strongest = order.slice(0, 3).map(([, k]) => k).join(", ");
    const said =
      count > 1
        ? text("{count} feature maps of {size}; the strongest are {strongest}", { count, size: `${high} × ${wide}`, strongest })
        : now.kind === "text" && high > 1
          ? text("{count} vectors of {size} numbers, a row for each word", { count: high, size: wide })
          : text("a vector of {size} numbers", { size: wide });
    canvas.setAttribute("aria-label", said);
    const note = node("p", "small note", said);
    canvas.onpointermove = (event) => {
      const seen = canvas.getBoundingClientRect();
      const [x, y] = [((event.clientX - seen.left) / seen.width) * canvas.width, ((event.clientY - seen.top) / seen.height) * canvas.height];
      const channel = Math.floor(y / (high + 1)) * columns + Math.floor(x / (wide + 1));
      if (count > 1 && channel < count) note.textContent = text("map {k}: up to ±{peak}", { k: channel + 1, peak: number(peaks[channel], 2) });
    };
    canvas.onpointerleave = () => (note.textContent = said);
    const label = node("label");
    const check = node("input");
    check.type = "checkbox";
    check.checked = together;
    check.dataset.hand = "together";
    check.onchange = () => ((together = check.checked), paint());
    label.append(check, ` ${text("One scale for all maps")}`);
    const title = node("p", "small", text("What it says: red above zero, blue below"));
    return count > 1 ? [title, canvas, note, label] : [title, canvas, note];
  }

  button.setAttribute("aria-expanded", "false");
  body.hidden = true;
  button.onclick = () => {
    open = !open;
    body.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open && asking) look();
    if (open && !calm()) box.scrollIntoView({ block: "nearest", behavior: "smooth" });
  };
  new ResizeObserver(onceAFrame(() => open && shown && body.querySelector(".net") && draw())).observe(body);
  return { element: box, follow };
}
