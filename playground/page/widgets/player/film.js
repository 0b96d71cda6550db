/* Film: a run as the page holds it. Lanes of frames, all on one axis of noise. Pure: no document.
 *
 * A message of the server ({run, seq, start?, frames?, rate?, end?}) brings the steps that are new; `take` adds them.
 * `places` is what a slider moves over: at each place every lane shows the last frame whose noise level it has
 * reached, so that lanes with different numbers of steps stay in lock-step by log-SNR.
 */

import { bytes } from "../lib/bytes.js";
import { text } from "../lib/words.js";

/** Where a frame is on the axis of noise: −∞ for nothing but noise, +∞ for the finished picture. */
export const logSnr = (frame) => Math.log(frame.ab / (1 - frame.ab));

/** What a lane may be called, but for the names of samplers. */
const LABELS = {
  seed: (values) => text("seed {seed}", values),
  strength: (values) => text("strength {strength}", values),
  unguided: () => text("without guidance"),
  guided: () => text("with guidance"),
  right: (values) => text("as it should be, seed {seed}", values),
  faulty: (values) => text("with the fault, seed {seed}", values),
  replaced: () => text("by replacement"),
  resampled: (values) => text("RePaint, r = {r}, j = {jump}", values),
  mixed: (values) => text("λ {share}, strength {strength}", values),
};

/** Root mean square difference of two pictures in bytes, in the model's units (a range of 2). */
export function apart(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return Math.sqrt(sum / a.length) / 127.5;
}

/** Side in CSS pixels of an n-pixel picture in `space`: a whole number of device pixels for each of its pixels. */
export function sharp(space, n, ratio = 1) {
  return (Math.max(1, Math.floor((space * ratio) / n + 1e-6)) * n) / ratio;
}

export class Film {
  constructor({ run, start }) {
    this.run = run;
    this.born = start.born;
    this.start = start;
    this.size = start.size;
    this.truth = start.truth && { x0: bytes(start.truth.x0), eps: bytes(start.truth.eps) };
    const label = (lane) => (Array.isArray(lane.label) ? LABELS[lane.label[0]](lane.label[1]) : lane.label);
    this.lanes = start.lanes.map((lane) => ({ ...lane, label: label(lane), frames: [], keys: [], at: -1, curve: [] }));
    this.places = []; // [frame of lane 0, frame of lane 1, …]; −1 where a lane begins at less noise than this
    this.leads = []; // which lane's step each place is
    this.rate = null;
    this.end = null;
    this.received = 0;
    this.next = 0; // the number of the message that is due
    this.early = new Map(); // messages out of order: a run's first ones come through the event queue, the rest down its own line
  }

  /** Add what a message brings, as soon as it is its turn. False if it belongs to another run, or is known. */
  take(message) {
    if (message.run !== this.run || message.seq < this.next) return false;
    this.early.set(message.seq, message);
    while (this.early.has(this.next)) this.add(this.early.get(this.next));
    this.merge();
    return true;
  }

  /** Waits no longer for what has not come: adds all that is there. */
  settle() {
    for (const message of [...this.early.values()].sort((a, b) => a.seq - b.seq)) this.add(message);
    this.merge();
  }

  add(message) {
    this.early.delete(message.seq);
    this.next = message.seq + 1;
    for (const sent of message.frames || []) {
      const lane = this.lanes[sent.lane];
      const frame = { ...sent, x: bytes(sent.x) };
      frame.x0 = sent.x0 ? bytes(sent.x0) : frame.x;
      frame.eps = sent.eps ? bytes(sent.eps) : null;
      frame.gap = sent.gap ? bytes(sent.gap) : null;
      lane.keys.push(logSnr(frame));
      lane.frames.push(frame);
      if (frame.last) lane.steps = frame.step; // some samplers ask less often than they might have
      this.received++;
    }
    if (message.rate) this.rate = message.rate;
    if (message.end) this.end = message.end;
  }

  /** The run is over before its end: what has come stays. */
  stop(status) {
    if (this.end) return;
    this.end = { status };
    this.merge();
  }

  /** Places grow as far as no lane that is still running could come before them. */
  merge() {
    for (;;) {
      let first = null;
      let lead = 0;
      for (let k = 0; k < this.lanes.length; k++) {
        const lane = this.lanes[k];
        const key = lane.keys[lane.at + 1];
        if (key === undefined) {
          const over = this.end || (lane.frames.length && lane.frames[lane.frames.length - 1].last);
          if (!over) return;
        } else if (first === null || key < first) {
          first = key;
          lead = k;
        }
      }
      if (first === null) return;
      for (const lane of this.lanes) if (lane.keys[lane.at + 1] === first) lane.at++;
      this.places.push(this.lanes.map((lane) => lane.at));
      this.leads.push(lead);
      this.lanes.forEach((lane, k) => lane.curve.push(this.measure(k)));
    }
  }

  /** The curve's value of lane k at the newest place: error of x̂0, distance from the first lane, or change of x̂0. */
  measure(k) {
    const place = this.places[this.places.length - 1];
    const lane = this.lanes[k];
    const frame = lane.frames[place[k]];
    if (!frame) return NaN;
    if (this.start.curve === "error") return frame.error ?? NaN;
    if (this.start.curve === "apart") {
      const first = this.lanes[0].frames[place[0]];
      return k && first ? apart(frame.x0, first.x0) : NaN;
    }
    let last = place[k] - 1; // a sampler may ask twice at a level: what has changed since the level before
    while (last >= 0 && lane.frames[last].ab === frame.ab) last--;
    return last >= 0 ? apart(frame.x0, lane.frames[last].x0) : NaN;
  }

  /** The frame lane k shows at a place: where it has not begun yet, the one it will begin with. */
  frame(place, k) {
    const indices = this.places[place];
    return (indices && this.lanes[k].frames[Math.max(0, indices[k])]) || null;
  }

  /** Has lane k begun at this place? */
  begun(place, k) {
    return Boolean(this.places[place]) && this.places[place][k] >= 0;
  }

  /** The frame that moved the clock to this place. */
  leader(place) {
    return this.frame(place, this.leads[place]);
  }

  /** The place whose t is nearest to `t`. */
  nearest(t) {
    let best = 0;
    let distance = Infinity;
    for (let place = 0; place < this.places.length; place++) {
      const gap = Math.abs(this.leader(place).t - t);
      if (gap < distance) {
        best = place;
        distance = gap;
      }
    }
    return best;
  }
}
