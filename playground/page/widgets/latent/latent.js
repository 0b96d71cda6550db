/* Latent: a picture goes into an autoencoder and comes back; its latent is noised, walked and bent; and latents are drawn
 * at random. Each part asks the server for itself, and the latest question of it wins.
 */

import { bytes } from "../lib/bytes.js";
import { paintRGB } from "../lib/canvas.js";
import { pump, slider } from "../lib/input.js";
import { node } from "../lib/page.js";
import { announce, decibels, grouped, number, signed, text } from "../lib/words.js";

/** [3, 64, 64] as "64 · 64 · 3 = 12,288 numbers". */
export const counted = ([channels, high, wide]) =>
  text("{shape} = {count} numbers", {
    shape: `${high} · ${wide} · ${channels}`,
    count: grouped(high * wide * channels),
  });

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount({ element, props, server, watch }) {
  const root = element.querySelector(".latent");
  const $ = (selector) => root.querySelector(selector);
  let value = props.value;
  let t = 400;
  let channel = 0;
  let shift = 0.5;

  const ask = (part, show, more = () => ({})) => {
    const pumped = pump(
      (asked) => server.ask(asked),
      (answer, asked) => {
        if (asked.stamp !== value) return; // of a picture or a model before
        if (answer.error) return tell(answer.error);
        root.dataset.state = "open";
        $(".told").textContent = "";
        show(answer);
        const box = $(`.part.${part}`);
        box.dataset.shown = String(Number(box.dataset.shown || 0) + 1);
      },
      () => tell(text("The server does not answer. Try again.")),
    );
    return () => {
      const { n, picture, seed, checkpoint, other } = value;
      const asked = { part, n, picture, seed, checkpoint, ...(part === "walk" ? { other } : {}), ...more() };
      Object.defineProperty(asked, "stamp", { value, enumerable: false });
      pumped(asked);
    };
  };

  function tell(sentence) {
    root.dataset.state = "told";
    $(".told").textContent = sentence;
  }

  // ------------------------------------------------------------------ pictures

  /** [canvas, caption] of the figure of this name in a box, which is made if there is none yet. */
  function framed(box, name, className) {
    let figure = box.querySelector(`[data-name="${name}"]`);
    if (!figure) {
      figure = node("figure", className);
      figure.dataset.name = name;
      const canvas = node("canvas");
      canvas.setAttribute("role", "img");
      figure.append(canvas, node("figcaption"));
      box.append(figure);
    }
    return figure.children;
  }
  function picture(row, name, { n, pixels }, title, note = "", small = false) {
    const [canvas, caption] = framed(row, name, `picture${small ? " small" : ""}`);
    paintRGB(canvas, bytes(pixels), n);
    canvas.setAttribute("aria-label", note ? `${title}, ${note}` : title);
    caption.replaceChildren(node("b", "", title), node("span", "", note));
  }
  function arrow(row, name) {
    if (row.querySelector(`[data-arrow="${name}"]`)) return;
    const made = node("span", "arrow", "→");
    made.dataset.arrow = name;
    made.setAttribute("aria-hidden", "true");
    row.append(made);
  }
  function strip(box, name, pictures, title, note) {
    const [canvas, caption] = framed(box, name, "strip");
    const { n } = pictures[0];
    canvas.width = n * pictures.length;
    canvas.height = n;
    const context = canvas.getContext("2d", { alpha: false });
    const one = document.createElement("canvas");
    pictures.forEach(({ pixels }, k) => {
      paintRGB(one, bytes(pixels), n);
      context.drawImage(one, k * n, 0);
    });
    canvas.setAttribute("aria-label", `${title}: ${note}`);
    caption.replaceChildren(node("b", "", `${title} `), node("span", "", note));
  }

  // ------------------------------------------------------------------ the parts

  const there = ask("there", ({ x, z, back, channels, decibels: db, shapes }) => {
    const row = $(".there .row");
    const size = (shape) => shape.reduce((product, side) => product * side, 1);
    const less = size(shapes.picture) / size(shapes.latent);
    picture(row, "x", x, text("x, the picture"), counted(shapes.picture));
    arrow(row, "encoder");
    picture(row, "z", z, text("z, its latent"), `${counted(shapes.latent)}, ${text("{times} times fewer", { times: number(less, less % 1 ? 1 : 0) })}`);
    channels.forEach((each, k) => picture(row, `channel-${k}`, each, text("channel {k}", { k: k + 1 }), "", true));
    arrow(row, "decoder");
    picture(row, "back", back, text("x̂, what comes back"), `PSNR ${decibels(db)}`);
    announce(text("The picture comes back with a PSNR of {db}.", { db: decibels(db) }));
  });
  const noised = ask(
    "noised",
    (found) => {
      const row = $(".noised .row");
      picture(row, "z", found.z, text("z with noise"), `t = ${found.t}`);
      arrow(row, "decoder");
      picture(row, "decoded", found.decoded, text("decoded"), text("its noise has become spots of paint"));
      picture(row, "pixels", found.pixels, text("x with as much noise"), text("for comparison: in pixels"));
    },
    () => ({ t }),
  );
  const bent = ask(
    "bent",
    ({ z, decoded }) => {
      const row = $(".bent .row");
      picture(row, "z", z, text("z, changed"), text("channel {k}", { k: channel + 1 }) + ` ${signed(shift)}`);
      arrow(row, "decoder");
      picture(row, "decoded", decoded, text("decoded"), "");
    },
    () => ({ channel, shift }),
  );
  const walk = ask("walk", ({ latents, pixels }) => {
    strip($(".walk .strips"), "latents", latents, text("In latents, decoded:"), text("almost as in pixels: such a latent is still a picture, only smaller"));
    strip($(".walk .strips"), "pixels", pixels, text("In pixels:"), text("two pictures on top of each other"));
  });
  const drawn = ask("drawn", ({ rows, figures: { latents, variational, plain } }) => {
    const [low, high] = plain.spread.map((value) => number(value, 1));
    const told = {
      latents: [text("The model’s own latents, each number by itself:"), text("each number alone is fine, and together they are no picture. To draw them together is what diffusion is for"), latents && latents.frechet],
      variational: [text("Variational, from N(0, 1):"), text("blurred faces: its codes were trained to lie there"), variational.frechet.normal],
      plain: [text("Plain, from N(0, 1):"), text("spots of paint. Its codes lie elsewhere: each number has a spread of its own, {low} to {high}, around means up to {far} from 0", { low, high, far: number(plain.far, 1) }), plain.frechet.normal],
      each: [text("Plain, from where its codes were found, each number by itself:"), text("faces too, about as near to real ones as the variational one’s"), plain.frechet.each],
      together: [text("Plain, from where its codes were found, all numbers together:"), text("the nearest: what goes together in codes is known here as well"), plain.frechet.together],
    };
    for (const [name, [title, note, distance]] of Object.entries(told)) {
      const measured = distance ? [text("Fréchet distance {value}", { value: number(distance, 2) })] : [];
      strip($(".drawn .strips"), name, rows[name], title, [note, ...measured].join(" · "));
    }
    $(".drawn .so").textContent = text(
      "A code means nothing by itself; the space it lies in does. Regularisation says beforehand where that is, and costs sharpness: pictures held out come back with {variational} instead of {plain}. Without it one has to look afterwards. Two halves of the real faces are {real} apart.",
      { variational: decibels(variational.psnr), plain: decibels(plain.psnr), real: number(plain.frechet.real, 3) },
    );
  });

  // ------------------------------------------------------------------ hands

  function hand(box, label, options, read, change) {
    const holder = node("label", "", `${label} `);
    const input = Object.assign(node("input"), { type: "range", ...options });
    const output = node("output", "", read(Number(input.value)));
    holder.append(input, output);
    box.append(holder);
    input.setAttribute("aria-valuetext", output.textContent);
    slider(input, (next) => {
      output.textContent = read(next);
      input.setAttribute("aria-valuetext", output.textContent);
      change(next);
    });
  }
  hand($(".noised .hand"), text("Noise"), { min: "0", max: "1000", step: "10", value: String(t) }, (next) => `t = ${next}`, (next) => ((t = next), noised()));
  const choice = node("label", "", `${text("Channel")} `);
  const select = node("select");
  for (let k = 0; k < 3; k++) select.append(new Option(String(k + 1), String(k)));
  select.onchange = () => ((channel = Number(select.value)), bent());
  choice.append(select);
  $(".bent .hand").append(choice);
  hand($(".bent .hand"), text("changed by"), { min: "-1", max: "1", step: "0.05", value: String(shift) }, (next) => signed(next), (next) => ((shift = next), bent()));

  for (const [part, title, words] of [
    ["there", text("There and back"), text("An encoder makes a small picture of every picture, a decoder gives the large one back. The model denoises the small one.")],
    ["noised", text("Noise on the latent"), text("This is what the model is shown on its way. The decoder makes a picture of anything, even of noise.")],
    ["bent", text("One channel changed"), text("Each channel holds something else: as if the picture had other colours, which the decoder reads.")],
    ["walk", text("A straight walk from one picture to another"), text("From latent to latent in even steps.")],
    ["drawn", text("Codes drawn at random: what regularisation is for"), text("Above, latents from where those of pictures lie. Below, codes of two small autoencoders that came out of one recipe (64 numbers for faces of 32 × 32 pixels); only the variational one was also told to keep its codes where N(0, 1) puts them. The same seed everywhere.")],
  ]) {
    $(`.${part} h2`).textContent = title;
    $(`.${part} .words`).textContent = words;
  }

  $('.drawn [data-explain="vae"]').textContent = text("variational autoencoder");
  $('.drawn [data-explain="frechet"]').textContent = text("Fréchet distance");

  function all() {
    for (const part of [there, noised, bent, walk, drawn]) part();
  }
  watch("value", () => {
    value = props.value;
    all();
  });
  all();
}
