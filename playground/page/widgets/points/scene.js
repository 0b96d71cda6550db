/* What of a net in training is shown: places of the arrows, and how score and particles are drawn. */
import { EXTENT } from "../maths/mixture.js";

export const PARTICLES = 300;
export const SAMPLE_STEPS = 20;
const FINE = 36; // a side: squares of the difference's colour
const EVERY = 2; // an arrow in every second square

/** The centres of FINE × FINE squares over the picture, row 0 at the top: x, y, x, y, … */
export const grid = {
  side: FINE,
  points: Float64Array.from({ length: 2 * FINE * FINE }, (_, k) => {
    const cell = k >> 1,
      place = ((k & 1 ? FINE - 1 - Math.floor(cell / FINE) : cell % FINE) + 0.5) / FINE;
    return EXTENT * (2 * place - 1);
  }),
};

/** A canvas that draws in the cloud's coordinates. */
export function plate(canvas) {
  const context = canvas.getContext("2d");
  const self = { canvas, context, size: 0, ratio: 1 };
  self.fit = () => {
    self.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    self.size = Math.round(canvas.clientWidth * self.ratio);
    if (self.size && canvas.width !== self.size) canvas.width = canvas.height = self.size;
    self.unit = self.size / (2 * EXTENT);
    return self.size > 0;
  };
  self.x = (v) => (v + EXTENT) * self.unit;
  self.y = (v) => (EXTENT - v) * self.unit;
  return self;
}

/** |ε̂ − ε*| at the centre of square k. */
function difference(learnt, exact, k) {
  return Math.hypot(learnt[2 * k] - exact[2 * k], learnt[2 * k + 1] - exact[2 * k + 1]);
}

/**
 * The score: the difference as the ground's colour, the exact arrows broad and pale, the learnt ones thin and dark on
 * them. Arrows show −ε̂, which is the score times √(1−ᾱ), one length for all t.
 */
export function drawScore(p, { learnt, exact }, paint) {
  const { context: c, size, ratio } = p,
    cell = size / FINE;
  c.fillStyle = paint.ground;
  c.fillRect(0, 0, size, size);
  const [red, green, blue] = paint.wrong.split(",").map(Number),
    shade = new OffscreenCanvas(FINE, FINE),
    image = new ImageData(FINE, FINE);
  for (let k = 0; k < FINE * FINE; k++) image.data.set([red, green, blue, 190 * Math.min(1, difference(learnt, exact, k) / 1.5)], 4 * k);
  shade.getContext("2d").putImageData(image, 0, 0);
  c.drawImage(shade, 0, 0, size, size);
  const arrows = (field, colour, width) => {
    c.strokeStyle = colour;
    c.lineWidth = width * ratio;
    c.lineCap = "round";
    c.beginPath();
    for (let j = 0; j < FINE; j += EVERY)
      for (let i = 0; i < FINE; i += EVERY) {
        const k = j * FINE + i,
          dx = -field[2 * k],
          dy = field[2 * k + 1],
          length = Math.hypot(dx, dy);
        if (length < 0.02) continue;
        const shown = (cell * EVERY * 0.85 * Math.min(1.25, length / 2)) / length,
          [x, y, ux, uy] = [(i + 0.5) * cell, (j + 0.5) * cell, dx * shown, dy * shown],
          head = 0.34;
        c.moveTo(x, y);
        c.lineTo(x + ux, y + uy);
        c.lineTo(x + ux - head * (ux - 0.6 * uy), y + uy - head * (uy + 0.6 * ux));
        c.moveTo(x + ux, y + uy);
        c.lineTo(x + ux - head * (ux + 0.6 * uy), y + uy - head * (uy - 0.6 * ux));
      }
    c.stroke();
  };
  arrows(exact, paint.exact, 3.6);
  arrows(learnt, paint.ink, 1.2);
}

/** Particles: the exact ones hollow diamonds, the net's filled dots, from the same noises. */
export function drawParticles(p, { net, exact, data }, paint) {
  const { context: c, size, ratio } = p;
  c.fillStyle = paint.ground;
  c.fillRect(0, 0, size, size);
  c.lineWidth = 1.4 * ratio;
  c.strokeStyle = paint.exactInk;
  c.beginPath();
  const arm = 3.4 * ratio;
  for (let i = 0; i < exact.length; i += 2) {
    const [x, y] = [p.x(exact[i]), p.y(exact[i + 1])];
    c.moveTo(x, y - arm);
    c.lineTo(x + arm, y);
    c.lineTo(x, y + arm);
    c.lineTo(x - arm, y);
    c.closePath();
  }
  c.stroke();
  for (let i = 0; net && i < net.length; i += 2) {
    const [x, y] = [p.x(net[i]), p.y(net[i + 1])];
    for (const [colour, radius] of [[paint.ground, 3.4], [paint.particle, 2.5]]) {
      c.fillStyle = colour;
      c.beginPath();
      c.arc(x, y, radius * ratio, 0, 2 * Math.PI);
      c.fill();
    }
  }
  if (!data) return; // a drawing in hand: its points as crosses
  c.strokeStyle = paint.ink;
  c.beginPath();
  for (let i = 0; i < data.length; i += 2) {
    const [x, y, r] = [p.x(data[i]), p.y(data[i + 1]), 4 * ratio];
    c.moveTo(x - r, y);
    c.lineTo(x + r, y);
    c.moveTo(x, y - r);
    c.lineTo(x, y + r);
  }
  c.stroke();
}
