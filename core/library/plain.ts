/** Reads files of the library's folder, which somebody else may have changed: no link is followed, and no more than the allowed size is read. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Throws an Error whose message is a sentence without its full stop, or the file system's error. */
export async function readPlain(file: string, mostBytes: number): Promise<Buffer> {
  // Without O_NONBLOCK, opening a pipe would wait for its other end. Windows has neither such pipes nor these flags.
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
