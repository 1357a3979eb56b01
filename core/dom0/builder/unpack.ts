/**
 * Unpacking beside dom0's event loop: in a worker thread, as a small payload may unpack to much, and what was unpacked last is kept by the
 * content's hash, so that a kernel looked at and then started, or started twice, is unpacked once.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { decompress, type Compression } from "./decompress.ts";
import { UnpackedCache } from "./unpacked-cache.ts";

/** Two large distribution kernels and their initial RAM disks. */
const CACHE_BYTES = 256 << 20;

export interface UnpackRequest {
  bytes: Uint8Array;
  compression: Compression;
}
export type UnpackReply = { bytes: Uint8Array } | { error: string };

const cache = new UnpackedCache(CACHE_BYTES, unpackNow);

/** The unpacked bytes; shared with other callers, so not to be changed. */
export function unpack(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  return cache.get(bytes, compression);
}

function unpackNow(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  const script = new URL("unpack.js", import.meta.url);
  // zlib has threads of its own. Run from the sources, as tests do, there is no bundle to start a worker from.
  const beside = compression !== "gzip" && existsSync(fileURLToPath(script));
  return beside ? unpackBeside(script, bytes, compression) : decompress(bytes, compression);
}

/** In a thread of its own that runs `script`, the bundle of unpack-worker.ts. */
export function unpackBeside(script: URL, bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // A view is sent with all of the buffer that it is part of.
    const request: UnpackRequest = { bytes: Uint8Array.from(bytes), compression };
    const worker = new Worker(script, {
      workerData: request,
      transferList: [request.bytes.buffer as ArrayBuffer],
      name: "unpack",
    });
    worker.once("message", (reply: UnpackReply) => {
      if ("error" in reply) reject(new Error(reply.error));
      else resolve(reply.bytes);
    });
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the unpacking thread ended without a result")));
  });
}
