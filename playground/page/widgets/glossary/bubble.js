/* Bubble: what a symbol or a control means, beside it: when it is pointed at, tapped, or has the keyboard's focus for a while.
 *
 * A symbol says by data-explain which entry it is; a control is known by its id, "tab-name". Nothing of it is in the way:
 * no key is taken but Escape, no place is taken, and a control that is used closes it.
 */

import { state } from "../lib/settings.js";
import { glossary, load, told } from "./terms.js";

const POINTED = 350; // ms that a pointer rests on a term
const FOCUSED = 800; // and the focus of the keyboard on a control
const LEFT = 220; // and that the pointer may take from the term to the bubble

/**
 * @param {HTMLElement} bubble
 * @param {() => boolean} wanted whether it is to appear
 */
export function makeBubble(bubble, wanted) {
  let anchor = null; // what it explains now
  let byFocus = false; // because the keyboard's focus is there: no pointer that passes by closes it
  let pointing = 0; // the timers of pointer and focus: neither stops the other
  let focusing = 0;
  let controls = null; // id of a control → name of its setting

  function setting(node) {
    controls ||= new Map(state.controls.map(({ tab, name }) => [`${tab}-${name}`, name]));
    for (let one = node; one; one = one.parentElement) if (controls.has(one.id)) return { block: one, name: controls.get(one.id) };
    return null;
  }

  /** Of what is under the pointer or has the focus: where it stands, and its entry; null where nothing is explained. */
  function found(target, focused = false) {
    if (!(target instanceof Element) || bubble.contains(target)) return null;
    const marked = /** @type {HTMLElement} */ (target.closest("[data-explain]"));
    if (marked) return glossary.terms[marked.dataset.explain] ? { at: marked, key: marked.dataset.explain } : null;
    const title = target.closest('[data-testid="block-info"]') || (focused ? target : target.closest("label"));
    const control = title && setting(title);
    const key = control && glossary.settings[control.name];
    if (!key) return null;
    const label = control.block.querySelector('[data-testid="block-info"]');
    if (label && !focused && !label.contains(target)) return null; // a choice of the control, not its title
    return { at: label || title, key };
  }

  function show({ at, key }) {
    if (!wanted() || !at.isConnected) return;
    hide();
    const [head, body] = told(glossary.terms[key]);
    bubble.replaceChildren(head, ...body);
    bubble.hidden = false;
    bubble.dataset.term = key;
    anchor = at;
    at.closest("[title]")?.removeAttribute("title"); // the browser would say a part of it once more
    if (at.matches("button, [tabindex]")) describe(at, key);
    const { left, top, bottom } = at.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = bubble;
    const beside = left > innerWidth / 2 && left - width - 28 > 0;
    const x = beside ? left - width - 20 : Math.min(Math.max(12, left), innerWidth - width - 12);
    const over = top - height - 8 > 8 && (innerWidth < 821 || bottom + height + 8 > innerHeight);
    const y = beside ? Math.min(top - 10, innerHeight - height - 12) : over ? top - height - 8 : Math.min(bottom + 8, innerHeight - height - 8);
    bubble.style.transform = `translate(${Math.round(x)}px, ${Math.round(Math.max(8, y))}px)`;
  }
  function hide() {
    clearTimeout(pointing);
    clearTimeout(focusing);
    bubble.hidden = true;
    anchor = null;
    byFocus = false;
  }

  /** A screen reader says what the focused one means, whether the bubble is seen or not. */
  function describe(node, key) {
    const id = `explained-${key}`;
    if (!document.getElementById(id)) {
      const words = document.createElement("span");
      words.id = id;
      words.hidden = true;
      words.textContent = told(glossary.terms[key])[1][0].textContent;
      bubble.parentElement.append(words);
    }
    const ids = (node.getAttribute("aria-describedby") || "").split(" ").filter(Boolean);
    if (!ids.includes(id)) node.setAttribute("aria-describedby", [...ids, id].join(" "));
  }

  function soon(what, ms) {
    clearTimeout(pointing);
    pointing = setTimeout(what, ms);
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    if (bubble.contains(/** @type {Node} */ (event.target))) return clearTimeout(pointing);
    const term = found(event.target);
    if (term && term.at === anchor) return clearTimeout(pointing);
    if (term) soon(() => show(term), POINTED);
    else if (anchor && !byFocus) soon(hide, LEFT);
    else clearTimeout(pointing);
  });
  document.addEventListener("click", (event) => {
    const touched = /** @type {PointerEvent} */ (event).pointerType === "touch";
    const term = touched && found(event.target);
    if (!term) return anchor && !bubble.contains(/** @type {Node} */ (event.target)) && hide();
    if (term.at === anchor) return hide();
    if (!term.at.closest("button") && !term.at.parentElement.querySelector("input[type=checkbox]")) event.preventDefault(); // a label would open its box
    show(term);
  }, true);
  document.addEventListener("focusin", (event) => {
    const term = found(event.target, true);
    if (!term) return anchor && hide();
    describe(event.target, term.key);
    if (!(/** @type {Element} */ (event.target).matches(":focus-visible"))) return;
    clearTimeout(focusing);
    focusing = setTimeout(() => (show(term), (byFocus = true)), FOCUSED);
  });
  document.addEventListener("focusout", () => (clearTimeout(focusing), anchor && soon(hide, LEFT)));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && anchor) event.stopPropagation(); // a lesson beside it stays open
    if (!["Tab", "Shift"].includes(event.key)) hide();
  }, true);
  document.addEventListener("pointerdown", (event) => event.pointerType === "mouse" && !bubble.contains(/** @type {Node} */ (event.target)) && hide(), true);
  document.addEventListener("scroll", (event) => anchor && event.target !== bubble && hide(), true);
  load().catch(console.error);
}
