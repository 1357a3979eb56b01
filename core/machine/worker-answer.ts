/** For a worker thread that waits for a promise and then answers. */
import { parentPort } from "node:worker_threads";

/** Longer than any worker lives; a timer can't be set to more. */
const FOR_EVER_MS = 2 ** 31 - 1;

/**
 * Posts the result of `work`. Waiting for a promise does not keep a thread alive: where nothing else does (compiling WebAssembly does not, in Node
 * 24), the event loop runs dry and the thread ends without an answer. So it is kept alive until the answer is on its way.
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
