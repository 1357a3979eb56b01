/**
 * Unpacking beside dom0's event loop: big payloads go to a worker thread, and what was unpacked last is kept by the
 * content's hash, so that a kernel looked at and then started, or started twice, is unpacked once.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { decompress, type Compression } from "./decompress.ts";

/** Smaller payloads take a few milliseconds. */
const IN_THREAD_BYTES = 256 * 1024;
const CACHE_BYTES = 256 << 20;

export interface UnpackRequest {
  bytes: Uint8Array;
  compression: Compression;
}
export type UnpackReply = { bytes: Uint8Array } | { error: string };

const cache = new Map<string, Uint8Array>();

/** The unpacked bytes; shared with other callers, so not to be changed. */
export async function unpack(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  const key = createHash("sha256").update(bytes).digest("hex");
  const known = cache.get(key);
  if (known) {
    cache.delete(key);
    cache.set(key, known);
    return known;
  }
  const script = new URL("unpack.js", import.meta.url);
  // Run from the sources, as tests do, there is no bundle to start a worker from.
  const beside = bytes.length > IN_THREAD_BYTES && compression !== "gzip" && existsSync(fileURLToPath(script));
  const unpacked = beside ? await unpackBeside(script, { bytes, compression }) : await decompress(bytes, compression);
  cache.set(key, unpacked);
  let total = 0;
  for (const entry of cache.values()) total += entry.length;
  for (const [oldest, entry] of cache) {
    if (total <= CACHE_BYTES || oldest === key) break;
    cache.delete(oldest);
    total -= entry.length;
  }
  return unpacked;
}

function unpackBeside(script: URL, request: UnpackRequest): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: request, name: "unpack" });
    worker.once("message", (reply: UnpackReply) => {
      if ("error" in reply) reject(new Error(reply.error));
      else resolve(reply.bytes);
    });
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the unpacking thread ended without a result")));
  });
}
