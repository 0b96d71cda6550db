/* The training of Points, off the page's own thread. Messages in: {start}, {settings}, {run}, {step}, {look}; out: news. */
import { mixture } from "../maths/mixture.js";
import { Learning } from "./learning.js";
import { grid, PARTICLES, SAMPLE_STEPS } from "./scene.js";

const NEWS = 120; // ms between two looks at the net while it learns
const CLOUD = 600; // and between two samplings, which take longer
const CHART = 400; // losses kept for the chart: of every batch first, then of every second one, …

let learning = null,
  running = false,
  looking = { t: 0 },
  spent = 0, // ms of learning
  told = 0,
  sampled = -Infinity,
  cloud = null, // the last particles
  losses = { every: 1, batch: [], mean: [] };

function start({ points, std, alphaBar, settings }) {
  learning = new Learning(mixture(points, std), alphaBar, settings);
  spent = told = 0;
  sampled = -Infinity;
  losses = { every: 1, batch: [], mean: [] };
  cloud = { exact: Float32Array.from(learning.sample(PARTICLES, SAMPLE_STEPS, settings.seed, "truth")) };
  tell(true);
}

function learn() {
  const began = performance.now();
  learning.step();
  spent += performance.now() - began;
  if (learning.steps % losses.every) return;
  losses.batch.push(learning.loss);
  losses.mean.push(learning.mean);
  if (losses.batch.length < CHART) return;
  losses.every *= 2;
  for (const name of ["batch", "mean"]) losses[name] = losses[name].filter((_, k) => k % 2);
}

/** What there is to see now; with `whole` the particles too. */
function tell(whole) {
  if (!learning) return;
  const t = Math.min(learning.T, Math.max(1, Math.round(looking.t))),
    exact = learning.truth(grid.points, t).eps,
    learnt = learning.belief(grid.points, t).eps;
  if (whole) {
    cloud.net = Float32Array.from(learning.sample(PARTICLES, SAMPLE_STEPS, learning.settings.seed));
    cloud.learnt = learning.learnt();
    sampled = performance.now();
  }
  postMessage({
    t,
    steps: learning.steps,
    seconds: spent / 1000,
    loss: learning.loss,
    mean: learning.mean,
    byLevel: learning.byLevel.slice(),
    losses,
    score: { exact: Float32Array.from(exact), learnt: Float32Array.from(learnt) },
    particles: { exact: cloud.exact, net: cloud.net },
    learnt: cloud.learnt,
  });
  told = performance.now();
}

const turns = new MessageChannel(); // its messages come after those of the page, and without setTimeout's 4 ms
turns.port1.onmessage = () => {
  if (!running) return;
  const until = performance.now() + 16;
  do learn();
  while (performance.now() < until);
  const now = performance.now();
  if (now - told > NEWS) tell(now - sampled > CLOUD);
  turns.port2.postMessage(0);
};

onmessage = ({ data }) => {
  if (data.start) start(data.start);
  if (data.settings && learning) Object.assign(learning.settings, data.settings);
  if (data.look) {
    looking = data.look;
    if (!running) tell(false);
  }
  if (data.step && learning) {
    learn();
    tell(true);
  }
  if (data.run !== undefined && running !== data.run) {
    running = data.run;
    if (running) turns.port2.postMessage(0);
    else tell(true);
  }
};
