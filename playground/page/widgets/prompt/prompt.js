/* Prompt: completion of a prompt from the model's vocabulary, and the words it does not know, named as they are typed.
 *
 * While a word is being typed the prompt is a combobox (WAI-ARIA's pattern with a list box): ↓ and ↑ go through the
 * list, Enter takes what is marked, Escape closes it. Otherwise there are examples, as buttons; and where the model says
 * what kinds of phrases it knows, these by kind, pressed where the prompt says them.
 */

import * as settings from "../lib/settings.js";
import { text } from "../lib/words.js";
import { conflicts, phrasesIn, splitWords, toggled } from "./phrases.js";

const EXAMPLES = 3; // beside the prompt; the next one comes when one of them is asked for

/** What a model may be asked for, by the kinds of its vocabulary.json. */
const kindTitle = (kind) =>
  ({
    hair: text("Hair"), face: text("Face"), extras: text("Extras"), clothes: text("Clothes"), background: text("Background"),
    words: text("Words"),
  })[kind] || kind; // prettier-ignore

/** The words of a prompt that a vocabulary (a Set) lacks, also in the singular. */
export function unknownWords(text, vocabulary) {
  const knows = (word) => [word, word.replace(/s$/, ""), word.replace(/es$/, "")].some((form) => vocabulary.has(form));
  return [...new Set(splitWords(text).filter((word) => !knows(word)))];
}

/** Up to `count` words of the sorted list `words` that begin with the word being typed at the end of `text`. */
export function completions(text, words, count = 8) {
  const typed = (text.toLowerCase().match(/[\p{L}\p{N}]+$/u) || [""])[0];
  if (!typed) return [];
  const found = words.filter((word) => word.startsWith(typed) && word !== typed);
  return found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, count);
}

export function mount({ element, props, trigger, watch }) {
  const chips = element.querySelector(".chips");
  const kinds = element.querySelector(".kinds");
  const bank = element.querySelector(".bank");
  const said = element.querySelector(".said");
  const unknown = element.querySelector(".unknown");
  const faces = element.appendChild(document.createElement("style"));
  chips.setAttribute("aria-label", text("Suggestions"));
  kinds.setAttribute("aria-label", text("Words by kind"));
  let words = [];
  let vocabulary = new Set();
  let phrases = new Set();
  let open = null; // the kind whose phrases are shown
  let box = null;
  let settled = null; // what the box held when it got the focus: nothing to complete in that
  let marked = -1; // the completion that Enter takes
  let seeking = null;
  let offered = ""; // what the chips are made from: as long as it is the same they stay, with the mark on them

  /** The prompt's own box: another component, found by its id. */
  function input() {
    if (box && box.isConnected) return box;
    box = document.querySelector(`#${props.value.box} :is(textarea, input)`);
    offered = "";
    if (box) {
      box.addEventListener("input", show);
      box.addEventListener("focus", () => {
        settled = box.value;
        show();
      });
      box.addEventListener("keydown", pressed);
      chips.id = `${props.value.box}-suggestions`;
      bank.id = `${props.value.box}-phrases`;
      const about = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": chips.id };
      for (const [name, value] of Object.entries(about)) box.setAttribute(name, value);
    }
    return box;
  }

  function pressed(event) {
    const open = box.getAttribute("aria-expanded") === "true"; // the list of completions
    const count = chips.children.length;
    if (event.isComposing || !count) return;
    if (open && event.key === "ArrowDown") mark(marked + 1 < count ? marked + 1 : -1);
    else if (open && event.key === "ArrowUp") mark(marked < 0 ? count - 1 : marked - 1);
    else if (open && event.key === "Enter" && marked >= 0) chips.children[marked].click();
    else if (open && event.key === "Escape") (settled = box.value), show();
    else if (event.key === "ArrowDown") chips.firstChild.focus();
    else return;
    event.preventDefault();
  }

  function mark(place) {
    marked = place;
    [...chips.children].forEach((option, k) => option.setAttribute("aria-selected", String(k === place)));
    if (place < 0) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", chips.children[place].id);
  }

  function write(prompt, more) {
    const target = input();
    if (!target) return;
    target.value = prompt;
    target.dispatchEvent(new Event("input", { bubbles: true }));
    target.dispatchEvent(new Event("change", { bubbles: true }));
    if (more) target.focus();
    settled = prompt;
    show();
  }

  function chip(label, write) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.onclick = write;
    return button;
  }

  function show() {
    if (!props.value || !input()) return;
    const prompt = box.value;
    const typing = document.activeElement === box && prompt !== settled;
    const found = typing ? completions(prompt, words) : [];
    const style = String(settings.get("style") ?? "");
    const offer = JSON.stringify([prompt, found, style, open, props.value]);
    if (offer === offered) return;
    offered = offer;
    const made = found.length
      ? found.map((word) => chip(word, () => write(prompt.replace(/[\p{L}\p{N}]+$/u, word) + " ", true)))
      : (props.value.examples || []).filter((example) => example !== prompt).slice(0, EXAMPLES).map((example) => chip(example, () => write(example)));
    if (!found.length && props.value.limit && props.value.limit !== prompt) {
      const beyond = chip(props.value.limit, () => write(props.value.limit));
      beyond.classList.add("limit");
      beyond.title = text("Beyond this model: it averages the words, and loses which belongs to which.");
      made.push(beyond);
    }
    chips.replaceChildren(...made);
    chips.setAttribute("role", found.length ? "listbox" : "group");
    box.setAttribute("aria-expanded", String(found.length > 0));
    box.removeAttribute("aria-activedescendant");
    if (found.length) {
      made.forEach((option, k) => Object.assign(option, { role: "option", id: `${chips.id}-${k}`, tabIndex: -1 }));
      mark(-1);
    }
    showKinds(prompt, style);
    said.textContent = whatIsAsked(prompt, style);
    const missing = words.length ? unknownWords(prompt, vocabulary).filter((word) => !found.some((known) => known.startsWith(word))) : [];
    unknown.textContent = missing.length ? text("Not among the model’s words: {words}", { words: missing.join(", ") }) : "";
  }

  /** The kinds of phrases, and those of the kind that is open, each pressed if the prompt says it. */
  function showKinds(prompt, style) {
    const known = props.value.kinds || {};
    const focused = /** @type {HTMLElement} */ (document.activeElement);
    const held = focused && element.contains(focused) && focused.dataset.key;
    kinds.replaceChildren(
      ...Object.keys(known).map((kind) => {
        const button = chip(kindTitle(kind), () => ((open = open === kind ? null : kind), show()));
        button.dataset.key = `kind ${kind}`;
        button.setAttribute("aria-expanded", String(open === kind));
        button.setAttribute("aria-controls", bank.id);
        return button;
      }),
    );
    const spoken = new Set(phrasesIn(prompt, phrases));
    const lacking = new Set((props.value.lacking || {})[style] || []);
    bank.replaceChildren(
      ...(known[open] || []).map((phrase) => {
        const button = chip(phrase, () => write(toggled(box.value, phrase, phrases, props.value.exclusive || [])));
        button.dataset.key = phrase;
        button.lang = "en";
        button.setAttribute("aria-pressed", String(spoken.has(phrase)));
        if (lacking.has(phrase)) {
          button.classList.add("lacking");
          button.title = text("No picture of this style shows it.");
        }
        return button;
      }),
    );
    const again = held && [...element.querySelectorAll("[data-key]")].find((button) => button.dataset.key === held);
    if (again) again.focus();
  }

  /** What a prompt leaves open altogether, or asks for twice. */
  function whatIsAsked(prompt, style) {
    if (!splitWords(prompt).length) {
      if (!style || !props.value.styles) return text("Nothing is asked for: the model draws without any condition.");
      return text("No words: any picture of this style.");
    }
    return conflicts(prompt, phrases, props.value.exclusive || [])
      .slice(0, 2)
      .map(([one, other]) => text("“{one}” and “{other}” exclude one another: no picture that the model has seen shows both.", { one, other }))
      .join(" ");
  }

  /** The styles' names stand under pictures of them, where there are some. */
  function pictureStyles() {
    const sheet = props.value && props.value.sheet;
    const count = props.value && props.value.styles;
    const picture = (k) =>
      `#${props.value.style} label:nth-of-type(${k + 1})::before { content: ""; --at: ${count > 1 ? (100 * k) / (count - 1) : 0}%; --faces: ${count}; --sheet: url("${sheet}"); }`;
    faces.textContent = sheet ? Array.from({ length: count }, (_, k) => picture(k)).join("\n") : "";
  }

  /** Another model is chosen, here, in another tab or by a link: the list of models itself may not be in the page. */
  function follow(name) {
    const before = props.value?.model;
    if (name !== undefined && before && String(name) !== before) trigger("follow", { model: String(name), before });
  }
  function chosen({ detail }) {
    if (!element.isConnected) return;
    if (detail.name === "checkpoint") follow(detail.value);
    if (detail.name === "style" && box) show();
  }
  window.addEventListener("lab:set", chosen);

  function load() {
    follow(settings.get("checkpoint"));
    words = (props.value && props.value.words) || [];
    vocabulary = new Set(words);
    phrases = new Set(Object.values((props.value && props.value.kinds) || {}).flat());
    pictureStyles();
    clearInterval(seeking); // the box appears after this, or comes back with a model that takes prompts
    seeking = setInterval(() => {
      if (!element.isConnected || (props.value && input())) clearInterval(seeking);
      if (box) show();
    }, 200);
    setTimeout(show, 0);
  }
  watch("value", load);
  load();
}
