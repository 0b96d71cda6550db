/* Reel: the film's pictures at any moment. Pure: no document.
 *
 * A run is a noise x_T and the guesses x̂0 at each level; DDIM (η = 0) goes from level to level along
 * x = √ᾱ x̂0 + √(1−ᾱ) ε̂. After a run its picture is noised by the next run's x_T, so that the film has no seam.
 */

const OUT = 2400; // ms that a picture dissolves in
const HELD = 1300; // and stands still
const STEP = 260; // and that a step of the sampler takes
const STILL = 350; // and that pure noise stays

const angle = (level) => Math.atan2(Math.sqrt(1 - level), Math.sqrt(level));
/** ε̂ of x where the picture is believed to be x0. */
const seen = (x, x0, at) => x.map((value, i) => (value - Math.cos(at) * x0[i]) / Math.max(1e-3, Math.sin(at)));
function mixed(into, x0, eps, at) {
  const signal = Math.cos(at);
  const noise = Math.sin(at);
  for (let i = 0; i < into.length; i++) into[i] = signal * x0[i] + noise * eps[i];
  return into;
}

/**
 * @typedef {{noise: Float32Array, guesses: Float32Array[]}} Run values in [−1, 1] as r, g, b
 * @param {Run[]} runs
 * @param {number[]} levels ᾱ from noise to picture, one more than guesses
 */
export function makeReel(runs, levels) {
  const steps = levels.length - 1;
  const back = STILL + steps * STEP;
  const length = HELD + OUT + back; // of one picture: it stands, dissolves, and the next one comes
  /** x at the start of each step of each run, as the sampler has it. */
  const states = runs.map(({ noise, guesses }) => {
    const found = [noise];
    for (let k = 0; k < steps; k++) {
      const here = angle(levels[k]);
      const x = found[k];
      found.push(mixed(new Float32Array(x.length), guesses[k], seen(x, guesses[k], here), angle(levels[k + 1])));
    }
    return found;
  });

  /** What is shown `ms` after the start, into `into`; the film begins with the first run's picture, and goes round. */
  function at(ms, into) {
    const turn = ms / length;
    const one = Math.floor(turn) % runs.length;
    const next = (one + 1) % runs.length;
    let left = ms - Math.floor(turn) * length;
    const picture = states[one][steps];
    if (left < HELD) {
      into.set(picture);
      return into;
    }
    left -= HELD;
    if (left < OUT) {
      const u = left / OUT;
      return mixed(into, picture, runs[next].noise, angle(levels[0]) * u * u * (3 - 2 * u));
    }
    left = Math.max(0, left - OUT - STILL);
    const k = Math.min(steps - 1, Math.floor(left / STEP));
    const here = angle(levels[k]);
    const u = Math.min(1, left / STEP - k);
    const x0 = runs[next].guesses[k];
    return mixed(into, x0, seen(states[next][k], x0, here), here + (angle(levels[k + 1]) - here) * u);
  }
  return { at, length, picture: (k) => states[k][steps] };
}
