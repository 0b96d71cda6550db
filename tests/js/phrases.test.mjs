import assert from "node:assert/strict";
import test from "node:test";
import { conflicts, phrasesIn, toggled } from "../../playground/page/widgets/prompt/phrases.js";

const phrases = new Set([
  "long hair", "red hair", "blue hair", "curly hair", "bald", "glasses", "closed eyes", "hat", "red hat", "blue hat", "red clothes", "blue clothes", "tongue out",
]); // prettier-ignore
const exclusive = [["blue hair", "red hair"], ["bald", "long hair"], ["blue hat", "red hat"], ["blue clothes", "red clothes"]];
const said = (prompt) => phrasesIn(prompt, phrases).sort();
const press = (prompt, phrase) => toggled(prompt, phrase, phrases, exclusive);

test("phrases that end in the same word share it", () => {
  assert.deepEqual(said("Long red hair, glasses!"), ["glasses", "long hair", "red hair"]);
  assert.deepEqual(said("blue hair red clothes"), ["blue hair", "red clothes"]);
  assert.deepEqual(said("red hair blue clothes"), ["blue clothes", "red hair"]);
  assert.deepEqual(said("red glasses hair"), ["glasses"]);
  assert.deepEqual(said("red hat closed eyes tongue out"), ["closed eyes", "hat", "red hat", "tongue out"]);
  assert.deepEqual(said(""), []);
});

test("a phrase is added and taken away", () => {
  assert.equal(press("", "glasses"), "glasses");
  assert.equal(press("glasses", "glasses"), "");
  assert.equal(press("red hair glasses", "curly hair"), "red curly hair glasses");
  assert.equal(press("red curly hair glasses", "red hair"), "curly hair glasses");
  assert.equal(press("curly hair glasses", "curly hair"), "glasses");
  assert.equal(press("red hat", "red hat"), "hat");
  assert.equal(press("hat", "red hat"), "red hat");
  assert.equal(press("blue hair", "red clothes"), "blue hair red clothes");
  assert.equal(press("smile", "closed eyes"), "smile closed eyes");
});

test("it takes the place of what it excludes", () => {
  assert.equal(press("red hair glasses", "blue hair"), "glasses blue hair");
  assert.equal(press("long red hair", "blue hair"), "long blue hair");
  assert.equal(press("long red hair", "bald"), "red hair bald");
  assert.equal(press("red hat", "blue hat"), "blue hat");
});

test("what excludes one another is named, and nothing else", () => {
  assert.deepEqual(conflicts("red blue hair", phrases, exclusive), [["red hair", "blue hair"]]);
  assert.deepEqual(conflicts("blue hair red clothes", phrases, exclusive), []);
  assert.deepEqual(conflicts("bald long hair glasses", phrases, exclusive), [["long hair", "bald"]]);
});
