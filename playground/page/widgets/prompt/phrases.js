/* Phrases of a prompt: which of a model's are in it, adding and taking away, and which exclude one another.
 *
 * A phrase is one word or several ("glasses", "red hair"). As in the captions, phrases that end in the same word share it:
 * "long red hair" says "long hair" and "red hair". Prompts are handled as lists of words here.
 */

// letters and digits; a flag; any other sign, with what makes one emoji of several characters
const WORD = /[\p{L}\p{N}]+|[\u{1f1e6}-\u{1f1ff}]{2}|[^\p{L}\p{N}_\s](?:[\ufe0f\u{1f3fb}-\u{1f3ff}]|\u200d[^\p{L}\p{N}_\s])*/gu;
const MEANT = /^[\p{L}\p{N}\p{So}\p{Sm}\p{Sc}]|^[#*&]$/u; // punctuation is not

/** Lower-case words of a prompt, symbols too, as conditioning.split_words does it. */
export const splitWords = (text) =>
  (text.toLowerCase().replace(/[’']/g, "").match(WORD) || []).filter((word) => MEANT.test(word));

/**
 * Where a phrase stands in a prompt: the places of its words before the last, and of the last; null if it does not.
 * Between "long" and "hair" there may be words that form a phrase with "hair" too.
 */
function found(words, phrase, phrases) {
  const parts = phrase.split(" ");
  const last = parts.pop();
  const before = parts.join(" ");
  for (let place = 0; place < words.length; place++) {
    if (words[place] !== last) continue;
    if (!before) return { first: place, count: 0, last: place };
    for (let at = place - parts.length; at >= 0; at--) {
      if (words.slice(at, at + parts.length).join(" ") === before) return { first: at, count: parts.length, last: place };
      const passed = words[at + parts.length - 1];
      if (!phrases.has(`${passed} ${last}`)) break;
    }
  }
  return null;
}

/** The phrases, of a Set, that a prompt says. */
export function phrasesIn(prompt, phrases) {
  const words = splitWords(prompt);
  return [...phrases].filter((phrase) => found(words, phrase, phrases));
}

function without(words, phrase, phrases) {
  const place = found(words, phrase, phrases);
  if (!place) return words;
  const last = words[place.last];
  const left = words.filter((_, k) => k < place.first || k >= place.first + place.count);
  const end = place.last - place.count;
  // The shared last word goes too, unless something else needs it: another phrase that ends in it, or itself.
  const needed = place.count && (phrases.has(last) || phrases.has(`${left[end - 1]} ${last}`));
  return needed ? left : left.filter((_, k) => k !== end);
}

function within(words, phrase, phrases) {
  const parts = phrase.split(" ");
  const last = parts.pop();
  const place = words.lastIndexOf(last);
  const shared = parts.length && place >= 0 && (phrases.has(last) || phrases.has(`${words[place - 1]} ${last}`));
  return shared ? [...words.slice(0, place), ...parts, ...words.slice(place)] : [...words, ...parts, last];
}

/** The prompt without a phrase that it says; or with one that it does not, in place of those that exclude it. */
export function toggled(prompt, phrase, phrases, exclusive) {
  let words = splitWords(prompt);
  if (found(words, phrase, phrases)) return without(words, phrase, phrases).join(" ");
  for (const other of phrasesIn(prompt, phrases)) {
    if (exclusive.some((group) => group.includes(phrase) && group.includes(other))) words = without(words, other, phrases);
  }
  return within(words, phrase, phrases).join(" ");
}

/** Pairs of phrases of a prompt of which one excludes the other. */
export function conflicts(prompt, phrases, exclusive) {
  const said = phrasesIn(prompt, phrases);
  return said.flatMap((one, k) =>
    said.slice(k + 1).flatMap((other) => (exclusive.some((group) => group.includes(one) && group.includes(other)) ? [[one, other]] : [])),
  );
}
