/* Cost: what a sampler's run takes in network evaluations, as the server has counted, and where the sampler comes from. */

import * as facts from "../lib/facts.js";
import { text } from "../lib/words.js";

const SAID = {
  picture: (nfe) => text("{nfe} evaluations a picture.", { nfe }),
  guided: (nfe) => text("{nfe} evaluations a picture: guidance asks twice at each step.", { nfe }),
  particle: (nfe) => text("{nfe} evaluations a particle.", { nfe }),
};

export function mount({ element, props, watch }) {
  const line = element.querySelector(".cost");
  function show() {
    const { nfe, guided, what, paper } = props.value || {};
    if (nfe === undefined) return;
    line.dataset.nfe = nfe;
    const wing = element.closest('[id$="-cost"]')?.id.slice(0, -"-cost".length);
    if (wing) facts.tell(`${wing}.cost`, nfe);
    line.textContent = `${SAID[guided ? "guided" : what](nfe)} ${paper}.`;
  }
  watch("value", show);
  show();
}
