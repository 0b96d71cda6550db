/* Link: the bar that shares, resets and explains what the page is set to (lib/settings.js). */

import { query } from "../lib/address.js";
import * as settings from "../lib/settings.js";
import { text } from "../lib/words.js";
import { inMenu, makeWorksheet } from "./worksheet.js";

const { state } = settings;

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const $ = (selector) => ui.element.querySelector(selector);
  const { table, controls, words, defaults, tabs } = ui.props.page;
  Object.assign(state, { table, controls, words, defaults, tabs });
  state.ask = () => ui.trigger("follow", {});
  const worksheet = makeWorksheet(tabs);

  $(".copy").textContent = text("Copy link");
  $(".reset").textContent = text("Reset");
  $(".reset").title = text("Set everything back to how the page starts");
  $(".reveal").textContent = text("Show all controls");
  $(".keys").setAttribute("aria-label", text("Keyboard shortcuts"));
  $(".close").textContent = text("Close");
  $(".address").setAttribute("aria-label", text("Link to this page as it is set"));
  $(".bar").setAttribute("aria-label", text("Share and reset"));

  let opening = null; // the tab that a link asks for, until it is open or a person does something
  let since = 0; // when something was said last
  let gone = false; // whether a person has pressed a tab
  const touch = (event) => {
    gone ||= Boolean(event.target.closest?.("[role=tab], .overflow-dropdown button"));
    if (Date.now() - since > 1500) $(".said").textContent = ""; // it has been seen
    opening = null;
    state.firm = {};
  };
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, touch, true);
  /** The button of a tab, which a narrow page may have in its menu. */
  const button = (name) => /** @type {HTMLElement} */ (
    document.querySelector(`[role="tab"][data-tab-id="${name}"]`) ||
    inMenu().find((one) => tabs[name] && one.textContent.trim() === text(tabs[name]))
  );
  /** Presses it as a person would; for a while again and again, as Gradio builds its tabs late and starts over. */
  function open(tries) {
    if (!opening || !tries) return;
    const found = button(opening);
    if (found && found.getAttribute("aria-selected") !== "true" && !found.matches(".selected")) found.click();
    setTimeout(() => open(tries - 1), 300);
  }

  // Back and Forward go through the tabs; the settings stay as they are.
  window.addEventListener("popstate", () => {
    const name = new URLSearchParams(location.search).get("tab") || Object.keys(tabs)[0];
    if (name === state.tab || !(name in tabs) || worksheet.hides(name)) return;
    opening = state.returning = name;
    open(20);
  });

  function say(words) {
    const said = $(".said");
    said.textContent = ""; // so that the same sentence is heard twice
    setTimeout(() => (said.textContent = words), 50);
    since = Date.now();
  }

  // ------------------------------------------------------------ buttons

  $(".reveal").onclick = () => {
    worksheet.hide([]);
    worksheet.lock([]);
    const url = new URL(location.href);
    for (const name of ["hide", "lock"]) url.searchParams.delete(name);
    url.search = query(url.search, table, state.tab, state.values);
    history.replaceState(history.state, "", url);
    $(".reveal").hidden = true;
    $(".copy").focus();
  };
  $(".copy").onclick = async () => {
    const url = new URL(location.href);
    url.search = query(url.search, table, state.tab, { seed: settings.get("seed"), ...state.values });
    const address = $(".address");
    address.value = url.href;
    try {
      await navigator.clipboard.writeText(url.href);
      say(text("The link is copied."));
      address.hidden = true;
    } catch {
      address.hidden = false; // some frames forbid the clipboard: then it is there to be copied by hand
      address.select();
      say(text("Copy the link from here."));
    }
  };
  $(".reset").onclick = () => {
    settings.reset();
    say(text("Everything is as the page starts."));
  };

  const list = $(".list");
  function showKeys() {
    $(".list h2").textContent = text("Keyboard shortcuts");
    $(".list dl").replaceChildren(
      ...settings.keys.flatMap(([keys, what]) => {
        const term = document.createElement("dt");
        const meaning = document.createElement("dd");
        term.textContent = keys;
        meaning.textContent = text(what);
        return [term, meaning];
      }),
    );
    list.showModal();
  }
  $(".keys").onclick = showKeys;
  document.addEventListener("keydown", (/** @type {any} */ event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "range";
    if (event.key !== "?" || typing || event.target.isContentEditable || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!list.open && list.isConnected) showKeys();
  });

  // ------------------------------------------------------------ what the page says of itself

  window.addEventListener("lab:tab", ({ detail }) => worksheet.hides(detail) || ((opening = detail), open(20))); // a lesson opens one
  window.addEventListener("lab:t", ({ detail }) => detail.source !== "settings" && settings.put("t", detail.t, detail.source));
  window.addEventListener("lab:set", ({ detail: { name, value, source } }) => {
    if (source === "settings" || source === "control" || !table.includes(name)) return;
    if (JSON.stringify(state.values[name]) !== JSON.stringify(value)) settings.put(name, value);
  });

  // ------------------------------------------------------------ a file of a run, dropped anywhere

  const files = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  window.addEventListener("dragover", (event) => files(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (event.defaultPrevented || !files(event)) return; // a place of its own has taken it
    event.preventDefault(); // the browser would leave the page for the file
    const [file, ...more] = event.dataTransfer.files;
    if (file) more.length ? given([file, ...more]) : file.slice(0, 100).text().then((words) => (/"playground answers/.test(words) ? given([file]) : bringTo(file)));
  });
  const given = (detail) => window.dispatchEvent(new CustomEvent("lab:files", { detail })); // to the lessons
  function bringTo(file) {
    const corner = [...document.querySelectorAll('[id$="-receipts"]')].find((/** @type {any} */ one) => one.offsetParent);
    if (!/\.(png|json)$/i.test(file.name)) return say(text("Here a PNG or JSON of a run may be dropped; a picture of yours, onto its place."));
    if (!corner) return say(text("Open a tab that makes pictures, and drop the file there."));
    bring(corner, file, 50);
  }
  /** Gives the file to the corner's own place for it, which is in the page as soon as the corner is open. */
  function bring(corner, file, tries) {
    const place = corner.querySelector('[id$="-drop"]');
    const input = place && place.querySelector("input[type=file]");
    if (input) {
      const given = new DataTransfer();
      given.items.add(file);
      input.files = given.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      return;
    }
    const button = place ? place.querySelector("[aria-label=Clear], [title=Clear]") : corner.querySelector("button.label-wrap");
    if (button && (tries === 50 || place)) button.click();
    if (tries) setTimeout(() => bring(corner, file, tries - 1), 100);
  }

  // ------------------------------------------------------------ windows of one browser

  /* Each window keeps a connection of its own open, and over HTTP/1.1 a browser has six for one address: the sixth window
     would wait for ever, and make all others wait. */
  /** @type {any} */
  const [visit] = performance.getEntriesByType("navigation");
  if (globalThis.BroadcastChannel && visit && /^http\/1/.test(visit.nextHopProtocol)) {
    const me = Math.random();
    const others = new Set();
    const air = new BroadcastChannel("lab-windows");
    air.onmessage = ({ data: { id, bye, asks } }) => {
      if (bye) return others.delete(id);
      others.add(id);
      if (asks) air.postMessage({ id: me });
      const count = others.size + 1;
      if (count >= 5) say(text("This page is open in {count} windows. A browser keeps six connections to one address: with more they wait for each other.", { count }));
    };
    window.addEventListener("pagehide", () => air.postMessage({ id: me, bye: true }));
    air.postMessage({ id: me, asks: true });
  }

  // ------------------------------------------------------------ what the address asks for

  function take() {
    const news = ui.props.value;
    if (!news || !news.settings) return;
    const { tab, ...values } = news.settings;
    if (tab && (state.read || !(gone || opening))) (opening = tab), open(200);
    settings.linked(values, news.lock);
    worksheet.hide(news.hide);
    worksheet.lock(news.lock);
    // A worksheet's locks are the teacher's, who has `reveal` in the address.
    $(".reveal").hidden = (!news.hide.length && !news.lock.length) || new URLSearchParams(location.search).has("worksheet");
    if (news.messages.length) say(news.messages.join("\n"));
  }
  ui.watch("value", take);
  take(); // on a slow machine the address has been read before this bar appears
}
