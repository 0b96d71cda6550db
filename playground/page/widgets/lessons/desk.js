/* Desk: the files that learners have handed in, looked at again by the server and laid side by side. */

import { text } from "../lib/words.js";
import { download } from "./kept.js";
import { make } from "./make.js";

/** What of a file the server needs: the pictures of a run's steps stay here. */
function thin(content) {
  const pictures = Array.isArray(content?.pictures) ? content.pictures : [];
  return pictures.some((one) => one && "steps" in one)
    ? { answers: content.answers, pictures: pictures.map((one) => ({ settings: one.settings, sha256: one.sha256 })) }
    : content;
}

/** Of dropped files those that hold answers, as {name, content}. @param {Iterable<File>} files */
export async function withAnswers(files) {
  const found = [];
  for (const file of files) {
    if (!/\.json$/i.test(file.name) || file.size > 20_000_000) continue;
    const content = await file.text().then(JSON.parse).catch(() => null);
    if (content?.answers) found.push({ name: file.name, content: thin(content) });
  }
  return found;
}

const files = []; // those that were looked at, while the page is open

/**
 * @param {HTMLElement} host
 * @param {import("../lib/widgets.js").Ui} ui
 * @param {{name: string, content: any}[]} given
 */
export async function desk(host, ui, given = []) {
  make("p", text("Drop the files of your class here or anywhere on the page, many at once. Nothing of them is kept on the server."), host);
  const label = make("label", text("Files of answers"), host);
  const input = make("input", "", label, { type: "file", multiple: true, accept: ".json", className: "wide" });
  const place = make("div", "", host, { className: "answers", role: "status" });
  input.onchange = async () => add(await withAnswers(input.files), input.files.length);
  async function add(more, count) {
    for (const one of more) {
      const at = files.findIndex((other) => other.name === one.name);
      if (at < 0) files.push(one);
      else files[at] = one;
    }
    await look(count - more.length);
  }
  async function look(strange) {
    const asked = { files, language: document.documentElement.lang, query: location.search };
    const found = files.length ? (await ui.server._looked(asked)).files : [];
    place.replaceChildren();
    if (strange) make("p", text("Files without answers: {count}.", { count: strange }), place);
    for (const { error } of found) if (error) make("p", error, place);
    const rows = found.flatMap(({ name, rows: told = [] }) => told.map((row) => ({ ...row, file: name })));
    if (!rows.length) return;
    const large = make("button", text("Show the table"), place, { type: "button", className: "choice" });
    large.onclick = () => show(place, rows);
    for (const row of rows) make("p", `${row.file}: ${row.title}, ${score(row)}`, place);
    if (given.length) show(place, rows);
  }
  await add(given, given.length);
}

const judged = ({ answers }) => answers.filter(({ right }) => right !== null);
const score = (row) =>
  judged(row).length
    ? text("{right} of {count} right", { right: judged(row).filter(({ right }) => right).length, count: judged(row).length })
    : text("{count} answers", { count: row.answers.length });
const mark = (right) => (right === null ? "·" : right ? "✓" : "✗");
const fits = ({ fits, other, amiss }) =>
  other ? text("another worksheet") : fits === null ? text("free") : fits ? text("they fit")
    : amiss.map(([name, wanted, found]) => text("{name}: {found} in place of {wanted}", { name, wanted, found })).join("; ");
const measured = (one) => Object.entries(one.measured).map(([name, value]) => `${name} = ${value}`).join(", ");
const seeds = ({ runs }) => [...new Set(runs.map(({ seed }) => seed))].join(", ");

/** The table, as large as the window. */
function show(host, rows) {
  const dialog = make("dialog", "", host, { className: "large sheet" });
  dialog.setAttribute("aria-label", text("Answers"));
  const table = make("table", "", make("div", "", dialog, { className: "scroll", tabIndex: 0 }));
  const head = make("tr", "", make("thead", "", table));
  const titles = [text("File"), text("Lesson"), text("Result"), text("Answers"), text("Settings"), text("Runs by seed"), text("File unchanged")];
  for (const words of titles) make("th", words, head).scope = "col";
  const body = make("tbody", "", table);
  for (const row of rows) {
    const line = make("tr", "", body);
    make("th", row.file, line).scope = "row";
    make("td", row.title, line);
    make("td", score(row), line);
    const list = make("ol", "", make("td", "", line));
    for (const one of row.answers) {
      const item = make("li", "", list);
      make("span", `${mark(one.right)} `, item);
      make("span", one.asked, item, { className: "asked" });
      if (one.given) make("b", ` ${one.given}`, item);
      if (measured(one)) make("small", ` ${measured(one)}`, item);
    }
    make("td", fits(row), line);
    const runs = make("td", "", line);
    for (const { seed, settings } of row.runs) {
      make("a", seed || "–", runs, { href: `?${new URLSearchParams(settings)}`, target: "_blank", rel: "noopener", title: text("Make it again") });
      runs.append(" ");
    }
    make("td", row.sealed ? text("yes") : text("no"), line);
  }
  const buttons = make("div", "", dialog, { className: "row" });
  make("button", text("Save as CSV"), buttons, { type: "button", className: "choice", onclick: () => download(csv(rows, titles), "answers.csv") });
  make("button", text("Close"), buttons, { type: "button", className: "choice", onclick: () => dialog.close() });
  dialog.onclose = () => dialog.remove();
  dialog.showModal();
}

/** A line a file and lesson, for a spreadsheet; what would be taken there for a formula is text. */
function csv(rows, titles) {
  const cell = (words) => `"${String(words).replace(/^([=+@-])/, "'$1").replaceAll('"', '""')}"`;
  const told = ({ answers }) => answers.map((one) => `${mark(one.right)} ${one.asked} ${one.given}`).join(" | ");
  const lines = rows.map((row) => [row.file, row.title, score(row), told(row), fits(row), seeds(row), row.sealed ? "yes" : "no"]);
  return new Blob(["\ufeff", [titles, ...lines].map((line) => line.map(cell).join(",")).join("\r\n")], { type: "text/csv" });
}
