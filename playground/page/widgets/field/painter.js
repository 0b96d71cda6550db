/* Painter: what the score field looks like. It draws a scene on three canvases: the density of q_t, the score, the
 * particles with their paths and what holds at the pointer; beside it a picture and the points at t. The scene is
 * field.js's, the mathematics mixture.js's.
 */

import { forward } from "../maths/forward.js";
import { EXTENT, at, contour, density, massLevels, particlesAt, rates } from "../maths/mixture.js";

// Pixels a side of the density, by the deviation of q_t's parts: the canvas smooths them, and a wide bump needs few.
const gridFor = (deviation) => (deviation > 0.2 ? 96 : 128);
const SHARES = [0.2, 0.5, 0.8, 0.95]; // of the probability, inside each contour
const ARROWS = 19; // a side
const WALKS = 60; // Langevin: of how many particles the tails are shown

/** Draws in cloud coordinates on one canvas. */
function plate(canvas) {
  const context = canvas.getContext("2d");
  const self = { canvas, context, size: 0, unit: 1, ratio: 1 };
  self.fit = () => {
    const css = canvas.clientWidth,
      ratio = Math.min(2, window.devicePixelRatio || 1),
      size = Math.round(css * ratio);
    if (size && canvas.width !== size) canvas.width = canvas.height = size;
    Object.assign(self, { size, ratio, unit: size / (2 * EXTENT) });
  };
  self.x = (v) => (v + EXTENT) * self.unit;
  self.y = (v) => (EXTENT - v) * self.unit;
  return self;
}

function crosses(p, xs, colour, arm) {
  const { context: c, ratio } = p,
    r = arm * ratio;
  c.beginPath();
  for (let i = 0; i < xs.length; i += 2) {
    const x = p.x(xs[i]),
      y = p.y(xs[i + 1]);
    c.moveTo(x - r, y);
    c.lineTo(x + r, y);
    c.moveTo(x, y - r);
    c.lineTo(x, y + r);
  }
  c.strokeStyle = colour;
  c.lineWidth = 1.25 * ratio;
  c.stroke();
}

/**
 * Particles: a round dot (sampler) or a diamond (Langevin), with a rim that keeps it apart from any ground.
 * One small fill each: without a graphics card four times as fast as one path of them all, or as pictures of a dot.
 */
function dots(p, xs, fill, rim, radius, diamond) {
  const { context: c, ratio } = p,
    spot = (x, y, r) => {
      c.beginPath();
      if (diamond) {
        c.moveTo(x, y - 1.35 * r);
        c.lineTo(x + 1.35 * r, y);
        c.lineTo(x, y + 1.35 * r);
        c.lineTo(x - 1.35 * r, y);
      } else c.arc(x, y, r, 0, 2 * Math.PI);
      c.fill();
    };
  for (let i = 0; i < xs.length; i += 2) {
    const x = p.x(xs[i]),
      y = p.y(xs[i + 1]);
    c.fillStyle = rim;
    spot(x, y, (radius + 1) * ratio);
    c.fillStyle = fill;
    spot(x, y, radius * ratio);
  }
}

function arrow(c, x, y, dx, dy, head) {
  const length = Math.hypot(dx, dy);
  if (length < 0.5) return;
  const ux = dx / length,
    uy = dy / length,
    tx = x + dx,
    ty = y + dy,
    h = Math.min(head, 0.6 * length);
  c.moveTo(x, y);
  c.lineTo(tx, ty);
  c.moveTo(tx - h * (ux - 0.5 * uy), ty - h * (uy + 0.5 * ux));
  c.lineTo(tx, ty);
  c.lineTo(tx - h * (ux + 0.5 * uy), ty - h * (uy - 0.5 * ux));
}

/** @param {any} host the widget */
export function painter(host) {
  const canvas = (view) => host.querySelector(`canvas[data-view=${view}]`);
  const big = plate(canvas("score")),
    twin = plate(canvas("q_t")),
    photo = canvas("x_t");
  const ground = plate(document.createElement("canvas")),
    shade = document.createElement("canvas"),
    grids = {}; // size → {image, q}
  let groundKey = "",
    dark = null,
    shadeRGB = [0, 0, 0],
    now = new Float32Array(0); // where the particles of a run are
  const paint = {};

  function palette() {
    const style = getComputedStyle(host),
      get = (name) => style.getPropertyValue(`--field-${name}`).trim();
    for (const name of ["ground", "shade", "contour", "arrow", "particle", "rim", "path", "data", "ink"])
      paint[name] = get(name);
    shadeRGB = paint.shade.split(",").map(Number);
  }

  function drawGround(scene, due) {
    const { mix, layer } = scene;
    const key = [scene.t, big.size, dark, layer("density"), layer("arrows"), scene.cloud.version].join();
    if (key === groundKey || !due("ground")) return;
    groundKey = key;
    const { context: c, canvas } = ground;
    if (canvas.width !== big.size) canvas.width = canvas.height = big.size;
    Object.assign(ground, { size: big.size, unit: big.unit, ratio: big.ratio });
    c.fillStyle = paint.ground;
    c.fillRect(0, 0, big.size, big.size);
    if (!mix.K) return;
    const ab = scene.alpha();
    if (layer("density")) {
      const size = gridFor(Math.sqrt(rates(mix, ab).variance));
      const { image, q } = (grids[size] ||= { image: new ImageData(size, size), q: new Float32Array(size * size) });
      density(mix, ab, size, q);
      const { peak, levels } = massLevels(q, SHARES),
        pixels = image.data;
      for (let i = 0, k = 0; i < q.length; i++, k += 4) {
        pixels[k] = shadeRGB[0];
        pixels[k + 1] = shadeRGB[1];
        pixels[k + 2] = shadeRGB[2];
        pixels[k + 3] = 225 * Math.sqrt(q[i] / peak);
      }
      if (shade.width !== size) shade.width = shade.height = size;
      shade.getContext("2d").putImageData(image, 0, 0);
      c.drawImage(shade, 0, 0, big.size, big.size);
      const pitch = big.size / size,
        place = (v) => (v + 0.5) * pitch;
      c.beginPath();
      for (const level of levels) {
        if (level > 0)
          contour(q, size, level, (x1, y1, x2, y2) => {
            c.moveTo(place(x1), place(y1));
            c.lineTo(place(x2), place(y2));
          });
      }
      c.strokeStyle = paint.contour;
      c.lineWidth = big.ratio;
      c.stroke();
    }
    if (layer("arrows")) {
      const cell = (2 * EXTENT) / ARROWS,
        deviation = Math.sqrt(rates(mix, ab).variance),
        s = {};
      c.beginPath();
      for (let j = 0; j < ARROWS; j++)
        for (let i = 0; i < ARROWS; i++) {
          const x = (i + 0.5) * cell - EXTENT,
            y = (j + 0.5) * cell - EXTENT;
          at(mix, ab, x, y, s);
          const size = Math.hypot(s.sx, s.sy) * deviation; // in deviations of q_t's parts, so arrows keep their size as t moves
          const long = (0.92 * cell * big.unit * size) / (size + 0.7) / (Math.hypot(s.sx, s.sy) || 1);
          arrow(
            c,
            big.x(x) - (s.sx * long) / 2,
            big.y(y) + (s.sy * long) / 2,
            s.sx * long,
            -s.sy * long,
            4 * big.ratio,
          );
        }
      c.strokeStyle = paint.arrow;
      c.lineWidth = 1.1 * big.ratio;
      c.lineJoin = c.lineCap = "round";
      c.stroke();
    }
  }

  /** The data points at t, each with its own fixed ε. */
  function noised(data, ab) {
    const a = Math.sqrt(ab),
      b = Math.sqrt(Math.max(0, 1 - ab));
    for (let i = 0; i < data.now.length; i++) data.now[i] = a * data.x0[i] + b * data.eps[i];
    return data.now;
  }

  const trail = plate(document.createElement("canvas")); // a run's paths up to a whole frame, drawn once
  let trailKey = "",
    trailFrame = 0;
  const pen = (c) => {
    c.strokeStyle = paint.path;
    c.lineWidth = big.ratio;
    c.lineJoin = "round";
  };
  function runPaths(c, { run, u, cloud }) {
    const n = run.particles,
      some = Math.min(n, Math.max(12, Math.floor(5000 / run.frames)), 90),
      end = Math.floor(u);
    const key = [big.size, dark, cloud.version].join();
    if (key !== trailKey || end < trailFrame) {
      trail.canvas.width = trail.canvas.height = big.size;
      trailKey = key;
      trailFrame = 0;
    }
    const piece = (context, k, from, to) => {
      for (let i = from; i <= to; i++) {
        const o = 2 * (i * n + k),
          x = big.x(run.paths[o]),
          y = big.y(run.paths[o + 1]);
        if (i > from) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
    };
    if (end > trailFrame) {
      pen(trail.context);
      trail.context.beginPath();
      for (let k = 0; k < some; k++) piece(trail.context, k, trailFrame, end);
      trail.context.stroke();
      trailFrame = end;
    }
    c.drawImage(trail.canvas, 0, 0);
    for (let k = 0; k < some; k++) {
      piece(c, k, end, end);
      c.lineTo(big.x(now[2 * k]), big.y(now[2 * k + 1]));
    }
  }
  function drawPaths(c, scene) {
    const { mode, run, data, walk, walks } = scene;
    c.beginPath();
    if (mode === "reverse" && run) runPaths(c, scene);
    else if (mode === "forward") {
      const some = Math.min(48, data.x0.length / 2),
        pieces = 12;
      const mixes = Array.from({ length: pieces + 1 }, (_, i) =>
        rates(scene.mix, scene.alpha((scene.t * i) / pieces)),
      );
      for (let k = 0; k < 2 * some; k += 2)
        mixes.forEach(({ signal: a, noise: b }, i) => {
          const x = big.x(a * data.x0[k] + b * data.eps[k]),
            y = big.y(a * data.x0[k + 1] + b * data.eps[k + 1]);
          if (i) c.lineTo(x, y);
          else c.moveTo(x, y);
        });
    } else if (walks && walk) {
      for (let k = 0; k < Math.min(walk.xs.length, 2 * WALKS); k += 2)
        [...walk.tail, walk.xs].forEach((xs, i) => {
          if (i) c.lineTo(big.x(xs[k]), big.y(xs[k + 1]));
          else c.moveTo(big.x(xs[k]), big.y(xs[k + 1]));
        });
    }
    pen(c);
    c.stroke();
  }

  /** At the pointer: the score as an arrow, x̂0 as a ✕, and the term of the formula in hand. */
  function drawProbe(c, { probe, term }, s, ab) {
    const [x, y] = probe,
      { ratio } = big,
      px = big.x(x),
      py = big.y(y),
      a = Math.sqrt(ab),
      b = Math.sqrt(1 - ab);
    const long = Math.hypot(s.sx, s.sy),
      most = 1.1 / (1 + 0.25 / (long + 1e-9)) / (long || 1);
    const nib = (width, dash = []) => {
      c.setLineDash(dash.map((d) => d * ratio));
      c.lineWidth = width * ratio;
    };
    const twice = () => {
      c.strokeStyle = paint.rim;
      const w = c.lineWidth;
      c.lineWidth = w + 2.5 * ratio;
      c.stroke();
      c.lineWidth = w;
      c.strokeStyle = paint.ink;
      c.stroke();
    };
    c.beginPath();
    nib(1, [3, 4]);
    c.moveTo(px, py);
    c.lineTo(big.x(s.x0), big.y(s.y0));
    c.strokeStyle = paint.ink;
    c.stroke();
    const r = 5 * ratio,
      cx = big.x(s.x0),
      cy = big.y(s.y0);
    c.beginPath();
    nib(term === "x0" ? 3.5 : 2);
    c.moveTo(cx - r, cy - r);
    c.lineTo(cx + r, cy + r);
    c.moveTo(cx + r, cy - r);
    c.lineTo(cx - r, cy + r);
    twice();
    if (term !== "eps") {
      c.beginPath();
      nib(term === "score" ? 4 : 2.25);
      arrow(c, px, py, s.sx * most * big.unit, -s.sy * most * big.unit, 9 * ratio);
      twice();
    }
    if (term === "eps") {
      // x = √ᾱ x̂0 + √(1−ᾱ) ε̂: the noise is the way from √ᾱ x̂0 to x
      c.beginPath();
      nib(3.5);
      arrow(c, big.x(a * s.x0), big.y(a * s.y0), (x - a * s.x0) * big.unit, -(y - a * s.y0) * big.unit, 9 * ratio);
      twice();
    }
    if (term === "noise") {
      c.beginPath();
      nib(2.5, [6, 4]);
      c.arc(px, py, b * big.unit, 0, 2 * Math.PI);
      twice();
    }
    c.setLineDash([]);
    c.beginPath();
    c.arc(px, py, 4.5 * ratio, 0, 2 * Math.PI);
    c.fillStyle = paint.rim;
    c.fill();
    nib(2);
    c.strokeStyle = paint.ink;
    c.stroke();
  }

  function drawTwins({ picture, data }, ab) {
    if (photo.width !== picture.size) photo.width = photo.height = picture.size;
    forward(picture.image.data, picture.x0, picture.eps, Math.sqrt(ab), Math.sqrt(Math.max(0, 1 - ab)));
    photo.getContext("2d").putImageData(picture.image, 0, 0);
    if (!twin.size) return;
    twin.context.fillStyle = paint.ground;
    twin.context.fillRect(0, 0, twin.size, twin.size);
    crosses(twin, noised(data, ab), paint.data, 1.5);
  }

  /** Draws all of it; due(part) says whether the ground's turn has come. Returns what holds at the pointer, or null. */
  function draw(scene, due) {
    const { mix, mode, run, walk, walks, data, probe, layer } = scene,
      ab = scene.alpha(),
      c = big.context;
    const isDark = document.body.classList.contains("dark");
    if (isDark !== dark) {
      dark = isDark;
      host.classList.toggle("dim", dark);
      palette();
    }
    drawGround(scene, due);
    c.drawImage(ground.canvas, 0, 0);
    drawTwins(scene, ab);
    if (!mix.K) {
      if (scene.drawing) dots(big, probe, paint.ink, paint.rim, 4);
      return null;
    }
    if (mode === "reverse" && run) {
      const room = now.length === 2 * run.particles ? now : undefined;
      now = particlesAt(run.paths, run.particles, run.frames, scene.u, room);
    }
    if (layer("paths")) drawPaths(c, scene);
    if (mode === "forward" || layer("data"))
      crosses(big, noised(data, ab), paint.data, mode === "forward" ? 3.5 : 2.5);
    if (mode === "reverse" && run) dots(big, now, paint.particle, paint.rim, 2.6);
    if (walks && walk) dots(big, walk.xs, paint.particle, paint.rim, 2.6, true);
    if (scene.drawing && scene.t <= 0.02 * scene.T) crosses(big, scene.cloud.points, paint.data, 3);
    const s = at(mix, ab, probe[0], probe[1]);
    drawProbe(c, scene, s, ab);
    return s;
  }

  return {
    draw,
    /** After a change of size: 0 while another tab is open. */
    fit() {
      big.fit();
      twin.fit();
      groundKey = "";
      return big.size;
    },
    get size() {
      return big.size;
    },
  };
}
