/** What a worker thread does that waits for a promise and then answers. */
import { parentPort } from "node:worker_threads";

/** Longer than any worker lives; a timer may not be set to more. */
const FOR_EVER_MS = 2 ** 31 - 1;

/**
 * Posts what `work` comes to. Waiting for a promise keeps no thread alive: where nothing else does (WebAssembly that compiles does not,
 * in Node 24), the event loop runs dry and the thread ends without an answer. So it is held until the answer is on its way.
 */
export async function answerWith<T>(
  work: Promise<T>,
  transfer: (answer: T) => ArrayBuffer[] = () => [],
): Promise<void> {
  const held = setTimeout(() => {}, FOR_EVER_MS);
  try {
    const answer = await work;
    parentPort?.postMessage(answer, transfer(answer));
  } finally {
    clearTimeout(held);
  }
}
