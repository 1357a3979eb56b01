/**
 * A session's domains on their way out: each file is made, read in pieces in order, and removed when the last piece was read or nobody wants it any
 * more.
 */
import { open } from "node:fs/promises";
import { ApiFailure } from "./failure.ts";
import type { Client } from "./journal/entry.ts";
import { MOST_PIECE_BYTES } from "./limits.ts";
import type { Transfers } from "./transfers.ts";

interface Going {
  read: () => Promise<Uint8Array>;
  end: (error: ApiFailure | null) => void;
}

export class Outgoing {
  readonly #transfers: Transfers;
  readonly #who: () => Client;
  readonly #going = new Map<string, Going>();
  #next = 1;
  #ended = false;

  constructor(transfers: Transfers, who: () => Client) {
    this.#transfers = transfers;
    this.#who = who;
  }

  /** Resolves when the file is made and can be read. Throws what Transfers.exportTo() throws. */
  begin(domain: string): Promise<{ export: string; name: string; bytes: number }> {
    const id = `e${this.#next++}`;
    return new Promise((made, failed) => {
      this.#transfers
        .exportTo(domain, this.#who(), async (file, bytes, name, progress, signal) => {
          const handle = await open(file, "r");
          let at = 0;
          const read = async (): Promise<Uint8Array> => {
            const { bytesRead, buffer } = await handle.read(new Uint8Array(MOST_PIECE_BYTES), 0, MOST_PIECE_BYTES, at);
            at += bytesRead;
            progress(at / Math.max(1, bytes));
            return buffer.subarray(0, bytesRead);
          };
          try {
            await new Promise<void>((resolve, reject) => {
              const end = (error: ApiFailure | null): void => (error ? reject(error) : resolve());
              const stop = (): void => reject(signal.reason as Error);
              if (signal.aborted) stop();
              signal.addEventListener("abort", stop);
              if (this.#ended) reject(gone());
              this.#going.set(id, { read, end });
              made({ export: id, name, bytes });
            });
          } finally {
            this.#going.delete(id);
            await handle.close();
          }
        })
        .catch(failed);
    });
  }

  /** Returns the next bytes; none when all have been read. Throws ApiFailure ECANCELED when it was ended meanwhile. */
  async read(id: string): Promise<Uint8Array> {
    const going = this.#find(id);
    const bytes = await going.read().catch((error: unknown) => {
      throw this.#going.has(id) ? error : gone();
    });
    if (bytes.length === 0) going.end(null);
    return bytes;
  }

  drop(id: string): void {
    this.#find(id).end(gone());
  }

  /** Called when the session has ended. */
  end(): void {
    this.#ended = true;
    for (const { end } of [...this.#going.values()]) end(new ApiFailure("ECANCELED", "Its window went."));
  }

  #find(id: string): Going {
    const going = this.#going.get(id);
    if (!going) throw gone();
    return going;
  }
}

function gone(): ApiFailure {
  return new ApiFailure("ECANCELED", "The export was cancelled, and nothing of it is left.");
}
