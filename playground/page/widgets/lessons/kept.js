/* Kept: what a learner has answered, in this window until it is closed, and the file of it to hand in. */

import { announce, text } from "../lib/words.js";
import { make } from "./make.js";

const KEY = "lab-answers";

/** Gives a file to the person. @param {Blob} blob */
export function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A file's name, without its ending, of what somebody wrote. */
export const stem = (...parts) =>
  parts.map((part) => part.trim().replace(/[^\p{L}\p{N}.-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 60)).filter(Boolean).join("_");

/** @param {import("../lib/widgets.js").Ui} ui */
export function makeKept(ui) {
  /** @type {any[]} */
  const answers = JSON.parse(sessionStorage.getItem(KEY) || "[]");
  let name = "";
  let awaited = null; // the last file asked for

  /** The last answer to a question counts; the server puts it into the files of the runs, too. */
  function note(answer) {
    const same = (one) => one.lesson === answer.lesson && one.query === answer.query && one.step === answer.step;
    const place = answers.findIndex(same);
    if (place < 0) answers.push(answer);
    else answers[place] = answer;
    sessionStorage.setItem(KEY, JSON.stringify(answers));
    ui.trigger("answered", { answers });
  }

  /** A place to save them as a file, if there are any. */
  function offer(host) {
    if (!answers.length) return;
    const form = make("form", "", host, { className: "handing" });
    const lessons = new Set(answers.map((one) => one.title));
    make("p", text("Your answers: {count}, of {lessons}.", { count: answers.length, lessons: [...lessons].join(", ") }), form);
    const label = make("label", text("Your name, for the file"), form);
    const field = make("input", "", label, { type: "text", value: name, maxLength: 60, className: "wide", autocomplete: "off" });
    make("button", text("Save my answers"), form, { className: "choice" });
    make("button", text("Forget them"), form, { type: "button", className: "choice", onclick: () => (forget(), form.remove()) });
    form.onsubmit = (event) => {
      event.preventDefault();
      name = field.value;
      awaited = stem(name || text("answers"), lessons.size === 1 ? [...lessons][0] : "");
      ui.trigger("hand_in", { answers });
    };
  }

  function forget() {
    answers.length = 0;
    sessionStorage.removeItem(KEY);
    ui.trigger("answered", { answers });
  }

  ui.watch("value", () => {
    const { file } = ui.props.value || {};
    if (!file || !awaited) return;
    download(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }), `${awaited}.json`);
    awaited = null;
    announce(text("Your answers are saved."));
  });
  if (answers.length) ui.trigger("answered", { answers }); // the page was loaded anew
  return { note, offer };
}
