/* Tasks: what a step of a lesson asks for, one function a kind.
 *
 * `about` is what a task has of the lesson: value(name) of a fact or a setting; wait(fn), which calls fn whenever something
 * may have changed; done(verdict, given, right) once the step is done; perform(parts) for “Show me”; mark(right).
 */

import { text } from "../lib/words.js";
import { apart, holds, isRight } from "./checks.js";
import { make } from "./make.js";
import { sketch } from "./sketch.js";

const help = (row, onclick) => make("button", text("Show me"), row, { type: "button", className: "help", onclick });

/** Something is to be done. */
function act(now, host, row, { value, wait, done, perform }) {
  make("p", now.do, host, { className: "do" });
  wait(() => holds(now.until, value) && done(text("Done."), "", null));
  help(row, () => perform(now.show));
}

/** One of several answers, right by what the page measures or as written. */
function choose(now, host, row, { value, wait, done, mark }) {
  const buttons = choices(now, host, (k, words) => {
    for (const other of buttons) other.disabled = true;
    buttons[k].classList.add("chosen");
    const known = () => now.choices.some(([, one]) => typeof one === "boolean" || one.every(([name]) => value(name) !== undefined));
    wait(() => {
      if (!known()) return;
      now.choices.forEach(([, one], j) => buttons[j].classList.toggle("right", isRight(one, value)));
      const right = isRight(now.choices[k][1], value);
      mark(right);
      done(text(right ? "Yes." : "That is what many expect. Look again:"), words, right, k);
    });
  });
}

function choices(now, host, chosen) {
  const group = make("fieldset", "", host);
  make("legend", now.ask, group);
  return now.choices.map((one, k) => {
    const words = Array.isArray(one) ? one[0] : one;
    return make("button", words, group, { type: "button", className: "choice", onclick: () => chosen(k, words) });
  });
}

/** A number that the page has measured, or will. */
function number(now, host, row, { value, wait, done }) {
  const [name, unit] = now.number;
  const form = make("form", "", host);
  const label = make("label", now.ask, form);
  const field = make("input", "", label, { type: "number", step: "any", required: true });
  make("span", ` ${unit} `, label);
  make("button", text("That is my guess"), form, { className: "choice" });
  form.onsubmit = (event) => {
    event.preventDefault();
    let measured = false;
    wait(() => {
      const truth = value(name);
      if (truth === undefined) return;
      measured = true;
      const near = Math.abs(Number(field.value) - truth) <= 0.1 * Math.max(1, Math.abs(truth));
      done(text(near ? "Very close: {truth}." : "It is {truth}.", { truth: Number(truth.toPrecision(4)) }), field.value, null);
    });
    if (!measured) make("p", text("The page measures it in your own run: start it."), form);
  };
}

/** A curve, before the true one is shown. */
function draw(now, host, row, { value, wait, done }) {
  const [name, x, y] = now.draw;
  make("p", now.ask, host, { className: "do" });
  wait(() => {
    const curve = value(name);
    if (!curve || host.querySelector("svg")) return;
    const drawing = sketch(host, curve, x, y);
    const compare = () => {
      drawing.reveal();
      const share = Math.round(100 * apart(drawing.points, curve));
      const drawn = drawing.points.map((point) => point.map((one) => +one.toPrecision(3)).join(" ")).join(", ");
      done(text("Your curve and the true one are {share} % of its height apart.", { share }), `${share} %: ${drawn}`, null);
    };
    make("button", text("That is my curve"), host, { type: "button", className: "choice", onclick: compare });
    help(row, () => drawing.show());
  });
}

/** A worksheet's question: the server knows whether an answer is right, and none is given away. */
function write(now, host, row, { done, mark }) {
  const verdict = make("p", "", host, { className: "verdict", role: "status" });
  let tries = 0;
  async function judge(given, button) {
    tries += 1;
    const { right = null, error } = now.open ? {} : await now.judge(given);
    if (error) return void (verdict.textContent = error);
    if (right !== null) mark(right);
    if (right === false) verdict.textContent = text("That is not what was expected. Look again, and try another.");
    else verdict.remove();
    button?.classList.add(right === false ? "chosen" : "right");
    if (right !== false) for (const one of host.querySelectorAll("button, input")) one.disabled = true;
    if (right === false) now.tried(given, tries);
    else done(text(right ? "Yes." : "It is noted."), given, right, null, tries);
  }
  if (now.choices.length) {
    const buttons = choices(now, host, (k, words) => ((buttons[k].disabled = true), judge(words, buttons[k])));
  } else {
    const form = make("form", "", host);
    const label = make("label", now.ask, form);
    const field = make("input", "", label, { type: "text", required: true, maxLength: 200, className: "wide", autocomplete: "off" });
    make("button", text("That is my answer"), form, { className: "choice" });
    form.onsubmit = (event) => {
      event.preventDefault();
      judge(field.value, null);
    };
  }
  host.append(verdict);
}

/** Builds what a step asks for, if it asks for anything. */
export function task(now, host, row, about) {
  if (now.do) act(now, host, row, about);
  else if (now.judge) write(now, host, row, about);
  else if (now.choices.length) choose(now, host, row, about);
  else if (now.number) number(now, host, row, about);
  else if (now.draw) draw(now, host, row, about);
}
