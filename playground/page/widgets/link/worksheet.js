/* Worksheet: what a teacher's link hides and locks, parts of widgets marked data-setting="name" too. */

import * as clock from "../lib/clock.js";
import { frame } from "../lib/input.js";
import { follow, get, state } from "../lib/settings.js";
import { text } from "../lib/words.js";

/** Buttons of tabs that a narrow page keeps in a menu; they have nothing but their words. @returns {HTMLElement[]} */
export const inMenu = () => Array.from(document.querySelectorAll(".overflow-dropdown button"));

/** @param {Record<string, string>} tabs name → title */
export function makeWorksheet(tabs) {
  const style = document.createElement("style");
  document.head.append(style);
  let locked = new Set(); // names of settings
  let hidden = new Set(); // the words on tabs
  let watcher = null;

  /** What no style can reach: parts of widgets that are locked, hidden tabs in the menu of a narrow page. */
  function apply() {
    for (const part of /** @type {any} */ (document.querySelectorAll("[data-setting]"))) {
      part.inert = locked.has(part.dataset.setting);
      part.classList.toggle("lab-locked", part.inert);
    }
    for (const { tab, name } of state.controls) {
      const part = document.getElementById(`${tab}-${name}`);
      const mark = part && part.querySelector(":scope > .lab-lock");
      if (!part || Boolean(mark) === locked.has(name)) continue;
      part.classList.toggle("lab-locked", !mark);
      if (mark) mark.remove();
      else part.append(badge());
    }
    for (const part of /** @type {any} */ (document.querySelectorAll("[class*=lab-sets-]"))) {
      part.disabled = part.inert = [...locked].some((name) => part.classList.contains(`lab-sets-${name}`));
    }
    for (const one of inMenu()) one.style.display = hidden.has(one.textContent.trim()) ? "none" : "";
  }

  function badge() {
    const mark = document.createElement("span");
    mark.className = "lab-lock";
    mark.textContent = text("locked by the link");
    return mark;
  }

  /** Does so now and, while there is anything of the kind, whenever the page changes. */
  function keep() {
    apply();
    const wanted = locked.size + hidden.size > 0;
    if (wanted && !watcher) {
      watcher = new MutationObserver(frame(apply));
      watcher.observe(document.body, { childList: true, subtree: true });
    } else if (!wanted && watcher) {
      watcher.disconnect();
      watcher = null;
    }
  }

  /** Hides settings and tabs, and shows all others. @param {string[]} names */
  function hide(names) {
    const targets = names.flatMap((name) => [
      `[data-setting="${name}"]`,
      `.lab-sets-${name}`,
      ...state.controls.filter((control) => control.name === name).map((control) => `#${control.tab}-${name}`),
      `[role="tab"][data-tab-id="${name}"]`,
    ]);
    style.textContent = targets.length ? `${targets.join(",")}{display:none !important}` : "";
    hidden = new Set(names.filter((name) => tabs[name]).map((name) => text(tabs[name])));
    keep();
  }

  /** Locks settings, and unlocks all others. @param {string[]} names */
  function lock(names) {
    const before = locked;
    locked = state.locked = new Set(names);
    state.controls.forEach((control, index) => {
      const now = locked.has(control.name);
      if (now !== before.has(control.name)) state.patches.set(index, { interactive: !now });
    });
    if (state.patches.size) follow();
    clock.hold(locked.has("t") ? Number(get("t")) : null);
    keep();
  }

  /** Whether a tab is hidden. @param {string} name */
  const hides = (name) => name in tabs && hidden.has(text(tabs[name]));

  return { hide, hides, lock };
}
