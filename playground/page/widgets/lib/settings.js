/* Settings: what the page is set to, in all its tabs and in its address. */

const store = () => globalThis.Lab.settings;

/** The value in hand (a link's, before the server has checked it), or undefined. @param {string} name */
export const get = (name) => store().get(name);
/** Sets it: the address, controls of that name in every tab and whoever listens to the window's "lab:set" follow. */
export const put = (name, value, source) => store().put(name, value, source);
/** Several at once, and firmly: a sampler's change makes the server set its knobs to their defaults. */
export const restore = (values) => store().restore(values);
/** Adds rows [keys, what they do] to the list behind "?"; what they do is English, a key of the translations. */
export function shortcuts(...rows) {
  for (const row of rows) if (!globalThis.Lab.keys.some(([keys]) => keys === row[0])) globalThis.Lab.keys.push(row);
}
