/* Timing: what this machine was measured to do, row by row as it comes, and beside it what others were. */

import { chart, svg } from "../lib/chart.js";
import { number, text } from "../lib/words.js";

/** Colours and dashes: this machine's lines one after the other, then those of other machines. */
const HERE = [["a", ""], ["b", ""], ["a", "6 3"], ["b", "6 3"], ["a", "2 3"], ["b", "2 3"]];
const ELSEWHERE = [["c", ""], ["c", "6 3"], ["c", "2 3"]];
const places = (value) => Math.max(0, 2 - Math.floor(Math.log10(value)));

/** A machine's rows by device and threads: [{label, rows}]. Pure. */
export function lines(rows) {
  /** @type {Map<string, {device: string, threads: number | null, rows: any[]}>} */
  const found = new Map();
  for (const row of rows) {
    const key = `${row.device} ${row.threads}`;
    if (!found.has(key)) found.set(key, { device: row.device, threads: row.threads, rows: [] });
    found.get(key).rows.push(row);
  }
  return [...found.values()];
}

export function mount({ element, props, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const root = $(".timing");
  const link = $(".csv");
  let plot = null;

  function show() {
    const value = props.value;
    root.hidden = !value;
    if (!value) return;
    const machines = [value.here, ...value.others].filter((machine) => machine.rows.length);
    const every = machines.flatMap((machine) => machine.rows);
    root.dataset.rows = value.here.rows.length;
    root.dataset.state = value.done ? "done" : "live";
    $(".note").textContent = value.done ? value.note : text("Measuring …");
    link.hidden = !value.done;
    if (value.done) {
      if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(new Blob([value.csv], { type: "text/csv" }));
      link.download = `timing-${value.here.checkpoint}.csv`;
    }
    if (!every.length) return;
    const counts = [...new Set(every.map((row) => row.pictures))].sort((one, other) => one - other);
    draw(machines, every, counts, value);
  }

  function draw(machines, every, counts, value) {
    const rates = every.map((row) => row.steps_per_second);
    const [low, high] = [10 ** Math.floor(Math.log10(Math.min(...rates))), 10 ** Math.ceil(Math.log10(Math.max(...rates) * 1.01))];
    const yTicks = [];
    for (let tick = low; tick <= high; tick *= 10) yTicks.push(tick);
    const xTicks = counts.map(Math.log2);
    plot = chart($(".plot"), {
      x: [xTicks[0] - 0.2, xTicks[xTicks.length - 1] + 0.2], y: [low, high], log: true, xTicks, yTicks, height: 170, fluid: true,
      margin: { l: 40 }, label: $(".title").textContent,
      format: (tick, axis) => number(axis === "x" ? 2 ** tick : tick, 0),
    });
    $(".tables").replaceChildren();
    let [here, elsewhere] = [0, 0];
    for (const machine of machines) {
      const table = document.createElement("table");
      const caption = table.createCaption();
      const name = document.createElement("b");
      name.textContent = machine === value.here ? text("This machine") : machine.machine;
      caption.append(name, ` · ${machine === value.here ? machine.machine : `${machine.date}, PyTorch ${machine.torch}`}`);
      const head = table.createTHead().insertRow();
      for (const words of [text("Pictures at once"), ...counts]) head.append(cell("th", String(words), "col"));
      const body = table.createTBody();
      for (const line of lines(machine.rows)) {
        const [className, dash] = machine === value.here ? HERE[here++ % HERE.length] : ELSEWHERE[elsewhere++ % ELSEWHERE.length];
        plot.line(`${machine.machine} ${line.device} ${line.threads}`, line.rows.map((row) => Math.log2(row.pictures)), line.rows.map((row) => row.steps_per_second), { className, dash });
        body.append(tableRow(line, counts, className, dash));
      }
      $(".tables").append(table);
    }
  }

  function tableRow(line, counts, className, dash) {
    const row = document.createElement("tr");
    const label = line.threads ? text("{device}, threads: {threads}", line) : line.device;
    const head = cell("th", label, "row");
    const sample = svg("svg", { viewBox: "0 0 22 8", class: "lab-chart", "aria-hidden": "true" });
    svg("path", { d: "M0 4h22", class: `line ${className}`, "stroke-dasharray": dash }, sample);
    head.prepend(sample);
    row.append(head);
    for (const count of counts) {
      const found = line.rows.find((one) => one.pictures === count);
      const each = cell("td", found ? text("{rate}/s", { rate: number(found.steps_per_second, places(found.steps_per_second)) }) : "");
      const seconds = document.createElement("small");
      if (found) seconds.textContent = text("{seconds} s", { seconds: number(found.seconds_per_step, 4) });
      each.append(seconds);
      row.append(each);
    }
    return row;
  }

  function cell(tag, words, scope = "") {
    const made = document.createElement(tag);
    made.textContent = words;
    if (scope) made.scope = scope;
    return made;
  }

  $(".title").textContent = text("Steps a second by pictures at once");
  link.textContent = text("Download as CSV");
  watch("value", show);
  show();
}
