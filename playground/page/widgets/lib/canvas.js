/* Canvas: raw RGB bytes onto a 2D canvas. */

/** An ImageData of n × n, opaque. */
export function pixels(n) {
  const image = new ImageData(n, n);
  image.data.fill(255);
  return image;
}

/** Paint n × n interleaved RGB bytes (from `offset`) onto a canvas, sized to them. */
export function paintRGB(canvas, rgb, n, offset = 0) {
  if (canvas.width !== n || canvas.height !== n) canvas.width = canvas.height = n;
  const context = canvas.getContext("2d", { alpha: false });
  const image = canvas.labImage && canvas.labImage.width === n ? canvas.labImage : (canvas.labImage = pixels(n));
  const data = image.data;
  for (let p = 0, j = offset, k = 0; p < n * n; p++, j += 3, k += 4) {
    data[k] = rgb[j];
    data[k + 1] = rgb[j + 1];
    data[k + 2] = rgb[j + 2];
  }
  context.putImageData(image, 0, 0);
}
