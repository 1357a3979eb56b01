/** The thread that unpack.ts starts: unpacks what it is given, and ends. */
import { workerData } from "node:worker_threads";
import { answerWith } from "../../machine/worker-answer.ts";
import { decompress } from "./decompress.ts";
import type { UnpackReply, UnpackRequest } from "./unpack.ts";

async function unpacked({ bytes, compression, most }: UnpackRequest): Promise<UnpackReply> {
  try {
    return { bytes: await decompress(bytes, compression, most) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

// The buffer is transferred and not copied.
await answerWith(unpacked(workerData as UnpackRequest), (reply) => ("bytes" in reply ? [reply.bytes.buffer] : []));
