/* Glossary: every symbol and control explained where it stands (bubble.js), all of them in a window, and what a change did. */

import { recall, remember } from "../lib/page.js";
import { text } from "../lib/words.js";
import { makeBubble } from "./bubble.js";
import { makeChanges } from "./changes.js";
import { fits, glossary, load, told } from "./terms.js";

const QUIET = "lab-quiet"; // this browser's wish not to be told

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const $ = (selector) => ui.element.querySelector(selector);
  const dialog = $("dialog");
  let quiet = recall(QUIET) === "1";
  const wanted = () => !quiet;

  $(".open").textContent = $("h2").textContent = text("Glossary");
  $(".close").setAttribute("aria-label", text("Close"));
  $(".search").setAttribute("aria-label", text("Search the glossary"));
  $(".search").placeholder = text("Search the glossary");
  $("footer span").textContent = text("Explain what is pointed at, and say what a change did");
  $(".again").textContent = text("Show the first minute again");
  const list = $("dl");
  list.tabIndex = 0; // it scrolls, by keys too

  function build() {
    const wishes = $(".search").value.trim();
    const rows = Object.entries(glossary.terms).filter(([key, term]) => fits(key, term, wishes));
    list.replaceChildren(
      ...rows.map(([key, term]) => {
        const row = document.createElement("div");
        row.dataset.term = key;
        const [head, body] = told(term);
        row.appendChild(document.createElement("dt")).append(head);
        row.appendChild(document.createElement("dd")).append(...body);
        return row;
      }),
    );
    $(".count").textContent = rows.length ? text("{count} terms", { count: rows.length }) : text("Nothing is called so here.");
  }

  $(".open").onclick = async () => {
    await load();
    build();
    dialog.showModal();
    $(".search").focus();
  };
  $(".search").oninput = build;
  $(".close").onclick = () => dialog.close();
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  dialog.onclose = () => $(".open").focus();
  $(".again").onclick = () => {
    dialog.close();
    window.dispatchEvent(new CustomEvent("lab:welcome"));
  };

  function hush(now) {
    quiet = now;
    document.body.classList.toggle("lab-explained", !now);
    remember(QUIET, now ? "1" : null);
  }
  $(".spoken").checked = !quiet;
  $(".spoken").onchange = (event) => hush(!event.target.checked);
  hush(quiet);
  makeBubble($(".bubble"), wanted);
  makeChanges($(".changed"), wanted);
}
