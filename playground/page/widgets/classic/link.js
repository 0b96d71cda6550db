/* One state, one link: what the page is set to (`Lab.settings`), and the bar that shares, resets and explains it.
 *
 *   Lab.settings.get(name)                  the value in hand (a link's, before the server has checked it), or undefined
 *   Lab.settings.put(name, value, source)   set it: the address, controls of that name in every tab, and everybody who
 *                                           listens to "lab:set" ({name, value, source}) or, for t, to "lab:t" follow
 *   Lab.settings.restore({name: value})     several at once
 *   Lab.keys                                [keys, what they do] rows of the list behind "?"; widgets add theirs
 *
 * A part of a widget marked data-setting="name" is hidden and locked with the controls of that name.
 */
(function (Lab, root) {
  "use strict";
  const known = (value) => JSON.stringify(value);

  /** A setting's value as a link writes it; the counterpart of settings.as_text. */
  const asText = (value) =>
    Array.isArray(value) ? value.join(",") : typeof value === "number" ? String(+value.toPrecision(10)) : String(value);

  /** The query of a link: tab and settings in the table's order, then what else the address had, commas kept readable. */
  function query(search, table, tab, values) {
    const before = new URLSearchParams(search);
    const after = new URLSearchParams();
    if (tab) after.set("tab", tab);
    for (const name of table) if ((values[name] ?? null) !== null && name !== "tab") after.set(name, asText(values[name]));
    for (const [name, value] of before) if (name !== "tab" && !table.includes(name)) after.append(name, value);
    return after.toString().replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%3A/g, ":");
  }

  const state = {
    table: [], // names of all settings, in order
    controls: [], // {tab, name, value}: the page's controls, value as they start
    defaults: {},
    values: {}, // what was set, by a link or a person
    tab: null,
    pending: new Map(), // name → value on its way to the controls
    sent: new Map(), // index of a control → [[value, when]] lately sent to it: their echoes are no person's doing
    patches: new Map(), // index of a control → other properties on their way to it
    firm: {}, // what was restored last, and stays so until a person touches the page
    ask: null, // makes Gradio call `take`
    read: false, // whether the server has read the address: until then it stays as it is
  };

  /** The address follows, at most three times a second (browsers ration replaceState). */
  let writing = null;
  function write() {
    if (writing || !state.read || typeof history === "undefined") return;
    writing = setTimeout(() => {
      writing = null;
      const url = new URL(location.href);
      url.search = query(url.search, state.table, state.tab, state.values);
      if (url.href === location.href) return;
      history.replaceState(history.state, "", url);
      // a Space is shown in a frame of huggingface.co, whose address bar follows if it is told
      if (root.parent !== root && /^https:\/\/huggingface\.co(\/|$)/.test(document.referrer)) {
        root.parent.postMessage({ queryString: url.search.slice(1), hash: "" }, "https://huggingface.co");
      }
    }, 300);
  }

  let following = null;
  function follow() {
    following = following || setTimeout(() => ((following = null), state.ask && state.ask()), 60);
  }

  /** `value` is on its way to all controls of that name, but for `from`, where it comes from. */
  function remember(name, value, from) {
    state.controls.forEach((control, index) => {
      if (control.name !== name || index === from) return;
      const list = (state.sent.get(index) || []).slice(-100);
      list.push([known(value), Date.now()]);
      state.sent.set(index, list);
    });
  }
  /** Whether a control only says what was sent to it. What was sent before that has been overtaken; and after a change of
   *  a person's own nothing sent earlier can come. */
  function echo(index, value) {
    const list = (state.sent.get(index) || []).filter(([, when]) => Date.now() - when < 3000);
    const place = list.findIndex(([sent]) => sent === known(value));
    state.sent.set(index, place < 0 ? [] : list.slice(place + 1));
    return place >= 0;
  }

  function tell(name, value, source) {
    root.dispatchEvent(new CustomEvent("lab:set", { detail: { name, value, source } }));
    if (name === "t" && Lab.t !== value) Lab.tell(value, source);
  }

  const settings = {
    state,
    query,
    get(name) {
      if (name in state.values) return state.values[name];
      const text = typeof location === "undefined" ? null : new URLSearchParams(location.search).get(name);
      if (text === null) return state.defaults[name];
      return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    },
    put(name, value, source) {
      if (known(settings.get(name)) === known(value) && name in state.values) return;
      state.values[name] = value;
      write();
      if (state.controls.some((control) => control.name === name)) {
        state.pending.set(name, value);
        follow();
      }
      tell(name, value, source || "settings");
    },
    /** Several at once, and firmly: a sampler's change makes the server set its knobs to their defaults. */
    restore(values) {
      state.firm = { ...values };
      for (const [name, value] of Object.entries(values)) settings.put(name, value);
    },
    /** A control changed: what its namesakes get, or null where there is nothing to do. */
    changed(index, value) {
      const { name, value: start } = state.controls[index];
      const now = name in state.values ? state.values[name] : start;
      const echoed = echo(index, value);
      if (known(now) === known(value) || state.pending.has(name)) return null;
      if (name in state.firm) {
        state.pending.set(name, state.firm[name]);
        follow();
        return null;
      }
      if (echoed) return null;
      state.values[name] = value;
      remember(name, value, index);
      write();
      tell(name, value, "control");
      return { value };
    },
    /** For Gradio: an update for each control. */
    take() {
      const nothing = { __type__: "update" };
      const updates = state.controls.map(({ name }, index) => {
        const update = { ...nothing, ...(state.patches.get(index) || {}) };
        if (state.pending.has(name)) update.value = state.pending.get(name);
        return update;
      });
      for (const [name, value] of state.pending) remember(name, value);
      state.pending.clear();
      state.patches.clear();
      return updates;
    },
    tab(name) {
      state.tab = name;
      write();
    },
  };
  Lab.settings = settings;

  Lab.keys = [
    ["Tab", "To the next control; with Shift, to the one before"],
    ["← → ↑ ↓", "Move a slider by one step; with Shift, by ten"],
    ["Home End", "A slider to its ends"],
    ["?", "This list"],
    ["Esc", "Close"],
  ];

  Lab.define("link", function (ui) {
    const $ = (selector) => ui.element.querySelector(selector);
    const { table, controls, defaults, tabs } = ui.props.page;
    Object.assign(state, { table, controls, defaults });
    state.ask = () => ui.trigger("follow", {});
    const said = $(".said");
    const style = document.createElement("style");
    document.head.append(style);
    const locks = { names: new Set(), tabs: new Set(), watcher: null }; // tabs: the words on those that are hidden

    $(".copy").textContent = Lab.text("Copy link");
    $(".reset").textContent = Lab.text("Reset");
    $(".reset").title = Lab.text("Set everything back to how the page starts");
    $(".reveal").textContent = Lab.text("Show all controls");
    $(".keys").setAttribute("aria-label", Lab.text("Keyboard shortcuts"));
    $(".close").textContent = Lab.text("Close");
    $(".address").setAttribute("aria-label", Lab.text("Link to this page as it is set"));
    $(".bar").setAttribute("aria-label", Lab.text("Share and reset"));

    let opening = null; // the tab that a link asks for, until it is open or a person does something
    const touch = () => {
      opening = null;
      state.firm = {};
    };
    for (const kind of ["pointerdown", "keydown"]) root.addEventListener(kind, touch, true);
    /** The button of a tab; on a narrow page it is in a menu, and has nothing but its words. */
    function button(name) {
      return (
        document.querySelector(`[role="tab"][data-tab-id="${name}"]`) ||
        inMenu().find((one) => tabs[name] && one.textContent.trim() === Lab.text(tabs[name]))
      );
    }
    const inMenu = () => [...document.querySelectorAll(".overflow-dropdown button")];
    /** Presses it as a person would; for a while again and again, as Gradio builds its tabs late and starts over. */
    function open(tries) {
      if (!opening || !tries) return;
      const found = button(opening);
      if (found && found.getAttribute("aria-selected") !== "true" && !found.matches(".selected")) found.click();
      setTimeout(() => open(tries - 1), 300);
    }

    function say(text) {
      said.textContent = "";
      requestAnimationFrame(() => (said.textContent = text));
    }

    // ------------------------------------------------------------ a teacher's worksheet

    function hide(names) {
      const targets = names.flatMap((name) => [
        `[data-setting="${name}"]`,
        ...controls.filter((control) => control.name === name).map((control) => `#${control.tab}-${name}`),
        `[role="tab"][data-tab-id="${name}"]`,
      ]);
      style.textContent = targets.length ? `${targets.join(",")}{display:none !important}` : "";
      locks.tabs = new Set(names.filter((name) => tabs[name]).map((name) => Lab.text(tabs[name])));
      keep();
    }
    /** What no style can reach: parts of widgets that are locked, hidden tabs in the menu of a narrow page. */
    function apply() {
      for (const part of document.querySelectorAll("[data-setting]")) part.inert = locks.names.has(part.dataset.setting);
      for (const one of inMenu()) one.style.display = locks.tabs.has(one.textContent.trim()) ? "none" : "";
    }
    /** Does so now and, while there is anything of the kind, whenever the page changes. */
    function keep() {
      apply();
      const wanted = locks.names.size + locks.tabs.size > 0;
      if (wanted && !locks.watcher) {
        locks.watcher = new MutationObserver(Lab.frame(apply));
        locks.watcher.observe(document.body, { childList: true, subtree: true });
      } else if (!wanted && locks.watcher) {
        locks.watcher.disconnect();
        locks.watcher = null;
      }
    }
    function lock(names) {
      const before = locks.names;
      locks.names = new Set(names);
      controls.forEach((control, index) => {
        const now = locks.names.has(control.name);
        if (now !== before.has(control.name)) state.patches.set(index, { interactive: !now });
      });
      if (state.patches.size) follow();
      keep();
    }
    $(".reveal").onclick = () => {
      hide([]);
      lock([]);
      const url = new URL(location.href);
      for (const name of ["hide", "lock"]) url.searchParams.delete(name);
      url.search = query(url.search, table, state.tab, state.values);
      history.replaceState(history.state, "", url);
      $(".reveal").hidden = true;
      $(".copy").focus();
    };

    // ------------------------------------------------------------ buttons

    $(".copy").onclick = async () => {
      const url = new URL(location.href);
      url.search = query(url.search, table, state.tab, { seed: settings.get("seed"), ...state.values });
      const address = $(".address");
      address.value = url.href;
      try {
        await navigator.clipboard.writeText(url.href);
        say(Lab.text("The link is copied."));
        address.hidden = true;
      } catch {
        address.hidden = false; // some frames forbid the clipboard: then it is there to be copied by hand
        address.select();
        say(Lab.text("Copy the link from here."));
      }
    };
    $(".reset").onclick = () => {
      controls.forEach(({ name, value }) => name in state.values && state.pending.set(name, value));
      const names = Object.keys(state.values);
      state.values = {};
      for (const name of names) {
        const first = controls.find((control) => control.name === name);
        tell(name, first ? first.value : defaults[name], "settings");
      }
      follow();
      write();
      say(Lab.text("Everything is as the page starts."));
    };

    const list = $(".list");
    function showKeys() {
      $(".list h2").textContent = Lab.text("Keyboard shortcuts");
      $(".list dl").replaceChildren(
        ...Lab.keys.flatMap(([keys, what]) => {
          const term = document.createElement("dt");
          const meaning = document.createElement("dd");
          term.textContent = keys;
          meaning.textContent = Lab.text(what);
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

    root.addEventListener("lab:t", ({ detail }) => detail.source !== "settings" && settings.put("t", detail.t, detail.source));
    root.addEventListener("lab:set", ({ detail }) => {
      if (detail.source === "settings" || detail.source === "control" || !table.includes(detail.name)) return;
      if (known(state.values[detail.name]) !== known(detail.value)) settings.put(detail.name, detail.value, "settings");
    });
    function take() {
      const news = ui.props.value;
      if (!news || !news.settings) return;
      state.read = true;
      if (news.settings.tab) (opening = news.settings.tab), open(200);
      const values = { ...news.settings };
      delete values.tab; // opened above
      settings.restore(values);
      hide(news.hide);
      lock(news.lock);
      $(".reveal").hidden = !news.hide.length && !news.lock.length;
      if (news.messages.length) say(news.messages.join("\n"));
    }
    ui.watch("value", take);
    take(); // on a slow machine the address has been read before this bar appears
  });

  if (typeof module === "object" && module.exports) module.exports = settings;
})(typeof Lab === "undefined" ? require("./lib.js") : Lab, typeof window === "undefined" ? globalThis : window);
