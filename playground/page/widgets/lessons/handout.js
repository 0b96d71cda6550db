/* Handout: the figures of the open tab with the settings they are of, each as PNG or SVG, and all of them as one PDF. */

import * as settings from "../lib/settings.js";
import { announce, text } from "../lib/words.js";
import { download, stem } from "./kept.js";
import { make } from "./make.js";

const SHEET = { width: 1240, height: 1754, edge: 90, gap: 36 }; // A4 at 150 dots an inch
const STYLES = ["stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linejoin", "fill", "fill-opacity", "font", "text-anchor", "opacity", "visibility"];
const SIDE = 480; // pixels of a picture at least, in a PNG and on paper

/** @typedef {{name: string, svg?: any, canvases?: any[], labels?: string[], pick?: any}} Figure */

const seen = (node) => node.offsetParent !== null || (node.closest("svg") && node.getClientRects().length > 0);

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
      const name = node.getAttribute("aria-label") || text("Strip");
      found.push({ name, canvases, labels: canvases.length > 1 ? canvases.map(label) : [] });
    }
    taken.add(node);
  }
  return found;
}

/** A chart as a file of its own: its looks written into it, dark letters on white. @param {any} chart */
export function svgText(chart) {
  const copy = chart.cloneNode(true);
  const [from, to] = [chart, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((node, k) => {
    const looks = getComputedStyle(node);
    to[k].setAttribute("style", STYLES.map((name) => `${name}:${looks.getPropertyValue(name)}`).join(";"));
    to[k].removeAttribute("class");
  });
  const { width, height } = chart.viewBox.baseVal;
  for (const [name, value] of Object.entries({ xmlns: "http://www.w3.org/2000/svg", width, height, style: "overflow:visible" })) copy.setAttribute(name, value);
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: getComputedStyle(document.body).backgroundColor })) ground.setAttribute(name, value);
  copy.prepend(ground);
  const told = document.createElementNS("http://www.w3.org/2000/svg", "desc");
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

const blob = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
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
    let line = "";
    for (const part of words.split(/(?<=[\s,&/])|(?=\p{Script=Han})/u)) {
      if (context.measureText(line + part).width > width - 2 * edge && line) {
        context.fillText(line, edge, (y += size * 1.35));
        line = "";
      }
      line += part;
    }
    context.fillText(line, edge, (y += size * 1.35));
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
      make("button", "PNG", caption, { type: "button", onclick: async () => download(await blob(await drawn(figure)), `${name}.png`) });
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
    const bytes = Uint8Array.from(atob(answer.pdf), (one) => one.charCodeAt(0));
    download(new Blob([bytes], { type: "application/pdf" }), `${stem(title())}.pdf`);
    announce(said.textContent);
  }
}
