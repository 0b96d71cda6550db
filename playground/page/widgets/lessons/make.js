import { write } from "../lib/words.js";

/** An element with words in it, at the end of `parent`, and properties. */
export function make(tag, words, parent, properties = {}) {
  const made = document.createElement(tag);
  if (words) write(made, words);
  Object.assign(made, properties);
  parent.append(made);
  return made;
}
