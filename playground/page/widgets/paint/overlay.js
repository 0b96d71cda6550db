/* Over the canvas: the mask as stripes, the reach of the brush, and the keyboard's place. */

/**
 * @param {HTMLCanvasElement} over lies over the canvas, and takes no hand
 * @param {HTMLElement} canvas what it lies over
 * @param {import("./paint.js").Easel} easel
 */
export function drawOver(over, canvas, { sheet, tool, size, cursor, pointer }) {
  const ratio = window.devicePixelRatio || 1;
  const side = Math.round(canvas.clientWidth * ratio);
  if (!side) return;
  if (over.width !== side) over.width = over.height = side;
  const context = over.getContext("2d");
  const unit = side / sheet.n;
  context.clearRect(0, 0, side, side);
  if (sheet.layer === "mask") stripes(context, sheet, side);
  const place = cursor || pointer;
  if (!place) return;
  const [x, y] = [place[0] * unit, place[1] * unit];
  const reach = tool === "brush" || tool === "eraser" ? Math.max(0.5, size) * unit : unit / 2;
  for (const [ink, wide] of /** @type {[string, number][]} */ ([["#fff", 3 * ratio], ["#000", ratio]])) {
    context.strokeStyle = ink;
    context.lineWidth = wide;
    context.beginPath();
    context.arc(x, y, reach, 0, 2 * Math.PI);
    if (cursor) {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + dx * (reach + 2 * ratio), y + dy * (reach + 2 * ratio));
        context.lineTo(x + dx * (reach + 9 * ratio), y + dy * (reach + 9 * ratio));
      }
    }
    context.stroke();
  }
}

function stripes(context, { n, layers }, side) {
  const unit = side / n;
  context.save();
  context.beginPath();
  layers.mask.forEach((value, p) => value && context.rect((p % n) * unit, Math.floor(p / n) * unit, unit + 0.5, unit + 0.5));
  context.clip();
  context.fillStyle = "rgb(255 255 255 / 0.75)";
  context.fillRect(0, 0, side, side);
  context.strokeStyle = "rgb(0 0 0 / 0.75)";
  context.lineWidth = side / 128;
  context.beginPath();
  for (let x = -side; x < side; x += side / 32) {
    context.moveTo(x, side);
    context.lineTo(x + side, 0);
  }
  context.stroke();
  context.restore();
}
