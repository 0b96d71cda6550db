/* A U-Net drawn from the list of its blocks: down on the left, the middle at the bottom, up on the right, what is laid
 * beside an input as an arrow straight across, what the net is told above.
 */

const ROW = 30;
const HIGH = 26; // of a block
const APART = 18; // between what the net is told and the net

/**
 * @typedef {{name: string, kind: string, part: string, level: number, skip: string, weights: number, shape: number[]}} Block
 * @typedef {{name: string, x: number, y: number, width: number}} Place a block's corner and width; all are HIGH high
 */

/**
 * Where each block is drawn within a width, in pixels; and the lines between them.
 * @param {Block[]} blocks in the order in which they are asked
 * @param {number} width
 */
export function layout(blocks, width) {
  const narrow = width < 460;
  const gap = narrow ? 26 : Math.max(60, Math.round(width * 0.14)); // between down and up, where the arrows run
  const column = (width - gap) / 2;
  const indent = narrow ? 12 : 18; // a level
  /** @type {Map<string, Place>} */
  const places = new Map();
  const of = (part) => blocks.filter((block) => block.part === part);

  const inputs = of("inputs");
  const across = narrow ? Math.min(width < 380 ? 2 : 3, inputs.length) : inputs.length;
  const each = (width - 8 * (across - 1)) / across;
  inputs.forEach(({ name }, k) =>
    places.set(name, { name, x: (k % across) * (each + 8), y: Math.floor(k / across) * ROW, width: each }),
  );
  const top = Math.ceil(inputs.length / across) * ROW + APART;

  const down = of("down");
  const up = of("up");
  down.forEach(({ name, level }, k) =>
    places.set(name, { name, x: level * indent, y: top + k * ROW, width: column - level * indent }),
  );
  const bottom = top + Math.max(down.length, up.length) * ROW;
  up.forEach(({ name, level, skip }, k) => {
    const twin = places.get(skip);
    const y = twin ? twin.y : bottom - (k + 1) * ROW;
    places.set(name, { name, x: width - column, y, width: column - level * indent });
  });
  const middle = of("middle");
  const deepest = Math.max(0, ...middle.map((block) => block.level));
  const left = deepest * indent;
  const room = width - 2 * left;
  middle.forEach(({ name }, k) => {
    const share = narrow ? room : (room - 8 * (middle.length - 1)) / middle.length;
    places.set(name, { name, x: left + (narrow ? 0 : k * (share + 8)), y: bottom + (narrow ? k : 0) * ROW, width: share });
  });

  const skips = up
    .filter(({ skip }) => places.has(skip))
    .map(({ name, skip }) => {
      const [from, to] = [places.get(skip), places.get(name)];
      return { from: skip, to: name, x1: from.x + from.width, x2: to.x, y: to.y + HIGH / 2 };
    });
  const height = bottom + (narrow ? middle.length : Math.min(1, middle.length)) * ROW;
  return { places, skips, height, width, high: HIGH };
}

/** What hears what the net is told: the blocks that an input goes to. */
export function hears(block, input) {
  if (input === "time" || input === "condition") return block.kind === "resnet";
  if (input === "text") return block.kind === "cross" || block.kind === "condition" || block.kind === "sketch";
  return (input === "lines" || input === "sketch") && block.kind === "stem";
}

/**
 * The block that an arrow key leads to from another one.
 * @param {Block[]} blocks
 * @param {string} name
 * @param {string} key
 */
export function next(blocks, name, key) {
  const at = blocks.findIndex((block) => block.name === name);
  const last = blocks.length - 1;
  if (key === "Home" || key === "End") return blocks[key === "Home" ? 0 : last].name;
  if (key === "ArrowDown" || key === "ArrowUp") return blocks[Math.max(0, Math.min(last, at + (key === "ArrowDown" ? 1 : -1)))].name;
  const { skip } = blocks[at];
  if (key === "ArrowLeft") return skip || name;
  return (blocks.find((block) => block.skip === name) || blocks[at]).name;
}

/** (128, 16, 16) as "128 × 16²", (192,) as "192". */
export function written([channels, ...sides]) {
  if (!sides.length) return String(channels);
  return sides.length === 2 && sides[0] === sides[1] ? `${channels} × ${sides[0]}²` : [channels, ...sides].join(" × ");
}
