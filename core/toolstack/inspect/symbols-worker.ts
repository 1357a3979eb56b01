/** The thread that kernel-symbols.ts starts. It reads the symbols from the file of a kernel and ends. */
import { readFile } from "node:fs/promises";
import { workerData } from "node:worker_threads";
import { loadKernel } from "../../dom0/builder/image.ts";
import { answerWith } from "../../machine/worker-answer.ts";
import { kallsyms } from "../profile/kallsyms.ts";
import { elfSymbols } from "../profile/symbols.ts";
import type { SymbolsReply, SymbolsRequest } from "./kernel-symbols.ts";

const { kernel } = workerData as SymbolsRequest;

async function read(): Promise<SymbolsReply> {
  try {
    const { bytes } = await loadKernel(typeof kernel === "string" ? await readFile(kernel) : kernel, "kernel");
    const found = elfSymbols(bytes) ?? kallsyms(bytes);
    return found ? found.table() : null;
  } catch {
    // The domain runs, so the code that created it has seen that this is a kernel. Its file may be gone since.
    return null;
  }
}

await answerWith(read(), (reply) => (reply ? [reply.addresses.buffer as ArrayBuffer] : []));
