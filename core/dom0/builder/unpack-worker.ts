/** The thread that unpack.ts starts: unpacks what it is given and ends. */
import { parentPort, workerData } from "node:worker_threads";
import { decompress } from "./decompress.ts";
import type { UnpackReply, UnpackRequest } from "./unpack.ts";

const { bytes, compression } = workerData as UnpackRequest;
let reply: UnpackReply;
try {
  const unpacked = await decompress(bytes, compression);
  // Its own buffer, so that it can be handed over instead of copied.
  const own = unpacked.byteLength === unpacked.buffer.byteLength ? unpacked : unpacked.slice();
  reply = { bytes: own };
} catch (error) {
  reply = { error: error instanceof Error ? error.message : String(error) };
}
parentPort?.postMessage(reply, "bytes" in reply ? [reply.bytes.buffer as ArrayBuffer] : []);
