/** What a training has told so far, put in order. Pure: no document. */

export class Log {
  constructor(run) {
    this.run = run;
    this.start = null; // {images, size, labels, t, x0, x}
    this.losses = []; // [pictures seen, loss, running mean]
    this.looks = []; // {images, hats, pictures, error}
    this.images = 0;
    this.rate = this.left = this.place = this.wait = null;
    this.end = null;
    this.next = 0; // the number of the message that is due
    this.early = new Map(); // messages that came before their turn: the first ones take another way than the rest
  }

  /** Adds a message as soon as it is its turn. False where it is another training's. */
  take(message) {
    if (message.run !== this.run || message.seq < this.next) return false;
    this.early.set(message.seq, message);
    while (this.early.has(this.next)) {
      const due = this.early.get(this.next);
      this.early.delete(this.next++);
      this.add(due);
    }
    return true;
  }

  add({ start, losses, looks, rate, left, place, wait, end, images }) {
    if (start) this.start = start;
    if (losses) this.losses.push(...losses);
    if (looks) this.looks.push(...looks);
    if (this.losses.length) this.images = this.losses[this.losses.length - 1][0];
    if (images !== undefined) this.images = images;
    if (start || losses) this.place = null;
    for (const [name, value] of Object.entries({ rate, left, place, wait, end })) if (value !== undefined) this[name] = value;
  }
}
