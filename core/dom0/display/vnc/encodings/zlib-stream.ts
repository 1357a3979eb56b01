/** One zlib stream for as long as a client is there, flushed at the end of each rectangle. It works on other threads. */
import { constants, createDeflate, type Deflate } from "node:zlib";

/** Text and plain colours compress well at once; more effort costs more time than it saves on loopback. */
const LEVEL = 1;

export class ZlibStream {
  readonly #deflate: Deflate = createDeflate({ level: LEVEL });
  #parts: Buffer[] = [];

  constructor() {
    this.#deflate.on("data", (part: Buffer) => this.#parts.push(part));
    // A stream that is closed while it works reports an error.
    this.#deflate.on("error", () => {});
  }

  /** One at a time. Never settles if the stream is closed meanwhile. */
  compress(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      this.#deflate.write(bytes);
      this.#deflate.flush(constants.Z_SYNC_FLUSH, () => {
        const compressed = Buffer.concat(this.#parts);
        this.#parts = [];
        resolve(compressed);
      });
    });
  }

  close(): void {
    this.#deflate.destroy();
  }
}
