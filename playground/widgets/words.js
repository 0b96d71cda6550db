/* Words: completion of a prompt from the model's vocabulary, and the words it does not know, named as they are typed. */
(function (Lab) {
  "use strict";

  /** Lower-case words of a prompt, as conditioning.split_words does it. */
  Lab.splitWords = (text) => text.toLowerCase().replace(/[’']/g, "").match(/[\p{L}\p{N}]+|[#*&]/gu) || [];

  /** The words of a prompt that a vocabulary (a Set) lacks, also in the singular. */
  Lab.unknownWords = function (text, vocabulary) {
    const knows = (word) => [word, word.replace(/s$/, ""), word.replace(/es$/, "")].some((form) => vocabulary.has(form));
    return [...new Set(Lab.splitWords(text).filter((word) => !knows(word)))];
  };

  /** Up to `count` words of the sorted list `words` that begin with the word being typed at the end of `text`. */
  Lab.completions = function (text, words, count = 8) {
    const typed = (text.toLowerCase().match(/[\p{L}\p{N}]+$/u) || [""])[0];
    if (!typed) return [];
    const found = words.filter((word) => word.startsWith(typed) && word !== typed);
    return found.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, count);
  };

  if (typeof module === "object" && module.exports) {
    module.exports = Lab;
    return;
  }

  Lab.define("words", function ({ element, props, watch }) {
    const chips = element.querySelector(".chips");
    const unknown = element.querySelector(".unknown");
    chips.setAttribute("aria-label", Lab.text("Suggestions"));
    let words = [];
    let vocabulary = new Set();
    let box = null;
    let settled = null; // what the box held when it got the focus: nothing to complete in that

    /** The prompt's own box: another component, found by its id. */
    function input() {
      if (box && box.isConnected) return box;
      box = document.querySelector(`#${props.value.box} :is(textarea, input)`);
      if (box) {
        box.addEventListener("input", show);
        box.addEventListener("focus", () => {
          settled = box.value;
          show();
        });
        box.addEventListener("keydown", (event) => {
          if (event.key !== "ArrowDown" || !chips.firstChild) return;
          event.preventDefault();
          chips.firstChild.focus();
        });
      }
      return box;
    }

    function write(text, more) {
      const target = input();
      if (!target) return;
      target.value = text;
      target.dispatchEvent(new Event("input", { bubbles: true }));
      target.dispatchEvent(new Event("change", { bubbles: true }));
      if (more) target.focus();
      settled = text;
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
      const text = box.value;
      const typing = document.activeElement === box && text !== settled;
      const found = typing ? Lab.completions(text, words) : [];
      const made = found.length
        ? found.map((word) => chip(word, () => write(text.replace(/[\p{L}\p{N}]+$/u, word) + " ", true)))
        : (props.value.examples || []).filter((example) => example !== text).map((example) => chip(example, () => write(example)));
      if (!found.length && props.value.limit && props.value.limit !== text) {
        const beyond = chip(props.value.limit, () => write(props.value.limit));
        beyond.classList.add("limit");
        beyond.title = Lab.text("Beyond this model: it averages the words, and loses which belongs to which.");
        made.push(beyond);
      }
      chips.replaceChildren(...made);
      const missing = words.length ? Lab.unknownWords(text, vocabulary).filter((word) => !found.some((known) => known.startsWith(word))) : [];
      unknown.textContent = missing.length ? Lab.text("Not among the model’s words: {words}", { words: missing.join(", ") }) : "";
    }

    function load() {
      words = (props.value && props.value.words) || [];
      vocabulary = new Set(words);
      setTimeout(show, 0); // the box may appear in the same breath
    }
    watch("value", load);
    load();
    const timer = setInterval(() => {
      if (!element.isConnected || (props.value && input())) clearInterval(timer);
      if (box) show();
    }, 200);
  });
})(typeof module === "object" && module.exports ? require("./lib.js") : window.Lab);
