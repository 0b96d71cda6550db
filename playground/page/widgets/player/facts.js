/* What a finished run shows in numbers, for lessons (lib/facts.js). Pure: no document. */

import { apart } from "./film.js";

const GREY = 127.5; // `apart` is in the model's units, of a range of 2

/** Mean size of the Laplacian of an n × n picture in bytes: how sharp it is. */
export function sharpness(pixels, n) {
  let sum = 0;
  const row = 3 * n;
  for (let y = 1; y < n - 1; y++)
    for (let k = y * row + 3; k < (y + 1) * row - 3; k++)
      sum += Math.abs(4 * pixels[k] - pixels[k - 3] - pixels[k + 3] - pixels[k - row] - pixels[k + row]);
  return sum / (3 * (n - 2) ** 2);
}

const last = (list) => list[list.length - 1];
const mean = (list) => list.reduce((sum, one) => sum + one, 0) / (list.length || 1);

/**
 * Of a run that is done: network evaluations, steps, how many pictures and how far apart they are in grey levels, and
 * how sharp the first guess of x0 is beside the finished picture.
 * @param {import("./film.js").Film} film
 */
export function measured(film) {
  const finals = film.lanes.map((lane) => last(lane.frames));
  const gaps = finals.flatMap((one, k) => finals.slice(k + 1).map((other) => GREY * apart(one.x0, other.x0)));
  const firsts = film.lanes.map((lane) => sharpness(lane.frames[0].x0, film.size) / sharpness(last(lane.frames).x0, film.size));
  const found = {
    pictures: film.lanes.length,
    nfe: finals.reduce((sum, frame) => sum + frame.nfe, 0),
    steps: Math.max(...film.lanes.map((lane) => lane.steps)),
    first_blur: mean(firsts),
    change: film.lanes[0].curve.map((change, k) => [k, change]).filter(([, change]) => Number.isFinite(change)),
  };
  finals.forEach((frame, k) => (found[`nfe_${k + 1}`] = frame.nfe));
  if (gaps.length) found.apart = mean(gaps);
  return found;
}
