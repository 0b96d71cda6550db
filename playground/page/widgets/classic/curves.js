/* Curves: Plotly figures on the page's clock. The cursor is ours and moves in the page; Plotly only draws what stands still.
 *
 * value  {T, t, view, views: [{key, symbol, title, log, range, lines?: Plotly traces}],
 *         series?: [{name, label, light, dark, dash, alpha_bar}],   schedules, whose views are worked out here
 *         points?: [ᾱ, …],                                         the drawn schedule's, when it is among them
 *         sum?: [{symbol, label, value, view}], the bound's terms, each with the view that explains it
 *         open?: the view to open when this changes, progress?: {done, of, seconds, device}, table?: {title, head, rows}}
 * props  picture {n, x0, eps} for the strips; live {view, progress}; plotly: address of plotly.min.js
 *
 * A curve drawn by hand is told to the page as the setting `points`, the open view as `view`.
 */
(function (Lab) {
  "use strict";
  const curve = Lab.curve;

  let loading = null;
  /** Our own Plotly, fetched once, when the first chart appears. */
  function plotly(address) {
    if (window.Plotly) return Promise.resolve(window.Plotly);
    loading ||= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = Lab.root() + address;
      script.onload = () => done(window.Plotly);
      script.onerror = () => {
        loading = null;
        failed(new Error("plotly"));
      };
      document.head.append(script);
    });
    return loading;
  }

  const make = (tag, className, parent) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (parent) parent.append(node);
    return node;
  };
  /** Symbols such as "ᾱ<sub>t−1</sub>", without innerHTML: only sub and sup are known. Digits stand upright. */
  function symbol(node, text) {
    node.replaceChildren();
    for (const part of text.split(/(<su[bp]>.*?<\/su[bp]>)/)) {
      const found = /^<(su[bp])>(.*)<\/su[bp]>$/.exec(part);
      const host = found ? make(found[1], "", node) : node;
      for (const run of (found ? found[2] : part).split(/(\d+)/)) {
        if (/\d/.test(run)) make("b", "", host).textContent = run;
        else if (run) host.append(run);
      }
    }
    return node;
  }
  const plain = (text) => text.replace(/<\/?su[bp]>/g, "");

  Lab.define("curves", function ({ element, props, watch }) {
    const $ = (selector) => element.querySelector(selector);
    const box = $(".curves");
    const [plot, over, handles, note] = [$(".plot"), $(".over"), $(".handles"), $(".note")];
    const [slider, output, readout, strips, chart] = [$(".clock input"), $(".clock output"), $(".readout"), $(".strips"), $(".chart")];
    const source = element;
    let value = null;
    let view = null; // the open one of value.views
    let series = []; // value.series with .a = ᾱ as Float64Array, or the view's own lines
    let lines = []; // what is drawn: {name, label, colour, dash, xs, ys}
    let points = null;
    let picture = null;
    let opened = null; // value.open, when it was last obeyed
    let t = 0;
    let geometry = null; // {left, top, width, height, range, log} of the plot in CSS pixels
    let adopted = null; // the other widget's picture in hand
    let received = ""; // the picture that the server sent last
    let edited = 0; // when the drawn curve was last touched here

    // ---------------------------------------------------------------- what comes from the server

    function take() {
      const next = props.value;
      if (!next || !next.views) return;
      const first = !value;
      value = next;
      box.dataset.state = "ready";
      box.dataset.kind = value.series ? "schedules" : "figures";
      if (value.points && Date.now() - edited > 1500) points = value.points.slice();
      if (!value.points) points = null;
      series = (value.series || []).map((one) => ({ ...one, a: Lab.float64(one.alpha_bar) }));
      redrawn();
      if (first) t = Lab.t === null ? value.t : Lab.t;
      t = Lab.clamp(t, 0, value.T);
      slider.max = value.T;
      slider.value = t;
      const key = view ? view.key : (Lab.settings && Lab.settings.get("view")) || value.view;
      const open = value.open && value.open !== opened ? (opened = value.open) : key;
      view = value.views.find((one) => one.key === open) || value.views[0];
      buttons();
      sum();
      progress();
      table();
      rows();
      draw();
    }
    /** While something is measured: one view, newer than the one in hand, and how far it is. */
    function takeLive() {
      const live = props.live;
      if (!live || !value) return;
      const before = value.views.findIndex((one) => one.key === live.view.key);
      if (before < 0 || value.sum.some((term) => term.value !== null)) value = { ...value, table: null, sum: (value.sum || []).map((term) => ({ ...term, value: null, view: null })) };
      value = { ...value, progress: live.progress, views: [live.view, ...value.views.filter((one) => !["terms", "share", live.view.key].includes(one.key))] };
      opened = null;
      view = before < 0 ? live.view : value.views.find((one) => one.key === view.key) || live.view;
      buttons();
      sum();
      progress();
      table();
      draw();
    }
    /** The drawn curve's ᾱ from its points. */
    function redrawn() {
      const own = series.find((one) => one.name === "custom");
      if (own && points) own.a = curve.through(points, value.T);
    }
    function takePicture() {
      const sent = props.picture;
      if (!sent || !sent.n) return;
      if (sent.x0 !== received) adopted = null; // another picture, not only another noise
      received = sent.x0;
      const x0 = adopted ? curve.shrunk(adopted.x0, adopted.n, sent.n) : Lab.unit(Lab.bytes(sent.x0));
      picture = { n: sent.n, x0, eps: Lab.int16(sent.eps) };
      rows();
      draw();
    }
    /** Another widget's picture (x0 of any size), shrunk to the size of ours; ε stays. */
    function adopt(other) {
      if (!other || !picture || other === adopted) return;
      adopted = other;
      picture = { ...picture, x0: curve.shrunk(other.x0, other.n, picture.n) };
      rows();
      draw();
    }

    // ---------------------------------------------------------------- views and words

    function buttons() {
      const bar = $(".views");
      bar.hidden = value.views.length < 2;
      bar.setAttribute("aria-label", Lab.text("What to plot"));
      if (bar.dataset.made !== value.views.map((one) => one.key).join()) {
        bar.dataset.made = value.views.map((one) => one.key).join();
        bar.replaceChildren();
        for (const one of value.views) {
          const button = make("button", "", bar);
          button.type = "button";
          button.dataset.view = one.key;
          symbol(button, one.symbol);
          button.title = Lab.text(one.title);
          button.setAttribute("aria-label", `${plain(one.symbol)}: ${Lab.text(one.title)}`);
          button.addEventListener("click", () => show(one.key));
        }
      }
      for (const button of bar.children) button.setAttribute("aria-pressed", String(button.dataset.view === view.key));
      $(".caption").textContent = Lab.text(view.caption || view.title, view.values);
    }
    function show(key) {
      view = value.views.find((one) => one.key === key) || view;
      say("view", view.key);
      buttons();
      sum();
      draw();
    }

    /** The bound as a sum: each term with its number, each opening the view that explains it. */
    function sum() {
      const host = $(".sum");
      host.hidden = !value.sum;
      if (!value.sum) return;
      host.replaceChildren();
      value.sum.forEach((term, i) => {
        if (i) make("span", "sign", host).textContent = i === value.sum.length - 1 ? "=" : "+";
        const part = make(term.view ? "button" : "span", "term", host);
        if (term.view) {
          part.type = "button";
          part.setAttribute("aria-pressed", String(view.key === term.view));
          part.addEventListener("click", () => show(term.view));
        }
        symbol(make("span", "symbol lab-math", part), term.symbol);
        make("span", "number", part).textContent = term.value === null ? "…" : Lab.number(term.value, 3);
        make("span", "what", part).textContent = part.title = Lab.text(term.label);
      });
    }

    function progress() {
      const { done, of, seconds, device } = value.progress || {};
      const host = $(".progress");
      host.hidden = !of;
      if (!of) return;
      const bar = host.firstElementChild;
      bar.hidden = done === of;
      bar.value = done / of;
      bar.setAttribute("aria-label", Lab.text("Measured so far"));
      host.lastElementChild.textContent = Lab.text("{done} of {of} evaluations, {seconds} s on {device}", { done, of, seconds, device });
    }

    function table() {
      const host = $(".table");
      host.hidden = !value.table;
      if (!value.table) return;
      host.replaceChildren();
      make("p", "", host).textContent = Lab.text(value.table.title);
      const grid = make("table", "", make("div", "scroll", host));
      const head = make("tr", "", make("thead", "", grid));
      for (const word of value.table.head) {
        const cell = symbol(make("th", "", head), Lab.text(word));
        cell.scope = "col";
      }
      const body = make("tbody", "", grid);
      for (const row of value.table.rows) {
        const line = make("tr", "", body);
        for (const cell of row) make("td", "", line).textContent = cell;
      }
    }

    // ---------------------------------------------------------------- the chart

    const dark = () => document.body.classList.contains("dark");
    const colour = (one) => (dark() ? one.dark : one.light);
    const narrow = () => box.clientWidth < 620;

    /** What the open view draws: thinned lines for Plotly, whole ones for the cursor. */
    function collect() {
      if (view.lines) {
        lines = view.lines.map((line) => ({
          name: line.meta.name, label: Lab.text(line.name), colour: colour(line.meta), dash: line.line.dash, mode: line.mode,
          xs: line.x || Array.from(line.y, (_, i) => line.x0 + i * line.dx), ys: line.y,
        }));
        return;
      }
      const ts = Array.from({ length: value.T + 1 }, (_, i) => i);
      lines = series.map((one) => ({
        name: one.name, label: Lab.text(one.label), colour: colour(one), dash: one.dash, mode: "lines", xs: ts, ys: curve.views[view.key](one.a),
      }));
    }
    function measure() {
      const small = narrow();
      const width = chart.clientWidth;
      const height = small ? 280 : 360;
      const margin = small ? { l: 44, r: 76, t: 14, b: 34 } : { l: 68, r: 136, t: 14, b: 38 };
      const range = view.range || curve.range(lines.map((line) => Array.from(line.ys)), view.log);
      geometry = {
        left: margin.l, top: margin.t, width: Math.max(60, width - margin.l - margin.r), height: height - margin.t - margin.b,
        outer: [width, height], margin, range, log: Boolean(view.log),
      };
      box.style.setProperty("--left", `${margin.l}px`);
      box.style.setProperty("--wide", `${geometry.width}px`);
      box.style.setProperty("--right", `${margin.r}px`);
    }
    const px = (at) => geometry.left + (at / value.T) * geometry.width;
    const py = (y) => geometry.top + geometry.height - curve.place(y, geometry.range, geometry.log, geometry.height);

    function figure() {
      const ink = Lab.css(box, "--body-text-color-subdued");
      const grid = Lab.css(box, "--border-color-primary");
      const font = { family: Lab.css(box, "--font") || "system-ui, sans-serif", size: narrow() ? 11 : 12.5, color: ink };
      const axis = { gridcolor: grid, linecolor: grid, zeroline: false, fixedrange: true, ticks: "", tickfont: font };
      const [low, high] = geometry.range;
      const keep = curve.thinned(value.T);
      const inside = (y) => (y === null || !Number.isFinite(y) || (geometry.log && y <= 0) ? null : Lab.clamp(y, low, high));
      const data = lines.map((line) => {
        const whole = line.xs.length <= 600;
        return {
          type: "scatter", mode: line.mode, name: line.label, hoverinfo: "skip",
          x: whole ? line.xs : keep, y: (whole ? Array.from(line.ys) : keep.map((at) => line.ys[at])).map(inside),
          line: { color: line.colour, dash: line.dash, width: 2.25 }, marker: { size: 4.5, color: line.colour },
          cliponaxis: false, opacity: line === bent() ? 0 : 1,
        };
      });
      const layout = {
        width: geometry.outer[0], height: geometry.outer[1], margin: { ...geometry.margin, pad: 0, autoexpand: false },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, showlegend: false, dragmode: false,
        xaxis: { ...axis, range: [0, value.T], showgrid: false, nticks: narrow() ? 5 : 9, title: { text: "t", font, standoff: 4 } },
        yaxis: {
          ...axis, type: geometry.log ? "log" : "linear", range: geometry.log ? [Math.log10(low), Math.log10(high)] : [low, high],
          nticks: 6, exponentformat: "power", dtick: geometry.log ? 1 : undefined,
          title: { text: narrow() ? "" : view.axis || view.symbol, font: { ...font, size: 14 }, standoff: 8 },
        },
      };
      return { data, layout };
    }

    /** The line under the hand. Plotly would take too long over it: it has it, unseen, and the overlay draws it. */
    const bent = () => (points && !view.lines ? lines.find((line) => line.name === "custom") : undefined);

    const settings = { staticPlot: true, displayModeBar: false, responsive: false, showTips: false };
    /** One drawing at a time, the last one asked for: Plotly loses lines when two overlap. */
    const paint = Lab.pump(
      async () => {
        const Plotly = await plotly(props.plotly);
        note.textContent = "";
        const { data, layout } = figure();
        const key = view.key;
        await Plotly.react(plot, data, layout, settings);
        return key;
      },
      (key) => (box.dataset.drawn = key),
      () => (note.textContent = Lab.text("The chart could not be loaded; the numbers below are complete.")),
    );
    /** Everything about the open view anew; asked for twice in a frame, drawn once. */
    const draw = Lab.frame(function () {
      if (!value || !box.clientWidth) return;
      collect();
      measure();
      overlay();
      follow();
      if (!window.Plotly) note.textContent = Lab.text("Loading the chart…");
      paint();
    });

    /** Names at the ends of the curves, moved apart, each tied to its curve by a thin line. */
    function overlay() {
      over.replaceChildren();
      over.setAttribute("viewBox", `0 0 ${geometry.outer[0]} ${geometry.outer[1]}`);
      over.setAttribute("width", geometry.outer[0]);
      over.setAttribute("height", geometry.outer[1]);
      const shown = lines.filter((line) => Array.from(line.ys).some((y) => y !== null && Number.isFinite(y)));
      const ends = shown.map((line) => {
        let i = line.ys.length - 1;
        while (i > 0 && (line.ys[i] === null || !Number.isFinite(line.ys[i]))) i--;
        return { x: px(line.xs[i]), y: py(line.ys[i]), middle: curve.at(line.xs, line.ys, line.xs[i] / 2) };
      });
      // Where curves end in one point, those that were higher half-way stand higher.
      const near = (end) => Math.round(end.y / 4);
      const order = ends.map((_, i) => i).sort((i, j) => near(ends[i]) - near(ends[j]) || ends[j].middle - ends[i].middle);
      const gap = narrow() ? 15 : 18;
      const at = curve.apart(order.map((i, rank) => 4 * near(ends[i]) + 1e-6 * rank), gap, geometry.top, geometry.top + geometry.height - 2);
      order.forEach((i, rank) => {
        const [line, end, y] = [shown[i], ends[i], at[rank]];
        const x = geometry.left + geometry.width;
        Lab.svg("path", { class: "tie", d: `M${end.x + 2} ${end.y}L${x + 12} ${y}H${x + 16}`, stroke: line.colour }, over);
        const text = Lab.svg("text", { x: x + 20, y: y + 4, fill: line.colour, "data-name": line.name }, over);
        text.textContent = line.label;
      });
      const own = bent();
      if (own) {
        const places = curve.thinned(value.T).filter((at) => Number.isFinite(own.ys[at]) && !(geometry.log && own.ys[at] <= 0));
        const d = places.map((at, i) => `${i ? "L" : "M"}${px(at).toFixed(1)} ${py(own.ys[at]).toFixed(1)}`).join("");
        Lab.svg("path", { class: "own", d, stroke: own.colour }, over);
      }
      Lab.svg("line", { class: "cursor", y1: geometry.top, y2: geometry.top + geometry.height }, over);
      for (const line of lines) Lab.svg("circle", { class: "dot", r: 4.5, fill: line.colour }, over);
      grips();
    }

    // ---------------------------------------------------------------- the clock

    /** Everything that goes with t: cursor, dots, numbers, the pictures at t. */
    function follow() {
      if (!geometry) return;
      const x = px(t);
      const cursor = over.querySelector(".cursor");
      if (!cursor) return;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      const dots = over.querySelectorAll(".dot");
      lines.forEach((line, i) => {
        const y = curve.at(line.xs, line.ys, t);
        const seen = Number.isFinite(y) && !(geometry.log && y <= 0);
        dots[i].setAttribute("visibility", seen ? "visible" : "hidden");
        if (!seen) return;
        dots[i].setAttribute("cx", x);
        dots[i].setAttribute("cy", py(y));
      });
      slider.style.setProperty("--share", t / value.T);
      output.textContent = `t = ${t}`;
      if (value.series) now();
      else figures();
      const said = lines.map((line) => `${line.label} ${figureText(curve.at(line.xs, line.ys, t))}`).join(", ");
      slider.setAttribute("aria-valuetext", `t ${t}`);
      plot.setAttribute("aria-label", `${plain(view.symbol)}, ${Lab.text(view.title)}. t ${t}: ${said}`);
    }
    const figureText = (y) => (!Number.isFinite(y) ? "–" : y !== 0 && Math.abs(y) < 0.001 ? y.toExponential(1).replace("-", "−") : Lab.number(y, Math.abs(y) < 0.1 ? 4 : Math.abs(y) < 10 ? 3 : 1));

    function move(next, tell) {
      t = Lab.clamp(Math.round(next), 0, value.T);
      if (Number(slider.value) !== t) slider.value = t;
      follow();
      if (tell) Lab.tell(t, source);
    }
    const moved = Lab.frame(move);
    slider.setAttribute("aria-label", Lab.text("Level t"));
    Lab.slider(slider, (next) => move(next, true)); // a frame later would take back the next key's step
    Lab.hear(element, source, (next) => value && moved(next, false));

    let pointer = null;
    over.addEventListener("pointerdown", (event) => {
      if (event.button || !geometry) return;
      pointer = event.pointerId;
      over.setPointerCapture(pointer);
      toT(event);
    });
    over.addEventListener("pointermove", (event) => event.pointerId === pointer && toT(event));
    for (const name of ["pointerup", "pointercancel"]) {
      over.addEventListener(name, (event) => {
        if (event.pointerId === pointer) pointer = null;
      });
    }
    const toT = (event) => moved(((event.clientX - over.getBoundingClientRect().left - geometry.left) / geometry.width) * value.T, true);

    /** For figures: every line's value at t, beside its colour and dash. */
    function figures() {
      readout.hidden = lines.length === 0;
      while (readout.children.length > lines.length) readout.lastChild.remove();
      lines.forEach((line, i) => {
        const item = readout.children[i] || make("div", "", readout);
        if (!item.firstChild) {
          item.append(swatch(line), make("dt", ""), make("dd", ""));
        }
        item.replaceChild(swatch(line), item.firstChild);
        item.children[1].textContent = line.label;
        item.children[2].textContent = figureText(curve.at(line.xs, line.ys, t));
      });
    }
    function swatch(line) {
      const svg = Lab.svg("svg", { class: "swatch", viewBox: "0 0 30 8", "aria-hidden": "true" });
      const dash = line.dash === "solid" ? "" : line.dash.replace(/px/g, "");
      Lab.svg("line", { x1: 1, x2: 29, y1: 4, y2: 4, stroke: line.colour, "stroke-width": 2.5, "stroke-dasharray": dash }, svg);
      return svg;
    }

    // ---------------------------------------------------------------- the picture, one row a schedule

    function rows() {
      strips.hidden = !(value && value.series && picture);
      if (strips.hidden) return;
      while (strips.children.length > series.length) strips.lastChild.remove();
      series.forEach((one, i) => {
        const row = strips.children[i] || newRow();
        row.dataset.name = one.name;
        const head = row.querySelector(".head");
        head.replaceChild(swatch({ colour: colour(one), dash: one.dash }), head.firstChild);
        row.querySelector(".name").textContent = Lab.text(one.label);
        film(row, one);
      });
    }
    function newRow() {
      const row = make("div", "row", strips);
      const head = make("p", "head", row);
      head.append(swatch({ colour: "currentColor", dash: "solid" }));
      for (const part of ["name", "now", "left"]) make("span", part, head);
      const film = make("div", "film", row);
      const canvas = make("canvas", "", film);
      canvas.setAttribute("role", "img");
      make("i", "frame", film);
      film.addEventListener("pointerdown", (event) => {
        const space = canvas.getBoundingClientRect();
        const k = Lab.clamp(Math.floor((10 * (event.clientX - space.left)) / space.width), 0, 9);
        moved(curve.levels(value.T)[k], true);
      });
      const big = make("canvas", "big", row);
      big.setAttribute("role", "img");
      big.dataset.view = "x_t";
      return row;
    }
    /** The ten levels of a row, and what is left of the picture at T. */
    function film(row, one) {
      const { n, x0, eps } = picture;
      const canvas = row.querySelector(".film canvas");
      if (canvas.width !== 10 * n || canvas.height !== n) [canvas.width, canvas.height] = [10 * n, n];
      const context = canvas.getContext("2d", { alpha: false });
      const image = Lab.pixels(n);
      curve.levels(value.T).forEach((at, k) => {
        Lab.forward(image.data, x0, eps, Math.sqrt(one.a[at]), Math.sqrt(1 - one.a[at]));
        context.putImageData(image, k * n, 0);
      });
      const end = one.a[value.T];
      row.querySelector(".left").textContent = Lab.text("left at T: {share}, SNR {snr}", {
        share: Lab.percent(Math.sqrt(end)), snr: Lab.decibels(Lab.snrDb(end)),
      });
      canvas.setAttribute("aria-label", Lab.text("{schedule}: the picture at ten levels from t = 0 to {T}", { schedule: Lab.text(one.label), T: value.T }));
      row.drawn = null;
    }
    /** The pictures and numbers at t. */
    function now() {
      if (strips.hidden) return;
      const levels = curve.levels(value.T);
      let nearest = 0;
      levels.forEach((at, k) => Math.abs(at - t) < Math.abs(levels[nearest] - t) && (nearest = k));
      strips.style.setProperty("--cell", nearest);
      series.forEach((one, i) => {
        const row = strips.children[i];
        const a = one.a[t];
        if (row.drawn === `${a} ${view.key}`) return;
        row.drawn = `${a} ${view.key}`;
        const big = row.querySelector(".big");
        const { n, x0, eps } = picture;
        if (big.width !== n) big.width = big.height = n;
        big.image = big.image && big.image.width === n ? big.image : Lab.pixels(n);
        Lab.forward(big.image.data, x0, eps, Math.sqrt(a), Math.sqrt(1 - a));
        big.getContext("2d", { alpha: false }).putImageData(big.image, 0, 0);
        const words = Lab.text("{share} of the picture, SNR {snr}", { share: Lab.percent(Math.sqrt(a)), snr: Lab.decibels(Lab.snrDb(a)) });
        const here = row.querySelector(".now");
        symbol(here, `${view.symbol} = `).append(`${figureText(lines[i].ys[t])}, ${words}`);
        big.setAttribute("aria-label", `${Lab.text(one.label)}, t ${t}: ${words}`);
      });
    }

    // ---------------------------------------------------------------- drawing a schedule by hand

    const own = () => series.find((one) => one.name === "custom");
    function grips() {
      const back = curve.inverse[view.key];
      const open = Boolean(points && own() && back && !view.lines);
      handles.hidden = !open;
      if (!open) return handles.replaceChildren();
      handles.setAttribute("aria-label", Lab.text("Points of your curve"));
      while (handles.children.length > points.length - 1) handles.lastChild.remove();
      for (let k = 1; k < points.length; k++) {
        const grip = handles.children[k - 1] || newGrip(k);
        const y = curve.views[view.key](Float64Array.of(points[k]))[0];
        grip.style.left = `${px((k / (points.length - 1)) * value.T)}px`;
        grip.style.top = `${py(y)}px`;
        grip.style.setProperty("--own", colour(own()));
        const at = Math.round((k / (points.length - 1)) * value.T);
        grip.setAttribute("aria-label", Lab.text("ᾱ of your curve at t = {t}", { t: at }));
        grip.setAttribute("aria-valuenow", points[k].toFixed(3));
        grip.setAttribute("aria-valuetext", points[k].toFixed(3));
      }
    }
    function newGrip(k) {
      const grip = make("div", "grip", handles);
      for (const [name, text] of Object.entries({ role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": 1, "aria-orientation": "vertical" })) {
        grip.setAttribute(name, text);
      }
      let before = null;
      grip.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        event.preventDefault();
        grip.focus();
        grip.setPointerCapture(event.pointerId);
        before = points.slice();
      });
      grip.addEventListener("pointermove", (event) => {
        if (!before) return;
        const up = geometry.top + geometry.height - (event.clientY - over.getBoundingClientRect().top);
        const y = curve.unplace(Lab.clamp(up, 0, geometry.height), geometry.range, geometry.log, geometry.height);
        bend(curve.moved(before, k, curve.inverse[view.key](y)));
      });
      for (const name of ["pointerup", "pointercancel"]) {
        grip.addEventListener(name, () => {
          if (before) settled();
          before = null;
        });
      }
      grip.addEventListener("keydown", (event) => {
        const by = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 }[event.key];
        const to = { Home: 0, End: 1 }[event.key];
        if (by === undefined && to === undefined) return;
        event.preventDefault();
        bend(curve.moved(points, k, to === undefined ? points[k] + by * (event.shiftKey ? 10 : 1) : to));
        settledSoon();
      });
      return grip;
    }
    const say = (name, value) => window.dispatchEvent(new CustomEvent("lab:set", { detail: { name, value, source: "curves" } }));
    /** The drawn curve takes new points: curve, strip and numbers follow in this frame. */
    const bend = Lab.frame(function (next) {
      points = next;
      edited = Date.now();
      redrawn();
      if (picture) film(strips.children[series.indexOf(own())], own());
      collect();
      overlay();
      follow();
      clearTimeout(later);
      later = setTimeout(draw, 300);
    });
    let later = 0;
    function settled() {
      say("points", curve.written(points));
    }
    let soon = 0;
    function settledSoon() {
      clearTimeout(soon);
      soon = setTimeout(settled, 400);
    }

    // ---------------------------------------------------------------- begin

    new ResizeObserver(() => draw()).observe(chart);
    new MutationObserver(() => value && (rows(), draw())).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    watch("value", take);
    watch("picture", takePicture);
    watch("live", takeLive);
    takePicture();
    take();
    adopt(Lab.picture);
    const onPicture = (event) => (element.isConnected ? adopt(event.detail) : window.removeEventListener("lab:picture", onPicture));
    window.addEventListener("lab:picture", onPicture);
  });
})(typeof window === "undefined" ? require("./lib.js") : window.Lab);
