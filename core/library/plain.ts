/** Files of the library's folder, which somebody else may have changed: none leads elsewhere, and none is larger than it may be. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Throws a sentence without its full stop, or what the file system says. */
export async function readPlain(file: string, mostBytes: number): Promise<Buffer> {
  // Whoever opens a pipe waits for its other end; Windows has neither links of that kind nor these flags.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new Error("it is no file");
    if (facts.size > mostBytes)
      throw new Error(`it has ${facts.size} bytes, more than the ${mostBytes} that it may have`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
