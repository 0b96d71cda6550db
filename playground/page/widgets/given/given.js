/* Given: beside where a picture is given. What the model knows is said before it is asked, and the picture before is one
 * press away; the picture itself is page-wide (lib/shared.js).
 */

import { before, given, spreads } from "../lib/shared.js";
import { text } from "../lib/words.js";

export function mount({ element, props, trigger, watch }) {
  const button = element.querySelector(".before");
  button.textContent = text("The picture before");
  button.onclick = before;
  spreads(element, () => trigger("spread"));
  given(element, (_now, past) => (button.hidden = !past));
  const tell = () => (element.querySelector(".knows").textContent = props.value || "");
  watch("value", tell);
  tell();
}
