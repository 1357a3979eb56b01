/** The token of `serve --token-file`: it is made at the first start, only the user can read it, and it stays the same from then on. */
import { closeSync, fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { newToken } from "../api/transport/websocket-server.ts";
import { UsageError } from "./arguments.ts";

/** The least number of characters in a token; with fewer it could be guessed. */
const LEAST = 16;

/** Throws UsageError where the file is no token, or others may read it; the system's error where it can be neither read nor made. */
export function tokenOf(file: string): string {
  const made = newToken();
  try {
    const handle = openSync(file, "wx", 0o600);
    writeSync(handle, `${made}\n`);
    closeSync(handle);
    return made;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const handle = openSync(file, "r");
  try {
    if (process.platform !== "win32" && (fstatSync(handle).mode & 0o077) !== 0)
      throw new UsageError(`--token-file ${file}: others may read it; its mode must be 0600`);
    const token = readFileSync(handle, "utf8").trim();
    if (!/^[\w-]+$/.test(token) || token.length < LEAST || token.length > 256)
      throw new UsageError(
        `--token-file ${file} holds no token: ${LEAST} to 256 letters, digits, - and _, or no such file, which makes one`,
      );
    return token;
  } finally {
    closeSync(handle);
  }
}
