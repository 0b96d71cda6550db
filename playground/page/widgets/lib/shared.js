/* Shared: the picture of the Noise tab, which other widgets show too ("lab:picture" on the window). */

/** The picture in hand: its side n, and x0, 3·n·n values in [−1, 1]. @type {{n: number, x0: Float32Array} | null} */
export let picture = null;

export function share(next) {
  picture = next;
  window.dispatchEvent(new CustomEvent("lab:picture"));
}

/** `fn(picture)` for the one there is and for each that follows, until `element` leaves the page. */
export function follow(element, fn) {
  const listener = () => {
    if (element.isConnected) fn(picture);
    else window.removeEventListener("lab:picture", listener);
  };
  window.addEventListener("lab:picture", listener);
  if (picture) fn(picture);
}
