/** Waits for streams that can't take what is written as fast as it comes. */
import type { Writable } from "node:stream";

/** Resolves when a full stream takes more. Rejects where it will take no more. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stream.off("drain", done).off("close", done);
      if (stream.destroyed) reject(new Error("The stream has ended."));
      else resolve();
    };
    if (stream.destroyed) done();
    else stream.on("drain", done).on("close", done);
  });
}
