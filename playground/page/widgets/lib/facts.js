/* Facts: what the page has measured or done, by name. Widgets tell them; lessons hold them against what they ask for. */

/** Name, such as "noise.t" or "generate.nfe" → a number, a word, or a curve [[x, y], …]. @type {Map<string, any>} */
export const facts = new Map();

/** Tells a fact; whoever listens hears the window's event "lab:fact". */
export function tell(name, value) {
  facts.set(name, value);
  globalThis.dispatchEvent?.(new CustomEvent("lab:fact", { detail: { name, value } }));
}

/** One more of something that is counted. */
export const count = (name) => tell(name, (facts.get(name) || 0) + 1);
