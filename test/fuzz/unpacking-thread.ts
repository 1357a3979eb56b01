/**
 * A thread that unpacks one thing after the other. The product's thread ends after each (core/dom0/builder/unpack.ts), but for thousands of small
 * ones its start would take most of the time. A thread that takes too long is ended, and another is started.
 */
import path from "node:path";
import { Worker } from "node:worker_threads";
import { buildSync } from "esbuild";
import type { UnpackReply, UnpackRequest } from "../../core/dom0/builder/unpack.ts";
import { temporaryFolder } from "../temporary.ts";

const builder = path.resolve(import.meta.dirname, "../../core/dom0/builder");
const SOURCE = `
  import { parentPort } from "node:worker_threads";
  import { decompress } from "./decompress.ts";
  parentPort.on("message", async ({ bytes, compression, most }) => {
    try {
      parentPort.postMessage({ bytes: await decompress(bytes, compression, most) });
    } catch (error) {
      parentPort.postMessage({ error: error instanceof Error ? error.message : String(error) });
    }
  });`;

export class UnpackingThread {
  readonly #script = path.join(temporaryFolder("unpacking"), "thread.cjs");
  #worker: Worker | null = null;
  #asked: { answered: (reply: UnpackReply) => void; failed: (error: unknown) => void } | null = null;

  /** Unpacks one at a time. "late" means that it took longer. Rejects if the thread ends by itself, which unpacking must never cause. */
  async unpack(request: UnpackRequest, milliseconds: number): Promise<UnpackReply | "late"> {
    const worker = (this.#worker ??= this.#started());
    let answered!: (reply: UnpackReply | "late") => void;
    let failed!: (error: unknown) => void;
    const answer = new Promise<UnpackReply | "late">((resolve, reject) => ([answered, failed] = [resolve, reject]));
    this.#asked = { answered, failed };
    const clock = setTimeout(() => answered("late"), milliseconds);
    worker.postMessage(request);
    const reply = await answer.finally(() => clearTimeout(clock));
    if (reply === "late") await this.end();
    return reply;
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  #started(): Worker {
    const options = { bundle: true, format: "cjs", platform: "node", outfile: this.#script } as const;
    buildSync({ ...options, stdin: { contents: SOURCE, resolveDir: builder } });
    const worker = new Worker(this.#script);
    worker.on("message", (reply: UnpackReply) => this.#asked?.answered(reply));
    worker.on("error", (error) => this.#asked?.failed(error));
    return worker;
  }
}
