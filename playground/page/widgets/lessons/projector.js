/* Projector: the page for a room. Large type, the picture as large as the screen allows, only what is needed to run it. */

import { shortcuts } from "../lib/settings.js";
import { text } from "../lib/words.js";

const NAME = "projector"; // in the address

/** @param {any} button shows that it is on */
export function makeProjector(button) {
  const on = () => document.body.classList.contains("lab-projector");

  function set(wanted) {
    document.body.classList.toggle("lab-projector", wanted);
    button.setAttribute("aria-pressed", String(wanted));
    button.textContent = wanted ? text("Leave (Esc)") : text("Projector");
    const url = new URL(location.href);
    wanted ? url.searchParams.set(NAME, "1") : url.searchParams.delete(NAME);
    if (url.href !== location.href) history.replaceState(history.state, "", url);
    window.dispatchEvent(new Event("resize")); // pictures and charts take the room that there is
  }

  /** Whether a key is for something else: a field, a dialog, the browser. */
  const elsewhere = ({ target, ctrlKey, metaKey, altKey }) =>
    ctrlKey || metaKey || altKey || target.isContentEditable || Boolean(target.closest("dialog")) ||
    (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(range|radio|checkbox|button)$/.test(target.type));

  document.addEventListener("keydown", (/** @type {any} */ event) => {
    if (event.defaultPrevented || !button.isConnected || elsewhere(event)) return;
    if (event.key === "p" || event.key === "P") set(!on());
    else if (event.key === "Escape" && on()) set(false);
  });
  button.title = text("For a projector: large type and pictures, few controls (P)");
  button.onclick = () => set(!on());
  shortcuts(["P", "Projector: large type and pictures, few controls; Esc leaves"]);
  set(new URLSearchParams(location.search).get(NAME) === "1");
  return { toggle: () => set(!on()) };
}
