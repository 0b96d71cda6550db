/* Language: the switch in the page's head. What is chosen stands in the address (lang=) and is remembered here. */

import { query } from "../lib/address.js";
import { remember } from "../lib/page.js";
import { state } from "../lib/settings.js";
import { text } from "../lib/words.js";

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const select = ui.element.querySelector("select");
  const now = document.documentElement.lang;
  ui.element.querySelector("span").textContent = text("Language");
  for (const [tag, name] of Object.entries(ui.props.languages)) {
    const option = new Option(name, tag, tag === now, tag === now);
    option.lang = tag;
    select.append(option);
  }
  const title = document.querySelector("#page-title h1");
  document.title = text("Diffusion playground");
  if (title) title.textContent = document.title;
  select.onchange = () => {
    remember("lab-language", select.value); // and the address says it too
    const url = new URL(location.href);
    if (state.read) url.search = query(url.search, state.table, state.tab, state.values); // it follows with a delay
    url.searchParams.set("lang", select.value);
    location.assign(url);
  };
}
