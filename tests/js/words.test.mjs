import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { splitWords } from "../../playground/page/widgets/prompt/phrases.js";
import { unknownWords } from "../../playground/page/widgets/prompt/prompt.js";

test("the words of a prompt, symbols too, are those that the server sees", () => {
  const cases = JSON.parse(readFileSync(new URL("words.fixture.json", import.meta.url), "utf8"));
  for (const [text, words] of cases) assert.deepEqual(splitWords(text), words, text);
  assert.deepEqual(unknownWords("😀 cat €5", new Set(["cat", "5"])), ["😀", "€"]);
});
