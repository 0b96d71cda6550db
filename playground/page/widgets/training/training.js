/* Training: a net learns on the server, and whoever comes watches it: loss, what it makes of noise, a film to scrub, and
 * Algorithm 1 line by line. Messages come as the value or down a channel: see log.js.
 */

import { bytes } from "../lib/bytes.js";
import { chart } from "../lib/chart.js";
import { frame, slider } from "../lib/input.js";
import { inSight } from "../lib/page.js";
import { lines } from "../lib/stream.js";
import { announce, number, text, thousands, write } from "../lib/words.js";
import { Log } from "./log.js";

/** Rows of RGB pictures (n × size × size × 3 bytes each) on one canvas; `rows[j][i]` stands in row j, column i. */
function mosaic(canvas, rows, size) {
  const [height, width] = [rows.length * size, Math.max(1, rows[0].length) * size];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  rows.forEach((row, j) =>
    row.forEach((rgb, i) => {
      const image = new ImageData(size, size);
      for (let p = 0; p < size * size; p++) image.data.set([rgb[3 * p], rgb[3 * p + 1], rgb[3 * p + 2], 255], 4 * p);
      context.putImageData(image, i * size, j * size);
    }),
  );
}

const split = (packed, size) => {
  const all = bytes(packed),
    one = 3 * size * size;
  return Array.from({ length: all.length / one }, (_, k) => all.subarray(k * one, (k + 1) * one));
};

const FRAME = 36; // px of a picture in the film
const COPIED = 1 / 3; // of the distance between two of the pictures that it learns from: nearer is a copy

/** The lines of Algorithm 1 (Ho et al. 2020), and what each of them makes. */
const LINES = [
  { shown: "repeat", values: [] },
  { shown: "x₀ ~ q(x₀)", values: ["x0"] },
  { shown: "t ~ Uniform({1, …, T})", values: ["t"] },
  { shown: "ε ~ N(0, I)", values: ["eps"] },
  { shown: "∇_θ ‖ε − ε_θ(√ᾱ_t x₀ + √(1−ᾱ_t) ε, t)‖²", values: ["x", "eps_hat", "loss"] },
  { shown: "until converged", values: ["x0_hat"] },
];

export function mount({ element, props, trigger, server, watch, early }) {
  const host = element.querySelector(".training"),
    $ = (selector) => host.querySelector(selector),
    all = (selector) => [...host.querySelectorAll(selector)];
  let log = null,
    following = null, // ends the channel
    mark = -1, // the look that is shown; −1 for the last one
    decoded = new Map(), // look → {hats, pictures}: its pictures
    line = -1,
    example = null;

  const format = (value, axis) => (axis === "x" ? (value >= 1000 ? `${Math.round(value / 1000)}k` : String(Math.round(value))) : number(value, 1));
  slider($(".scrub input"), (value) => pick(value));
  const curve = chart($(".chart"), {
    x: [0, 1], y: [0, 1], xTicks: [0, 1], yTicks: [0, 0.5, 1], height: 190, fluid: true, label: text("Loss against pictures seen"),
    format,
  });
  const distance = chart($(".distance .chart"), {
    x: [0, 1], y: [0, 1], xTicks: [0, 1], yTicks: [0, 0.5, 1], height: 130, fluid: true, format,
    label: text("Distance from the nearest of your pictures, against pictures seen"),
  });
  const put = (node, value) => node.textContent === value || (node.textContent = value);
  const pictures = (look) => {
    const rows = ["hats", "pictures", "near"].filter((row) => look[row]);
    if (!decoded.has(look)) decoded.set(look, Object.fromEntries(rows.map((row) => [row, split(look[row], log.start.size)])));
    return decoded.get(look);
  };
  const view = () => $(".views input:checked").value;

  function statusText() {
    if (!log && props.called === "my pictures") return text("Choose some pictures of yours, then press Train.");
    if (!log) return text("Press Train: a net that knows nothing learns to draw digits.");
    const seen = { seen: thousands(log.images), all: thousands(log.start ? log.start.images : 0) };
    if (log.end) {
      const said = {
        done: text("Done: {seen} pictures seen.", seen),
        stopped: text("Stopped after {seen} pictures; what it has learnt stays.", seen),
        failed: log.end.message || text("This training failed. Please try other settings."),
      }[log.end.status];
      return log.end.model ? `${said} ${text("The net is now “{name}” in the lists of models.", { name: text(props.called) })}` : said;
    }
    if (log.place) return text("Waiting: {count} before you, about {seconds} s.", { count: log.place, seconds: log.wait });
    if (!log.start) return text("Getting ready …");
    return text("{seen} of {all} pictures · {rate} a second · {left} s left", { ...seen, rate: thousands(log.rate || 0), left: log.left ?? "–" });
  }

  const draw = frame(() => {
    if (!host.isConnected) return;
    put($(".status"), statusText());
    const there = Boolean(log && log.start);
    for (const part of all(".now, .film, .algorithm")) part.hidden = !there;
    $("progress").hidden = !log || Boolean(log.end);
    Object.assign(host.dataset, {
      status: !log ? "none" : log.end ? log.end.status : log.start ? "running" : "waiting",
      images: log ? log.images : 0, looks: log ? log.looks.length : 0, model: (log && log.end && log.end.model) || "",
    });
    if (!there) return;
    $("progress").value = log.images / log.start.images;
    const last = log.looks.length - 1,
      at = mark < 0 ? last : Math.min(mark, last);
    Object.assign($(".scrub input"), { max: Math.max(0, last), value: at });
    $(".scrub input").style.setProperty("--share", last > 0 ? at / last : 1);
    if (last >= 0) {
      const look = log.looks[at],
        size = log.start.size;
      mosaic($("[data-row=x]"), [split(log.start.x, size)], size);
      put(all(".rows figcaption")[0], noised());
      $("[data-row=x]").setAttribute("aria-label", noised());
      for (const row of ["hats", "pictures"]) mosaic($(`[data-row=${row}]`), [pictures(look)[row]], size);
      mosaic($("[data-row=film]"), log.start.labels.map((_, j) => log.looks.map((each) => pictures(each)[view()][j])), size);
      $("[data-row=film]").style.maxWidth = `${FRAME * log.looks.length}px`; // a few looks are no taller than many
      const said = text("after {seen} pictures", { seen: thousands(look.images) });
      put($(".scrub output"), said);
      $(".scrub input").setAttribute("aria-valuetext", said);
      $("[data-row=hats]").setAttribute("aria-label", `${text("What the net believes is in them")}, ${said}`);
      $("[data-row=pictures]").setAttribute("aria-label", `${text("What it draws from noise")}, ${said}`);
      host.dataset.shown = look.images;
      for (const part of all(".near")) part.hidden = !look.near;
      if (look.near) copying(look);
    }
    if (log.losses.length) {
      const xs = log.losses.map(([images]) => images),
        means = log.losses.map(([, , mean]) => mean),
        top = Math.max(...means.slice(Math.floor(means.length / 20)), 0.01) * 1.25,
        unit = 10 ** Math.floor(Math.log10(top)),
        high = [1, 2, 5, 10].find((m) => m * unit >= top) * unit;
      curve.domain({ x: [0, log.start.images], y: [0, high], xTicks: [0, log.start.images / 2, log.start.images], yTicks: [0, high / 2, high] });
      curve.line("batch", xs, log.losses.map(([, loss]) => loss), { className: "c thin" });
      curve.line("mean", xs, means, { className: "a" });
      if (last >= 0) curve.cursor(log.looks[at].images);
    }
  });

  /** Is it copying? What it draws beside the nearest of the pictures that it learns from. */
  function copying(look) {
    const { apart, size } = log.start,
      same = look.distances.filter((each) => each < apart * COPIED).length;
    mosaic($("[data-row=near]"), [pictures(look).near], size);
    $(".distances").replaceChildren(
      ...look.distances.map((each) => Object.assign(document.createElement("li"), { textContent: number(each, 2), className: each < apart * COPIED ? "same" : "" })),
    );
    put($(".copied"), text("{same} of {all} look copied: less than a third as far from one of yours as yours are from each other ({apart}).", {
      same, all: look.distances.length, apart: number(apart, 2),
    }));
    host.dataset.copied = same;
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
      xs = log.looks.map(({ images }) => images),
      ys = log.looks.map(({ distances }) => mean(distances)),
      top = 1.15 * Math.max(apart, ...ys);
    distance.domain({ x: [0, log.start.images], y: [0, top], xTicks: [0, log.start.images / 2, log.start.images], yTicks: [0, top / 2, top] });
    distance.line("drawn", xs, ys, { className: "a" });
    distance.line("apart", [0, log.start.images], [apart, apart], { className: "c", dash: "4 3" });
    distance.cursor(look.images);
  }

  function pick(value) {
    mark = value >= log.looks.length - 1 && !log.end ? -1 : value;
    draw();
  }

  function take(message) {
    if (!message || !message.run) return;
    if (message.channel) {
      following?.abort();
      following = new AbortController();
      log = new Log(message.run);
      mark = line = -1;
      example = null;
      decoded = new Map();
      lines(`lab/run/${message.channel}`, take, following.signal);
      inSight(host, $(".head"));
    }
    if (!log || !log.take(message)) return;
    if (message.end) {
      if (message.end.model) trigger("done", { model: message.end.model });
      announce(statusText());
    }
    draw();
    drawAlgorithm();
  }

  // ------------------------------------------------------------------------------------------------ Algorithm 1
  const NAMES = { x0: "x₀", t: "t", eps: "ε", x: "x_t", eps_hat: "ε_θ", loss: "loss", x0_hat: "x̂₀" };
  function drawAlgorithm() {
    all(".algorithm li").forEach((item, k) => (k === line ? item.setAttribute("aria-current", "step") : item.removeAttribute("aria-current")));
    $(".line").disabled = !log || !log.start;
    const place = $(".values");
    place.replaceChildren();
    if (!example) return;
    for (const name of LINES.slice(0, line + 1).flatMap(({ values }) => values)) {
      const figure = document.createElement("figure"),
        caption = document.createElement("figcaption");
      write(caption, NAMES[name]);
      if (example.pictures[name]) {
        const canvas = document.createElement("canvas");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", NAMES[name]);
        mosaic(canvas, [[bytes(example.pictures[name])]], log.start.size);
        figure.append(canvas, caption);
      } else {
        figure.className = "number";
        figure.append(name === "t" ? String(example.t) : number(example.loss, 3), caption);
      }
      place.append(figure);
    }
    host.dataset.line = line;
  }
  $(".line").onclick = async () => {
    if (!log || !log.start) return;
    const next = (line + 1) % LINES.length;
    if (!next || !example) example = await server.example(log.run).catch(() => null);
    if (!example) return;
    line = next;
    drawAlgorithm();
    announce(LINES[line].shown);
  };

  // ------------------------------------------------------------------------------------------------ words
  host.setAttribute("aria-label", text("A net learns to draw"));
  const captions = all(".rows figcaption");
  const noised = () => (log && log.start && log.start.apart !== undefined ? text("Some of your pictures, noised") : text("Pictures it has never seen, noised"));
  put(captions[1], text("What the net believes is in them"));
  put(captions[2], text("What it draws from noise"));
  put(captions[3], text("The nearest of your pictures, and how far away it is"));
  put($(".distance figcaption"), text("Is it copying? How far from the nearest of your pictures it draws; dashed: how far yours are from each other"));
  $("[data-row=near]").setAttribute("aria-label", text("The nearest of your pictures, and how far away it is"));
  put($(".loss figcaption"), text("Loss against pictures seen: of each batch, and its running mean"));
  const group = `training-view-${Math.random().toString(36).slice(2)}`;
  [text("The film: what it believes"), text("The film: what it draws")].forEach((word, k) => {
    put(all(".views span")[k], word);
    all(".views input")[k].name = group;
    all(".views input")[k].onchange = draw;
  });
  $(".views").setAttribute("aria-label", text("What the film shows"));
  $("[data-row=film]").setAttribute("aria-label", text("One row for each picture, one column for each look at the net"));
  $(".scrub input").setAttribute("aria-label", text("A moment of the training"));
  $("progress").setAttribute("aria-label", text("Progress of the training"));
  put($("h3"), text("Algorithm 1: what a step does, by one picture of the next batch"));
  put($(".line"), text("Next line"));
  for (const { shown } of LINES) write($(".algorithm ol").appendChild(document.createElement("li")), shown);
  $("[data-row=film]").onclick = (event) => {
    if (!log || !log.looks.length) return;
    const box = event.currentTarget.getBoundingClientRect();
    pick(Math.min(log.looks.length - 1, Math.floor(((event.clientX - box.left) / box.width) * log.looks.length)));
  };
  watch("value", () => take(props.value));
  for (const message of early || []) take(message);
  if (!(early || []).length) take(props.value);
  draw();
  drawAlgorithm();
}
