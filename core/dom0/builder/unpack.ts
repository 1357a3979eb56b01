/**
 * Unpacks beside dom0's event loop, in a worker thread, because even a small payload may unpack to much. What was unpacked last is kept by the hash
 * of the packed content, so that a kernel that is looked at and then started, or started twice, is unpacked once. A file may be made to do harm.
 * Therefore the output is bounded while it is produced (./unpacked-bytes.ts, since no option of a worker bounds its ArrayBuffers), the thread's own
 * heap by the worker's limits, its time by the processor's (./time-limit.ts), and the number of threads by a queue.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { decompress, MAX_UNPACKED, type Compression } from "./decompress.ts";
import { limitTime, timeUsed } from "./time-limit.ts";
import { UnpackedCache } from "./unpacked-cache.ts";

/** Enough for two large distribution kernels and their initial RAM disks. */
const CACHE_BYTES = 256 << 20;
/** Further requests wait for these threads. */
const MOST_THREADS = 2;
/** Of processor time. A gigabyte of the slowest format takes less on a slow machine. */
const MOST_MS = 120_000;
/** Decoders keep their tables in the heap, and their output outside of it. */
const LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32 };

export interface UnpackRequest {
  bytes: Uint8Array;
  compression: Compression;
  /** The most bytes of output. */
  most: number;
}
export type UnpackReply = { bytes: Uint8Array<ArrayBuffer> } | { error: string };

export interface UnpackOptions {
  /** Ends the thread when nobody wants the result any more. */
  wanted?: AbortSignal;
  most?: number;
  milliseconds?: number;
}

const cache = new UnpackedCache(CACHE_BYTES, inTurn(MOST_THREADS, unpackNow));

/**
 * Returns the unpacked bytes, which are shared with other callers and must not be changed. Rejects with the reason of `wanted` once that is aborted.
 */
export function unpack(bytes: Uint8Array, compression: Compression, wanted?: AbortSignal): Promise<Uint8Array> {
  return cache.get(bytes, compression, wanted);
}

type Unpack = (bytes: Uint8Array, compression: Compression, wanted: AbortSignal) => Promise<Uint8Array>;

/** Runs at most so many at once; the others wait, in the order in which they came. */
export function inTurn(most: number, unpackOne: Unpack): Unpack {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (bytes, compression, wanted) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      wanted.throwIfAborted();
      return await unpackOne(bytes, compression, wanted);
    } finally {
      // The place passes to the next one that waits.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

function unpackNow(bytes: Uint8Array, compression: Compression, wanted: AbortSignal): Promise<Uint8Array> {
  const script = new URL("unpack.js", import.meta.url);
  // When it runs from the sources, as in tests, there is no bundle from which a worker could be started.
  return existsSync(fileURLToPath(script))
    ? unpackBeside(script, bytes, compression, { wanted })
    : decompress(bytes, compression);
}

/** Unpacks in a thread of its own that runs `script`, the bundle of unpack-worker.ts. */
export function unpackBeside(
  script: URL,
  bytes: Uint8Array,
  compression: Compression,
  { wanted, most = MAX_UNPACKED, milliseconds = MOST_MS }: UnpackOptions = {},
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // Sending a view would send the whole buffer that it is part of.
    const request: UnpackRequest = { bytes: Uint8Array.from(bytes), compression, most };
    const worker = new Worker(script, {
      workerData: request,
      transferList: [request.bytes.buffer as ArrayBuffer],
      resourceLimits: LIMITS,
      name: "unpack",
    });
    const giveUp = (reason: unknown): void => {
      reject(reason as Error);
      void worker.terminate();
    };
    const endLimit = limitTime(timeUsed(worker), milliseconds, () =>
      giveUp(new Error(`it takes more than ${milliseconds / 1000} s to unpack`)),
    );
    const given = (): void => giveUp(wanted!.reason);
    wanted?.addEventListener("abort", given, { once: true });
    worker.once("message", (reply: UnpackReply) => {
      if ("error" in reply) reject(new Error(reply.error));
      else resolve(reply.bytes);
    });
    worker.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ERR_WORKER_OUT_OF_MEMORY" ? new Error("unpacking it takes too much memory") : error),
    );
    worker.once("exit", () => {
      endLimit();
      wanted?.removeEventListener("abort", given);
      reject(new Error("the unpacking thread ended without a result"));
    });
  });
}
