/* Link: the bar that shares, resets and explains what the page is set to (lib/settings.js). */

import { query } from "../lib/address.js";
import * as settings from "../lib/settings.js";
import { text } from "../lib/words.js";
import { inMenu, makeWorksheet } from "./worksheet.js";

const { state } = settings;

/** @param {import("../lib/widgets.js").Ui} ui */
export function mount(ui) {
  const $ = (selector) => ui.element.querySelector(selector);
  const { table, controls, defaults, tabs } = ui.props.page;
  Object.assign(state, { table, controls, defaults });
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
  const touch = () => {
    opening = null;
    state.firm = {};
  };
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, touch, true);
  /** The button of a tab, which a narrow page may have in its menu. */
  const button = (name) =>
    document.querySelector(`[role="tab"][data-tab-id="${name}"]`) ||
    inMenu().find((one) => tabs[name] && one.textContent.trim() === text(tabs[name]));
  /** Presses it as a person would; for a while again and again, as Gradio builds its tabs late and starts over. */
  function open(tries) {
    if (!opening || !tries) return;
    const found = button(opening);
    if (found && found.getAttribute("aria-selected") !== "true" && !found.matches(".selected")) found.click();
    setTimeout(() => open(tries - 1), 300);
  }

  function say(words) {
    const said = $(".said");
    said.textContent = "";
    requestAnimationFrame(() => (said.textContent = words));
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
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "range";
    if (event.key !== "?" || typing || event.target.isContentEditable || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!list.open && list.isConnected) showKeys();
  });

  // ------------------------------------------------------------ what the page says of itself

  window.addEventListener("lab:t", ({ detail }) => detail.source !== "settings" && settings.put("t", detail.t, detail.source));
  window.addEventListener("lab:set", ({ detail: { name, value, source } }) => {
    if (source === "settings" || source === "control" || !table.includes(name)) return;
    if (JSON.stringify(state.values[name]) !== JSON.stringify(value)) settings.put(name, value);
  });

  // ------------------------------------------------------------ what the address asks for

  function take() {
    const news = ui.props.value;
    if (!news || !news.settings) return;
    state.read = true;
    const { tab, ...values } = news.settings;
    if (tab) (opening = tab), open(200);
    settings.restore(values);
    worksheet.hide(news.hide);
    worksheet.lock(news.lock);
    $(".reveal").hidden = !news.hide.length && !news.lock.length;
    if (news.messages.length) say(news.messages.join("\n"));
  }
  ui.watch("value", take);
  take(); // on a slow machine the address has been read before this bar appears
}
