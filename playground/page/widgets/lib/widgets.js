/* Widgets: how an instance comes to life when its tab is first opened. Called by the page's `lab` (widgets/served.py). */

import { load, text } from "./words.js";

/**
 * What Gradio gives a component, and what came before its script was there.
 * @typedef {object} Ui
 * @property {any} element the HTMLElement that Gradio made of NAME.html
 * @property {(event: string, data?: object) => void} trigger calls the component's listener in Python
 * @property {Record<string, any>} props value, and whatever else the widget was given
 * @property {Record<string, (argument: any) => Promise<any>>} server its server functions
 * @property {(file: File) => Promise<{path: string, url: string}>} upload
 * @property {(names: string | string[], heard: () => void) => void} watch
 * @property {any[]} early values that came while the script was loading, oldest first; the last one is props.value
 */

/**
 * The props of a widget, those that were too large to come with the page fetched from where they were put aside. One
 * that Python gives a new value has that.
 * @param {Record<string, any>} props
 */
async function fetched(props) {
  const kept = new Map();
  const fetches = Object.values(props).map(async (value) => {
    if (value?.put_aside) kept.set(value.put_aside, await (await fetch(new URL(value.put_aside, document.baseURI))).json());
  });
  await Promise.all(fetches);
  if (!kept.size) return props;
  return new Proxy(props, { get: (all, /** @type {string} */ name) => kept.get(all[name]?.put_aside) ?? all[name] });
}

/** Remembers which buttons are pressed while nothing answers them yet; what it returns presses each once more. */
function pressed(element) {
  const buttons = new Set();
  const note = (event) => buttons.add(event.target.closest("button"));
  element.addEventListener("click", note);
  return () => {
    element.removeEventListener("click", note);
    for (const button of buttons) button?.click();
  };
}

/**
 * Loads ../NAME/NAME.js and the reader's language, and starts the widget. What is pressed meanwhile is not lost.
 * @param {string} name
 * @param {Ui} ui
 * @param {string[]} locales
 */
export async function mount(name, ui, locales) {
  const again = pressed(ui.element);
  let widget, props;
  try {
    [widget, props] = await Promise.all([import(`../${name}/${name}.js`), fetched(ui.props), load(locales)]);
  } catch (error) {
    ui.element.textContent = text("This part of the page did not arrive. Load the page again.");
    throw error;
  }
  widget.mount({ ...ui, props });
  ui.element.dataset.mounted = name;
  again();
}
