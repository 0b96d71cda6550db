/* Grounds: the pictures one paints on, from a file, the camera, another tab, or those that come along. */

import { bytes } from "../lib/bytes.js";
import { paintRGB } from "../lib/canvas.js";
import * as settings from "../lib/settings.js";
import * as shared from "../lib/shared.js";
import { text } from "../lib/words.js";

/**
 * @param {HTMLElement} root
 * @param {import("./paint.js").Easel} easel
 * @param {Record<string, (argument: any) => Promise<any>>} server
 * @param {(file: File) => Promise<any>} upload
 * @param {string[]} pictures names of those that come along
 * @param {{changed: () => void, tell: (sentence: string, wrong?: boolean) => void, swatches: () => void}} page
 */
export function makeGrounds(root, easel, server, upload, pictures, { changed, tell, swatches }) {
  const $ = (selector) => root.querySelector(selector);
  const select = $(".grounds select");
  let camera = null;

  /** n × n RGB bytes are what is painted on now. */
  function put(pixels, n, remember = true) {
    easel.sheet.put(pixels, remember, n);
    swatches();
    changed();
  }

  /** A picture of any size: its middle square, by the browser's own scaling. */
  function reduced(source, width, height) {
    const n = 4 * easel.sheet.n; // the rest by area, as the server does
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
    return /** @type {[Uint8ClampedArray, number]} */ ([out, n]);
  }

  async function open(file) {
    hold(false);
    try {
      const bitmap = await createImageBitmap(file);
      put(...reduced(bitmap, bitmap.width, bitmap.height));
    } catch {
      return tell(text("That file is not a picture this browser can read."), true);
    }
    return give(file);
  }

  // ------------------------------------------------------------------ the picture of all tabs

  let seen = null; // of that picture

  /** A file of ours is the picture of the other tabs too. */
  async function give(file) {
    const [sent] = [await upload(file).catch(() => null)].flat();
    if (!sent) return tell(text("The other tabs could not get this picture."), true);
    seen = sent.path;
    shared.give({ orig_name: file.name, mime_type: file.type, size: file.size, is_stream: false, ...sent, meta: { _type: "gradio.FileData" } });
  }

  /** What is painted here, for the other tabs. */
  function lend() {
    const canvas = document.createElement("canvas");
    paintRGB(canvas, easel.sheet.layers.picture, easel.sheet.n);
    canvas.toBlob((blob) => give(new File([blob], "painted.png", { type: "image/png" })));
  }

  /** The picture that was given in another tab is painted on here. */
  async function adopt(now) {
    const known = now.file ? now.file.path : now.name;
    if (!known || known === seen) return;
    const begun = seen === null && !now.file && !settings.get("picture"); // nobody has given any
    seen = known;
    if (begun) return;
    if (!now.file) return named(known);
    try {
      const blob = await fetch(now.file.url).then((answer) => answer.blob());
      const bitmap = await createImageBitmap(blob);
      if (known === seen) put(...reduced(bitmap, bitmap.width, bitmap.height));
    } catch {
      tell(text("That file is not a picture this browser can read."), true);
    }
  }

  async function named(name) {
    const found = await server.ground({ picture: name });
    if (found.error) tell(found.error, true);
    else put(bytes(found.pixels), found.n);
  }

  // ------------------------------------------------------------------ the list

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

  function offer() {
    /** @type {[string, string[][]][]} */
    const groups = [[text("Blank"), [["blank", text("white")]]], [text("Pictures"), pictures.map((name) => [`picture:${name}`, name])]];
    const runs = others();
    if (runs.length) groups.push([text("Made in another tab"), runs.map((run, k) => [`run:${k}`, run.label])]);
    const chosen = select.value;
    select.replaceChildren(new Option(text("a picture …"), ""));
    for (const [label, options] of groups) {
      const group = document.createElement("optgroup");
      group.label = label;
      group.append(...options.map(([value, name]) => new Option(name, value)));
      select.append(group);
    }
    select.value = chosen;
  }
  select.addEventListener("pointerdown", offer);
  select.addEventListener("focus", offer);
  select.addEventListener("change", async () => {
    const [kind, name] = select.value.split(":");
    hold(false);
    if (kind === "blank") put(new Uint8Array(3).fill(255), 1);
    else if (kind === "run") {
      const run = others()[Number(name)];
      if (run) put(run.pixels, run.n);
    } else if (kind === "picture") {
      await named((seen = name));
      settings.put("picture", name);
    }
  });

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
      easel.sheet.keep();
      camera = { stream, video };
      hold(true);
      next();
    } catch {
      tell(text("There is no camera that this page may use."), true);
    }
  }

  /** Where the camera is on, what it sees now. */
  function next() {
    if (!camera) return;
    if (!root.isConnected) return hold(false);
    const { video } = camera;
    requestAnimationFrame(() => camera && put(...reduced(video, video.videoWidth, video.videoHeight), false));
  }

  $(".grounds label span").textContent = text("Paint on");
  $(".grounds input").addEventListener("change", (event) => event.target.files[0] && open(event.target.files[0]));
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  });
  root.addEventListener("paste", (event) => event.clipboardData.files[0] && open(event.clipboardData.files[0]));
  offer();
  shared.given(root, adopt);
  return { put, film, next, lend, still: () => hold(false) };
}
