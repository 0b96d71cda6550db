/* What a dropped receipt says, in words; its settings go to the whole page. */

import { restore } from "../lib/settings.js";

export function mount({ element, props, watch }) {
  const said = element.querySelector(".said");
  watch("value", () => {
    const { settings = {}, lines = [] } = props.value || {};
    restore(settings);
    said.textContent = lines.join("\n"); // never markup: a receipt may come from anywhere
  });
}
