/* Handout: the figures of the open tab with the settings they are of, each as PNG or SVG, and all of them as one PDF. */

import { bytes } from "../lib/bytes.js";
import { paintRGB } from "../lib/canvas.js";
import { svg } from "../lib/chart.js";
import * as settings from "../lib/settings.js";
import { announce, text } from "../lib/words.js";
import { download, stem } from "./kept.js";
import { make } from "./make.js";

const SHEET = { width: 1240, height: 1754, edge: 90, gap: 36 }; // A4 at 150 dots an inch
const STYLES = ["stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linejoin", "fill", "fill-opacity", "font"]
  .concat(["text-anchor", "opacity", "visibility"]); // what a chart's looks are made of
const SIDE = 480; // pixels of a picture at least, in a PNG and on paper

/** @typedef {{name: string, svg?: any, canvases?: any[], labels?: string[], pick?: any}} Figure */

const STEPS = 8; // of a run's strip
const MARGIN = 14; // around a chart

const seen = (node) => node.getClientRects().length > 0;

/** The runs on show as strips, x_t from noise to the picture; of four lanes at most. @returns {Figure[]} */
function strips(stage) {
  return [...stage.querySelectorAll("[data-mounted=player]")].filter(seen).flatMap(({ player }) => {
    const { film } = player;
    return (film?.end ? film.lanes : []).slice(0, 4).map(({ label, frames }) => {
      const chosen = Array.from({ length: STEPS }, (_, k) => frames[Math.round((k * (frames.length - 1)) / (STEPS - 1))]);
      const canvases = [...new Set(chosen)].map((frame) => {
        const canvas = document.createElement("canvas");
        paintRGB(canvas, frame.x, film.size);
        return canvas;
      });
      return { name: `${label || text("The run, step by step")}: x_t`, canvases, labels: [...new Set(chosen)].map(({ t }) => `t ${Math.round(t)}`) };
    });
  });
}

/** What there is to take of the open tab, in the page's order. @returns {Figure[]} */
export function figures() {
  const stage = [...document.querySelectorAll("[role=tabpanel] .lab-stage")].find((/** @type {any} */ one) => one.offsetParent);
  if (!stage) return [];
  const found = [];
  const taken = new Set();
  for (const node of /** @type {any} */ (stage.querySelectorAll("svg.lab-chart, .strip, .strips > *, canvas"))) {
    if ([...taken].some((other) => other.contains(node)) || !seen(node)) continue;
    if (node.matches("svg")) found.push({ name: node.getAttribute("aria-label") || text("Curve"), svg: node });
    else {
      const canvases = node.matches("canvas") ? [node] : [...node.querySelectorAll("canvas")];
      if (!canvases.length || canvases.some((one) => !one.width)) continue;
      const label = (one) => one.parentElement?.innerText?.trim().split("\n").pop() || "";
      const name = (node.getAttribute("aria-label") || text("Strip")).replace(node.matches("canvas") ? "" : /[:：].*/, "");
      found.push({ name, canvases, labels: canvases.length > 1 ? canvases.map(label) : [] });
    }
    taken.add(node);
  }
  return [...found, ...strips(stage)];
}

/** A chart as a file of its own: its looks written into it, on the page's ground. @param {any} chart */
export function svgText(chart) {
  const copy = chart.cloneNode(true);
  const [from, to] = [chart, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((node, k) => {
    const looks = getComputedStyle(node);
    to[k].setAttribute("style", STYLES.map((name) => `${name}:${looks.getPropertyValue(name)}`).join(";"));
    to[k].removeAttribute("class");
  });
  // Letters at the edges may stand out over the chart's own box.
  const [width, height] = ["width", "height"].map((name) => chart.viewBox.baseVal[name] + 2 * MARGIN);
  const set = (node, attributes) => Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  set(copy, { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `${-MARGIN} ${-MARGIN} ${width} ${height}`, style: "" });
  const fill = getComputedStyle(document.body).backgroundColor;
  copy.prepend(svg("rect", { x: -MARGIN, y: -MARGIN, width, height, fill }));
  const told = svg("desc");
  told.textContent = location.href;
  copy.prepend(told);
  return new XMLSerializer().serializeToString(copy);
}

/** A figure as a canvas, large enough for paper. @param {Figure} figure */
async function drawn({ svg, canvases, labels }) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (svg) {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(svg))}`;
    await image.decode();
    Object.assign(canvas, { width: 3 * image.width, height: 3 * image.height });
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }
  const count = canvases.length;
  const side = count > 1 ? Math.max(96, Math.floor((SHEET.width - 2 * SHEET.edge) / count) - 4) : Math.max(SIDE, canvases[0].width);
  const low = labels.some(Boolean) ? 26 : 0;
  Object.assign(canvas, { width: count * (side + 4) - 4, height: side + low });
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "black";
  context.font = "18px sans-serif";
  context.textAlign = "center";
  canvases.forEach((one, k) => {
    const scale = Math.min(side / one.width, side / one.height);
    context.drawImage(one, k * (side + 4), 0, one.width * scale, one.height * scale);
    if (low) context.fillText(labels[k], k * (side + 4) + side / 2, side + 20, side);
  });
  return canvas;
}

/** A figure as a PNG, with a line or more below it that says what it is of. @param {Figure} figure */
async function png(figure) {
  const picture = await drawn(figure);
  const size = Math.max(16, Math.round(picture.width / 50));
  const lines = wrapped([figure.name, told().join(" · ")].join(" · "), Math.floor((1.7 * picture.width) / size));
  const height = picture.height + (lines.length + 0.5) * size * 1.4;
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0);
  context.fillStyle = "black";
  context.font = `${size}px sans-serif`;
  lines.forEach((line, k) => context.fillText(line, 4, picture.height + (k + 1) * size * 1.4, canvas.width - 8));
  return new Promise((/** @type {(made: Blob) => void} */ resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Text in lines of so many letters at most, broken where it may be. */
function wrapped(words, most) {
  const lines = [""];
  for (const part of words.split(/(?<=[\s,&/])|(?=\p{Script=Han})/u)) {
    if (lines.at(-1).length + part.length > most && lines.at(-1)) lines.push("");
    lines[lines.length - 1] += part;
  }
  return lines;
}

const base64 = (canvas) => canvas.toDataURL("image/png").split(",")[1];

/** What the figures are of, a line a setting. */
function told() {
  const said = new URLSearchParams(location.search);
  for (const name of ["hide", "lock", "ask", "answer", "worksheet", "projector", "lesson"]) said.delete(name);
  const values = { seed: settings.get("seed"), ...Object.fromEntries(said) };
  return Object.entries(values).map(([name, value]) => `${name}: ${value}`);
}

/** All figures on sheets of A4, with a heading, their names, and below them what they are of. */
async function sheets(chosen, title) {
  const { width, height, edge, gap } = SHEET;
  const made = [];
  let context = null;
  let y = 0;
  function sheet() {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    made.push(canvas);
    context = canvas.getContext("2d");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.fillStyle = "black";
    y = edge;
  }
  function write(words, size, bold = "") {
    context.font = `${bold} ${size}px sans-serif`;
    for (const line of wrapped(words, Math.floor((1.7 * (width - 2 * edge)) / size)))
      context.fillText(line, edge, (y += size * 1.35), width - 2 * edge);
  }
  sheet();
  write(title, 40, "bold");
  y += gap;
  // Side by side as many as fit: three pictures, two charts, a strip alone.
  const room = width - 2 * edge;
  let [x, deep] = [edge, 0];
  for (const figure of chosen) {
    const picture = await drawn(figure);
    const columns = figure.svg ? (picture.width > 2400 ? 1 : 2) : figure.canvases.length > 1 ? 1 : 3;
    const scale = Math.min((room - (columns - 1) * gap) / columns / picture.width, 700 / picture.height);
    const [w, h] = [picture.width * scale, picture.height * scale];
    if (x + w > width - edge + 1) [x, y, deep] = [edge, y + deep, 0];
    if (y + h + 80 > height - edge) (sheet(), ([x, deep] = [edge, 0]));
    context.font = "20px sans-serif";
    context.fillText(figure.name, x, y + 24, w);
    context.imageSmoothingEnabled = Boolean(figure.svg);
    context.drawImage(picture, x, y + 36, w, h);
    [x, deep] = [x + w + gap, Math.max(deep, h + 36 + gap)];
  }
  y += deep;
  const lines = [...told(), location.href];
  if (y + 30 * lines.length > height - edge) sheet();
  for (const line of lines) write(line, 18);
  return made;
}

/**
 * @param {HTMLElement} host
 * @param {import("../lib/widgets.js").Ui} ui
 */
export async function handout(host, ui) {
  const title = () => `${text("Diffusion playground")}: ${text(settings.state.tabs[settings.state.tab] || "")}`;
  make("p", text("The figures of the open tab, as they are now, with their settings. Runs as films and notebooks are in “Keep this run”."), host);
  const list = make("div", "", host, { className: "figures" });
  const row = make("div", "", host, { className: "row" });
  const said = make("p", "", host, { role: "status" });
  async function show() {
    const found = figures();
    list.replaceChildren();
    if (!found.length) make("p", text("There is no figure yet: start a run."), list);
    for (const figure of found) {
      const box = make("figure", "", list);
      const look = await drawn(figure);
      look.setAttribute("aria-hidden", "true");
      box.append(look);
      const caption = make("figcaption", "", box);
      const pick = make("label", "", caption);
      figure.pick = make("input", "", pick, { type: "checkbox", checked: true });
      pick.append(` ${figure.name}`);
      const name = stem(settings.state.tab || "", figure.name);
      make("button", "PNG", caption, { type: "button", onclick: async () => download(await png(figure), `${name}.png`) });
      if (figure.svg) {
        const save = () => download(new Blob([svgText(figure.svg)], { type: "image/svg+xml" }), `${name}.svg`);
        make("button", "SVG", caption, { type: "button", onclick: save });
      }
    }
    return found;
  }
  let found = await show();
  make("button", text("All as PDF"), row, { type: "button", className: "next", onclick: paper });
  make("button", text("Look again"), row, { type: "button", onclick: async () => (found = await show()) });
  async function paper() {
    said.textContent = text("One moment …");
    const pages = await sheets(found.filter((one) => one.pick.checked), title());
    const answer = await ui.server._paper({ pages: pages.map(base64), title: title() });
    said.textContent = answer.error || text("The handout is saved.");
    if (answer.error) return;
    download(new Blob([/** @type {BlobPart} */ (bytes(answer.pdf))], { type: "application/pdf" }), `${stem(title())}.pdf`);
    announce(said.textContent);
  }
}
