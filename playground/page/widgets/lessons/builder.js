/* Builder: a worksheet out of the page as it is set: what is locked and hidden, what is asked; its link and its QR code. */

import { query } from "../lib/address.js";
import { hears } from "../lib/page.js";
import * as settings from "../lib/settings.js";
import { announce, text } from "../lib/words.js";
import { make } from "./make.js";

const { state } = settings;
/** What a teacher has begun, kept while the page is open. */
const draft = {
  title: "",
  uses: new Map(), // setting → "lock" or "hide"
  tabs: new Set(), // hidden ones
  questions: [blank()],
};

function blank() {
  return { ask: "", choices: "", answer: "", tolerance: "" };
}

const lines = (choices) => choices.split("\n").map((line) => line.trim()).filter(Boolean);

/** Settings that have a control, or a part of a widget, in the tab that is open: their names in the page's order. */
function inTab(tab) {
  const named = new Set(state.controls.filter((control) => control.tab === tab).map((control) => control.name));
  for (const part of /** @type {any} */ (document.querySelectorAll("[data-setting]")))
    if (part.closest("[role=tabpanel]")?.offsetParent && state.table.includes(part.dataset.setting)) named.add(part.dataset.setting);
  return state.table.filter((name) => named.has(name));
}

/**
 * @param {HTMLElement} host
 * @param {import("../lib/widgets.js").Ui} ui
 */
export async function builder(host, ui) {
  const named = await ui.server._named(null);
  /** Whether a knob belongs to what is chosen: the others are not in the page. */
  const used = (name) => !named[name][1].length || ["schedule", "sampler"].some((one) => named[name][1].includes(settings.get(one)));
  const { tabs } = state;
  const form = make("form", "", host, { className: "builder" });
  make("p", text("Set the page as your class shall find it. Then say what it can change, and what you ask."), form);
  const title = field(form, text("Title"), draft.title, (value) => (draft.title = value));
  title.placeholder = text("Worksheet");

  // What is locked and hidden: the settings of the open tab, and whole tabs.
  const uses = make("details", "", form, { open: true });
  const heading = make("summary", "", uses);
  const table = make("div", "", uses, { className: "uses" });
  function list() {
    const tab = state.tab || "noise";
    const names = inTab(tab).filter(used);
    heading.textContent = text("Controls of “{tab}”", { tab: text(tabs[tab]) });
    table.dataset.tab = tab;
    table.replaceChildren();
    const all = row(text("All of them"), "", (use) => (names.forEach((name) => mark(name, use)), list()), table);
    all.classList.add("every");
    for (const name of names) row(text(named[name][0]), draft.uses.get(name) || "", (use) => mark(name, use), table);
  }
  function mark(name, use) {
    use ? draft.uses.set(name, use) : draft.uses.delete(name);
  }
  list();
  hears(form, "lab:opened", () => state.tab !== table.dataset.tab && list());

  const hiding = make("details", "", form);
  make("summary", text("Tabs"), hiding);
  const boxes = make("div", "", hiding, { className: "tabs" });
  for (const [name, words] of Object.entries(tabs)) {
    const label = make("label", "", boxes);
    const box = make("input", "", label, { type: "checkbox", checked: !draft.tabs.has(name) });
    box.onchange = () => void (box.checked ? draft.tabs.delete(name) : draft.tabs.add(name));
    label.append(` ${text(words)}`);
  }

  const questions = make("div", "", form, { className: "questions" });
  function ask() {
    questions.replaceChildren();
    draft.questions.forEach((one, k) => question(one, k));
    make("button", text("One more question"), questions, {
      type: "button", className: "choice", onclick: () => (draft.questions.push(blank()), ask()),
    });
  }
  function question(one, k) {
    const group = make("fieldset", "", questions);
    make("legend", text("Question {number}", { number: k + 1 }), group);
    area(group, text("What you ask"), one.ask, (value) => (one.ask = value));
    area(group, text("Choices, one in each line; leave it empty for a written answer"), one.choices, (value) => ((one.choices = value), expected()));
    const place = make("div", "", group);
    function expected() {
      const given = lines(one.choices);
      place.replaceChildren();
      if (given.length) {
        const label = make("label", text("The answer"), place);
        const select = make("select", "", label);
        select.append(new Option(text("none is right or wrong"), ""), ...given.map((words) => new Option(words, words)));
        select.value = given.includes(one.answer) ? one.answer : "";
        select.onchange = () => (one.answer = select.value);
      } else {
        field(place, text("The answer; leave it empty to note whatever comes"), one.answer, (value) => (one.answer = value));
        field(place, text("For a number: ± how much"), one.tolerance, (value) => (one.tolerance = value)).inputMode = "decimal";
      }
    }
    expected();
    if (draft.questions.length > 1) {
      make("button", text("Remove"), group, { type: "button", className: "choice", onclick: () => (draft.questions.splice(k, 1), ask()) });
    }
  }
  ask();

  const look = make("label", "", form);
  const projector = make("input", "", look, { type: "checkbox" });
  look.append(` ${text("for a projector")}`);
  make("button", text("Make the link"), form, { className: "choice make" });
  const made = make("div", "", host, { className: "made", role: "status" });

  form.onsubmit = async (event) => {
    event.preventDefault();
    const asked = draft.questions.filter((one) => one.ask.trim());
    const given = asked.map((one) => ({ ...one, ask: [one.ask.replace(/\s*\n\s*/g, " ").trim(), ...lines(one.choices)].join("\n") }));
    const url = new URL(location.origin + location.pathname);
    url.search = query("", state.table, state.tab, { seed: settings.get("seed"), ...state.values });
    const open = state.tab;
    const [hide, lock] = ["hide", "lock"].map((use) => [...draft.uses].filter(([, one]) => one === use).map(([name]) => name));
    hide.push(...[...draft.tabs].filter((name) => name !== open));
    const rest = Object.entries({ hide: hide.join(","), lock: lock.join(","), worksheet: draft.title.trim() || text("Worksheet") });
    if (projector.checked) rest.push(["projector", "1"]);
    const answer = await ui.server._made({ address: url.href, rest: rest.filter(([, value]) => value), questions: given });
    show(made, answer);
  };
}

/** The link, to be copied, opened and shown to a room. */
function show(host, { link, code, error, message }) {
  host.replaceChildren();
  if (error) return void make("p", error, host, { role: "alert" });
  const field = make("input", "", host, { type: "text", value: link, readOnly: true, className: "wide" });
  field.setAttribute("aria-label", text("Link of the worksheet"));
  const row = make("div", "", host, { className: "row" });
  const copy = async () => {
    field.select();
    await navigator.clipboard?.writeText(link).catch(() => {});
    announce(text("The link is copied."));
  };
  make("button", text("Copy link"), row, { type: "button", onclick: copy });
  make("a", text("Open it as your class will"), row, { href: link, target: "_blank", rel: "noopener" });
  if (message) make("p", message, host);
  if (!code) return;
  const picture = { src: code, alt: text("QR code of the link"), className: "code" };
  const large = make("button", "", host, { type: "button", className: "enlarge", title: text("Show it large") });
  make("img", "", large, picture);
  large.onclick = () => {
    const dialog = make("dialog", "", host, { className: "large" });
    make("img", "", dialog, picture);
    make("button", text("Close"), dialog, { type: "button", className: "choice", onclick: () => dialog.close() });
    dialog.onclose = () => (dialog.remove(), large.focus());
    dialog.showModal();
  };
  field.scrollIntoView({ block: "nearest" });
}

function field(host, words, value, heard) {
  const look = { type: "text", value, maxLength: 200, className: "wide", autocomplete: "off" };
  return make("input", "", make("label", words, host), { ...look, oninput: (event) => heard(event.target.value) });
}

function area(host, words, value, heard) {
  const label = make("label", words, host);
  return make("textarea", "", label, { value, rows: 2, maxLength: 500, className: "wide", oninput: (event) => heard(event.target.value) });
}

/** A setting and what becomes of it. */
function row(words, use, chosen, host) {
  const label = make("label", "", host);
  make("span", words, label);
  const select = make("select", "", label);
  select.append(new Option(text("free"), ""), new Option(text("locked"), "lock"), new Option(text("hidden"), "hide"));
  select.value = use;
  select.onchange = () => chosen(select.value);
  return label;
}
