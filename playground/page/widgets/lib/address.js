/* Address: settings as a link writes them. Pure, but for `write`. */

/** A setting's value as a link writes it; the counterpart of settings.as_text. */
export const asText = (value) =>
  Array.isArray(value) ? value.join(",") : typeof value === "number" ? String(+value.toPrecision(10)) : String(value);

/**
 * The query of a link: tab and settings in the table's order, then what else the address had, commas kept readable.
 * @param {string} search the address's query as it is
 * @param {string[]} table names of all settings, in order
 * @param {string | null} tab
 * @param {Record<string, any>} values
 */
export function query(search, table, tab, values) {
  const before = new URLSearchParams(search);
  const after = new URLSearchParams();
  if (tab) after.set("tab", tab);
  for (const name of table) if ((values[name] ?? null) !== null && name !== "tab") after.set(name, asText(values[name]));
  for (const [name, value] of before) if (name !== "tab" && !table.includes(name)) after.append(name, value);
  return after.toString().replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%3A/g, ":");
}

/** What the address says of a setting, a number where it is one; undefined where it says nothing. */
export function read(name) {
  const written = typeof location === "undefined" ? null : new URLSearchParams(location.search).get(name);
  if (written === null) return undefined;
  return written.trim() !== "" && Number.isFinite(Number(written)) ? Number(written) : written;
}

/** A step that the browser's Back undoes: the address as it is, with another tab. */
export function step(query) {
  if (typeof history === "undefined") return;
  const url = new URL(location.href);
  url.search = query(url.search);
  if (url.href !== location.href) history.pushState(history.state, "", url);
}

let writing = null;
/** The address becomes `query()` soon, at most three times a second (browsers ration replaceState). */
export function write(query) {
  if (writing || typeof history === "undefined") return;
  writing = setTimeout(() => {
    writing = null;
    const url = new URL(location.href);
    url.search = query(url.search);
    if (url.href === location.href) return;
    history.replaceState(history.state, "", url);
    // a Space is shown in a frame of huggingface.co, whose address bar follows if it is told
    if (window.parent !== window && /^https:\/\/huggingface\.co(\/|$)/.test(document.referrer)) {
      window.parent.postMessage({ queryString: url.search.slice(1), hash: "" }, "https://huggingface.co");
    }
  }, 300);
}
