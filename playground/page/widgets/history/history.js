/* History: a model's training, some twenty points of it, scrubbed: pictures from the same noises, loss, held-out errors. */

import { chart } from "../lib/chart.js";
import { frame, slider } from "../lib/input.js";
import * as settings from "../lib/settings.js";
import { announce, number, text, thousands } from "../lib/words.js";

const LAST = 99; // the setting `moment` for the end, wherever that is
const SHOWN = ["-4", "-2", "0", "2"]; // log-SNRs whose errors are drawn

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount({ element, props, watch, early }) {
  const host = element.querySelector(".history"),
    $ = (selector) => host.querySelector(selector),
    put = (node, value) => node.textContent === value || (node.textContent = value);
  let past = null, // the value
    sheet = null; // its pictures, once they are decoded

  const asked = () => Number(settings.get("moment") ?? LAST),
    last = () => past.points.length - 1,
    at = () => Math.max(0, Math.min(last(), asked()));
  const range = $(".scrub input");
  slider(range, (value) => pick(value), { wheelOver: $(".strip") });
  const pick = (value) => {
    settings.put("moment", value >= last() ? LAST : value, "history");
    draw();
  };

  // A training's points lie close together at its start: so do they here, each as wide as the others.
  const ticks = (values) => [0, Math.floor((values.length - 1) / 2), values.length - 1];
  const short = (n) => (n >= 1e6 ? `${number(n / 1e6, 1)}M` : n >= 1000 ? `${Math.round(n / 1000)}k` : String(Math.round(n)));
  const axes = (label) => ({
    x: [0, 1], y: [0, 1], height: 170, fluid: true, label,
    format: (value, axis) => (axis === "x" ? short(past ? past.points[Math.round(value)].images : 0) : number(value, 2)),
  });
  const loss = chart($(".loss .chart"), axes(text("Loss in the course of the training"))),
    errors = chart($(".errors .chart"), axes(text("Error on held-out pictures in the course of the training")));

  function curves() {
    const xs = past.points.map((_, k) => k),
      domain = (ys) => {
        const top = 1.1 * Math.max(0.01, ...ys.filter((y) => y !== null));
        return { x: [0, Math.max(1, last())], y: [0, top], xTicks: ticks(xs), yTicks: [0, top / 2, top] };
      };
    const losses = past.points.map((point) => point.loss);
    loss.domain(domain(losses));
    loss.line("loss", xs, losses, { className: "a", dots: true });
    const levels = SHOWN.filter((level) => past.points.every((point) => level in point.errors));
    const rows = levels.map((level) => past.points.map((point) => point.errors[level]));
    errors.domain(domain(rows.flat()));
    SHOWN.forEach((level) => errors.line(level, [], []));
    levels.forEach((level, k) => errors.line(level, xs, rows[k], { className: ["a", "b", "c", "b"][k], dash: ["", "6 3", "2 3", "8 3 2 3"][k] }));
    put($(".errors figcaption"), text("Mean squared error of x̂₀ on held-out pictures at log-SNR {levels}, from noise to nearly clean", { levels: levels.map((level) => number(Number(level), 0)).join(", ") }));
  }

  const draw = frame(() => {
    if (!host.isConnected) return;
    const there = Boolean(past && past.points.length);
    $(".past").hidden = !there;
    host.dataset.model = past ? past.name : "";
    host.dataset.points = there ? past.points.length : 0;
    if (!past) return put($(".told"), "");
    if (!there) return put($(".told"), text("{name} came without a history of its training.", { name: past.name }));
    put($(".told"), text("How {name} learnt, from its first step to its last: always the same noises.", { name: past.name }));
    const k = at(),
      point = past.points[k];
    Object.assign(range, { max: last(), value: k });
    range.style.setProperty("--share", String(last() ? k / last() : 1));
    const said = text("after {seen} pictures, {minutes} min", { seen: thousands(point.images), minutes: number(point.seconds / 60, 1) });
    const full = point.loss === null ? said : `${said} · ${text("loss {loss}", { loss: number(point.loss, 3) })}`;
    put($(".scrub output"), full);
    range.setAttribute("aria-valuetext", full);
    host.dataset.moment = String(k);
    loss.cursor(k);
    errors.cursor(k);
    for (const part of [$(".strip"), $(".sheet")]) part.hidden = !sheet;
    if (!sheet) return;
    const { side, columns } = past,
      [strip, whole] = [$(".strip canvas"), $(".sheet canvas")];
    if (strip.width !== side * columns.length) Object.assign(strip, { width: side * columns.length, height: side });
    strip.getContext("2d").drawImage(sheet, 0, k * side, sheet.width, side, 0, 0, sheet.width, side);
    strip.setAttribute("aria-label", `${text("What it drew from the same noises")}, ${said}`);
    if (whole.width !== sheet.width) Object.assign(whole, { width: sheet.width, height: sheet.height });
    const context = whole.getContext("2d");
    context.drawImage(sheet, 0, 0);
    context.lineWidth = side / 12;
    context.strokeStyle = getComputedStyle(host).getPropertyValue("--color-accent") || "orange";
    context.strokeRect(context.lineWidth / 2, k * side + context.lineWidth / 2, sheet.width - context.lineWidth, side - context.lineWidth);
    host.dataset.drawn = String(k);
  });

  async function take(value) {
    if (!value || !value.name) return;
    past = value;
    sheet = null;
    if (past.points.length) curves();
    $(".strip ol").replaceChildren(...past.columns.map((asked) => Object.assign(document.createElement("li"), { textContent: asked || text("nothing") })));
    draw();
    if (!past.sheet) return;
    const image = new Image();
    image.src = past.sheet;
    await image.decode().catch(() => null);
    if (past !== value || !image.naturalWidth) return;
    sheet = image;
    draw();
  }

  host.setAttribute("aria-label", text("How a model got there"));
  range.setAttribute("aria-label", text("A moment of the training"));
  put($(".strip figcaption"), text("What it drew from the same noises; asked for: what stands below each"));
  put($(".loss figcaption"), text("Training loss, against pictures seen"));
  put($(".sheet figcaption"), text("All of it: a row for each moment, the first at the top. Press a row to go there."));
  $(".sheet canvas").setAttribute("aria-label", text("Pictures from the same noises, a row for each moment of the training"));
  $(".sheet canvas").onclick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    pick(Math.min(last(), Math.floor(((event.clientY - box.top) / box.height) * past.points.length)));
    announce($(".scrub output").textContent);
  };
  window.addEventListener("lab:set", ({ detail }) => detail.name === "moment" && past && draw());
  watch("value", () => take(props.value));
  take((early || []).at(-1) || props.value);
  draw();
}
