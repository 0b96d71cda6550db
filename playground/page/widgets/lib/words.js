/* Words: every sentence of the page in the reader's language, numbers as people write them, and what is said aloud. */

/** English sentence → the same in the page's language; empty where that is English. @type {Record<string, string>} */
let translation = {};
let loaded = null;

/** Of these locales the one that a language tag asks for, or undefined. */
export const localeFor = (tag, locales) =>
  locales.find((name) => name.toLowerCase() === tag.toLowerCase()) || locales.find((name) => name === tag.split("-")[0]);

/**
 * Fetches the words of the page's language, once; every widget waits for this before it starts. Gradio keeps the language
 * in document.documentElement.lang. Where they cannot be had, the page speaks English.
 * @param {string[]} locales the languages that there are translations for
 */
export function load(locales) {
  const locale = localeFor(document.documentElement.lang || "en", locales);
  document.documentElement.lang = locale || "en"; // what the text is, whatever the browser would like
  loaded ||= !locale
    ? Promise.resolve()
    : fetch(new URL(`../words/${locale}.json`, import.meta.url))
        .then((answer) => answer.json())
        .then((found) => (translation = found))
        .catch(console.error);
  return loaded;
}

/**
 * An English sentence in the reader's language; `{name}` in it is filled from `values`.
 * @param {string} english
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function text(english, values) {
  const template = translation[english] || english;
  return values ? template.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all)) : template;
}

/** A number for people: fixed digits, a true minus sign, ∞ spelled as such. */
export function number(x, digits = 2) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : x > 0 ? "∞" : "−∞";
  return x.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}
/** As `number`, with a plus sign on what is positive. */
export const signed = (x, digits = 2) => (x > 0 ? "+" : "") + number(x, digits);
/** A share 0…1 as "8 %"; near the ends "0.4 %" and "99.6 %", never a false "0 %" or "100 %". */
export function percent(share) {
  const p = 100 * share;
  if (p > 0 && p < 0.05) return "< 0.1 %";
  if (p > 99.95 && p < 100) return "> 99.9 %";
  return `${p.toFixed((p > 0 && p < 0.95) || (p > 99 && p < 100) ? 1 : 0)} %`;
}
/** A count of many digits, in groups of three as the page's language has them. */
export const thousands = (n) => Math.round(n).toLocaleString(document.documentElement.lang || "en");
/** The same with spaces, as in a formula. */
export const grouped = (n) => n.toLocaleString("en").replaceAll(",", " ");
export const decibels = (db) => `${number(db, 1)} dB`;

const INDEXED = /((?:^|[^A-Za-z])[A-Za-z\u0370-\u03ff\u1f00-\u1fff∇][\u0300-\u036f]*)_(\{[^}]*\}|[A-Za-z\u0370-\u03ff]+|\d+)/;
/** A sentence as [what stands on the line, what stands below it, …]: "x_t and x_{t−1}" has two indices. */
export const indexed = (sentence) => sentence.split(INDEXED).map((part) => part.replace(/^\{(.*)\}$/, "$1"));
/** Writes a sentence into an element, indices below the line. @param {Element} element @param {string} sentence */
export function write(element, sentence) {
  const [first, ...rest] = indexed(sentence);
  element.replaceChildren(first);
  for (let k = 0; k < rest.length; k += 3) {
    const low = document.createElement("sub");
    low.textContent = rest[k + 1];
    element.append(rest[k], low, rest[k + 2]);
  }
}

let announcer = null;
let pending = null;
let lastSaid = 0;
/** Say a text to a screen reader: politely, the last one only, at most once a second. */
export function announce(message) {
  if (!announcer || !announcer.isConnected) {
    announcer = document.createElement("div");
    announcer.id = "lab-announcer";
    announcer.setAttribute("role", "status");
    announcer.setAttribute("aria-live", "polite");
    announcer.style.cssText =
      "position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
    document.body.append(announcer);
  }
  const first = pending === null;
  pending = message;
  if (!first) return;
  setTimeout(() => {
    announcer.textContent = pending;
    lastSaid = Date.now();
    pending = null;
  }, Math.max(350, 1000 - (Date.now() - lastSaid)));
}
