/* Drawing: points of one's own, by hand or by key. The server answers with their run. */

import { announce, text } from "../lib/words.js";
import { clamp } from "../maths/forward.js";
import { EXTENT, at, mixture } from "../maths/mixture.js";
import { put } from "./words.js";

const MOST_POINTS = 200;
const APART = 0.13; // between two points of one stroke
const BY = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * @param {any} host the widget
 * @param {any} scene field.js's
 * @param {{send: (drawn: object) => void, redraw: () => void, pause: () => void, moveTo: (t: number) => void,
 *   probeText: (s: object) => string}} hands
 */
export function makeDrawing(host, scene, { send, redraw, pause, moveTo, probeText }) {
  const $ = (s) => host.querySelector(s);
  const canvas = $("canvas.big");
  let stroke = null; // where its last point is
  let stamp = 0; // of the drawing, so that late answers can be told
  let [sent, sentAt, answered] = [0, 0, 0];

  /** The drawing goes to the server one at a time and the last one always, so that it also keeps the last. */
  function post() {
    const waiting = sent > answered && performance.now() - sentAt < 8000;
    if (waiting || !scene.drawing) return;
    const points = [];
    for (let i = 0; i < scene.cloud.points.length; i += 2) {
      points.push([+scene.cloud.points[i].toFixed(3), +scene.cloud.points[i + 1].toFixed(3)]);
    }
    sent = stamp;
    sentAt = performance.now();
    send({ points, stamp });
  }

  /** An answer to a drawing: is it to be passed over, because there is a newer one? */
  function outdated(cloud) {
    if (cloud.name === "draw") answered = cloud.stamp;
    if (!scene.drawing || cloud.name !== "draw" || answered >= stamp) {
      stamp = Math.max(stamp, cloud.stamp);
      return false;
    }
    if (!stroke) post();
    return true;
  }

  /** What is shown of the tools. */
  function show() {
    $(".hint").hidden = !scene.drawing || scene.mix.K > 0;
    $(".pen").hidden = !scene.drawing || !scene.mix.K;
    canvas.classList.toggle("drawing", scene.drawing);
  }

  function change(points, done) {
    scene.cloud.points = Float64Array.from(points);
    scene.cloud.version = ++scene.version;
    scene.mix = mixture(scene.cloud.points, scene.cloud.std);
    scene.run = null; // it was of other points
    stamp += 1;
    show();
    if (done) post();
    redraw();
  }
  function add(x, y, done) {
    if (scene.mix.K >= MOST_POINTS) return put($(".status"), text("{n} points are the most.", { n: MOST_POINTS }));
    if (scene.t > 0.02 * scene.T && !scene.mix.K) moveTo(0);
    change([...scene.cloud.points, x, y], done);
  }
  const undo = () => scene.mix.K && change([...scene.cloud.points].slice(0, -2), true);

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [
      clamp((((event.clientX - box.left) / box.width) * 2 - 1) * EXTENT, -EXTENT, EXTENT),
      clamp((1 - ((event.clientY - box.top) / box.height) * 2) * EXTENT, -EXTENT, EXTENT),
    ];
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !scene.cloud) return;
    scene.probe = place(event);
    if (scene.drawing) {
      pause();
      canvas.setPointerCapture(event.pointerId);
      stroke = scene.probe;
      add(...scene.probe, false);
    }
    redraw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!scene.cloud) return;
    scene.probe = place(event);
    if (stroke && Math.hypot(scene.probe[0] - stroke[0], scene.probe[1] - stroke[1]) > APART) {
      stroke = scene.probe;
      add(...scene.probe, false);
    }
    redraw();
  });
  const lift = () => {
    if (!stroke) return;
    stroke = null;
    change(scene.cloud.points, true);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  $(".undo").onclick = undo;
  $(".clear").onclick = () => {
    pause();
    change([], true);
  };

  /** A key over the canvas: the pointer moves, a point is placed or taken back. False where it is none of these. */
  function key(event) {
    if (BY[event.key]) {
      const size = event.shiftKey ? 0.5 : 0.1;
      scene.probe = scene.probe.map((v, i) => clamp(v + size * BY[event.key][i], -EXTENT, EXTENT));
      if (scene.mix.K) announce(probeText(at(scene.mix, scene.alpha(), scene.probe[0], scene.probe[1])));
      redraw();
    } else if (scene.drawing && event.key === "Enter") add(...scene.probe, true);
    else if (scene.drawing && event.key === "Backspace") undo();
    else return false;
    return true;
  }

  return { outdated, show, key };
}
