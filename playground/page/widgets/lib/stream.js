/* Stream: an answer of the server, line by line as it comes. */

/** Gives `take` each line of JSON of the answer to `path`. Where the answer breaks off, nothing more comes. */
export async function lines(path, take, signal) {
  const answer = await fetch(new URL(path, document.baseURI), { signal }).catch(() => null);
  if (!answer || !answer.ok) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read().catch(() => ({ done: true, value: "" }));
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) take(JSON.parse(part));
  }
}
