/* Given: beside where a picture is given. What the model knows is said before it is asked, and the picture before is one
 * press away; the picture itself is page-wide (lib/shared.js).
 */

import { before, given, spreads } from "../lib/shared.js";
import { text } from "../lib/words.js";

/** What the cards of the models that come along name; others' subjects stand as they are. */
const SUBJECTS = { faces: () => text("faces"), emoji: () => text("emoji") };

/** What becomes of a picture with a model of such pictures. */
function sentence({ side, subject }) {
  if (!side) return "";
  if (!subject) return text("This model knows pictures of {n} × {n} pixels: yours is made that small.", { n: side });
  const what = SUBJECTS[subject] ? SUBJECTS[subject]() : subject;
  return text("This model draws {subject} at {n} × {n} pixels: your picture will become one.", { subject: what, n: side });
}

export function mount({ element, props, trigger, watch }) {
  const button = element.querySelector(".before");
  button.textContent = text("The picture before");
  button.onclick = before;
  spreads(element, () => trigger("spread"));
  given(element, (_now, past) => (button.hidden = !past));
  const tell = () => (element.querySelector(".knows").textContent = sentence(props.value || { side: 0, subject: "" }));
  watch("value", tell);
  tell();
}
