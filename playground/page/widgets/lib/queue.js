/* An event is never lost while Gradio's stream of events is closing.
 *
 * The server ends that stream as soon as nothing is pending. An event that joins while this is still on its way to the
 * page would never be heard of: the page takes the stream for open, and opens no other. So the page gets the answer to
 * a join only once the open stream has carried something of that event (the server says at once where it is in the
 * queue), or has ended. Without an open stream nothing waits.
 */

const PATIENCE = 30_000; // ms: a slow server’s event may take its time, one that is lost never comes
const TAIL = 100; // characters: an id may be cut in two by the ends of chunks

/** What is known of one stream: `saw(id)` resolves as soon as it has carried `id`, or is over. */
class Stream {
  constructor() {
    this.ids = new Set();
    this.over = false;
    this.waiting = [];
    this.tail = "";
  }

  take(text) {
    const known = this.tail + text;
    for (const [, id] of known.matchAll(/"event_id":\s*"(\w+)"/g)) this.ids.add(id);
    this.tail = known.slice(-TAIL);
    this.tell();
  }

  end() {
    this.over = true;
    this.tell();
  }

  tell() {
    this.waiting = this.waiting.filter(({ id, done }) => !(this.over || this.ids.has(id)) || done());
  }

  saw(id) {
    return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
      const done = () => void resolve();
      setTimeout(done, PATIENCE);
      this.waiting.push({ id, done });
      this.tell();
    });
  }
}

/** `fetch` as the page should have it. */
export function patient(fetch) {
  let stream = null;

  function watched(answer, signal) {
    const own = (stream = new Stream());
    // The page's own word that it takes the stream for closed; should it not come, soon after the end.
    const end = (wait) => setTimeout(() => own.end(), wait);
    if (signal) signal.addEventListener("abort", () => end(0));
    const decoder = new TextDecoder();
    const listening = new TransformStream({
      transform(chunk, controller) {
        own.take(decoder.decode(chunk, { stream: true }));
        controller.enqueue(chunk);
      },
      flush: () => void end(200),
    });
    const { status, statusText, headers } = answer;
    return new Response(answer.body.pipeThrough(listening), { status, statusText, headers });
  }

  return async function (request, init) {
    const path = String(request.url || request).split("?")[0];
    const answer = await fetch(request, init);
    if (path.endsWith("/queue/data") && answer.ok) return watched(answer, (init || {}).signal || request.signal);
    if (path.endsWith("/queue/join") && answer.ok && stream && !stream.over) {
      const { event_id: id } = await answer.clone().json();
      await stream.saw(id);
    }
    return answer;
  };
}
