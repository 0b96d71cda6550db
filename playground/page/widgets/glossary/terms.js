/* Terms: the glossary's entries, and how one is shown. */

import { node } from "../lib/page.js";
import { text } from "../lib/words.js";

/**
 * @typedef {{name: string, plain: string, symbol?: string, formula?: string, source?: string, code?: string, effect?: string}} Term
 * @type {{terms: Record<string, Term>, settings: Record<string, string>}}
 */
export let glossary = { terms: {}, settings: {} };
let loading = null;
/** Fetches them, once. */
export const load = () =>
  (loading ||= fetch(new URL("../glossary.json", import.meta.url))
    .then((answer) => answer.json())
    .then((found) => (glossary = found)));

/** "ᾱ_{t−1}^2" as pieces: {kind: "sub" | "sup" | "letter" | "plain", words}. Single letters are slanted, words are not. */
export function pieces(source) {
  const found = source.matchAll(/([_^])(?:\{([^}]*)\}|([\p{L}\p{N}]\p{M}*))|([A-Za-z]{2,})|(\p{L}\p{M}*)|([^\p{L}_^]+)/gu);
  return [...found].map(([, script, group, one, word, letter, rest]) =>
    script ? { kind: script === "_" ? "sub" : "sup", words: group ?? one } : { kind: letter ? "letter" : "plain", words: letter ?? word ?? rest },
  );
}

/** A formula into `host`. */
export function math(host, source) {
  for (const { kind, words } of pieces(source)) {
    if (kind === "plain") host.append(words);
    else if (kind === "letter") host.append(letter(words));
    else math(host.appendChild(node(kind)), words);
  }
  return host;
}

const OVER = { "\u0304": "¯", "\u0302": "ˆ", "\u0303": "˜" };
/** A letter, and what stands over it. */
function letter(words) {
  const [base, mark] = words.normalize("NFD");
  if (!OVER[mark]) return node("i", "", words);
  const made = node("i", "over", base);
  made.dataset.over = OVER[mark];
  return made;
}

/** "playground.predictions:q_sample" as a reader finds it. */
const place = (code) => `${code.split(":")[0].replace(/\./g, "/")} · ${code.split(":")[1]}`;

/** An entry's parts: [symbol and name, everything else]. @param {Term} term */
export function told(term) {
  const head = node("span", "head");
  if (term.symbol) math(head.appendChild(node("span", "lab-math")), term.symbol);
  head.append(node("span", "", text(term.name)));
  const body = [node("p", "", text(term.plain))];
  if (term.formula) body.push(math(node("p", "formula lab-math"), term.formula));
  const from = [];
  if (term.source) from.push(text("Source: {paper}", { paper: term.source }));
  if (term.code) from.push(text("In the code: {place}", { place: place(term.code) }));
  if (from.length) body.push(node("p", "from", from.join(" · ")));
  return [head, body];
}

/** Whether an entry is what somebody looks for, in either language. @param {Term} term */
export function fits(key, term, wanted) {
  const words = [key, term.symbol, term.name, text(term.name), text(term.plain), term.source].join(" ").toLowerCase();
  return wanted.toLowerCase().split(/\s+/).every((part) => words.includes(part));
}
