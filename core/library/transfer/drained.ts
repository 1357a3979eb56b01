/** Streams that are written faster than they take. */
import type { Writable } from "node:stream";

/** Until a stream that is full takes more. Rejects where it takes none any more. */
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
