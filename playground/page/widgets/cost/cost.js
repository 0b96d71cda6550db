/* Cost: what a sampler's run takes in network evaluations, and where the sampler comes from. */

import { text } from "../lib/words.js";

/** Network evaluations of a picture; guidance asks twice a question unless its scale is 0 or 1. */
export const evaluations = (perStep, steps, scale) => Math.round(perStep * steps) * (scale === 0 || scale === 1 ? 1 : 2);

export function mount({ element, props, watch }) {
  const line = element.querySelector(".cost");
  function show() {
    const { sampler, steps, scale, about } = props.value || {};
    const entry = about && about[sampler];
    if (!entry) return;
    const nfe = evaluations(entry.evaluations, steps, scale);
    const said =
      scale === 0 || scale === 1
        ? text("{nfe} evaluations a picture.", { nfe })
        : text("{nfe} evaluations a picture: guidance asks twice at each step.", { nfe });
    line.textContent = `${said} ${entry.paper}.`;
  }
  watch("value", show);
  show();
}
