/**
 * The command line's end of its connection to a running host: a socket in a folder that only the user may enter (a named pipe on Windows). Each message
 * is preceded by its length, u32 little-endian. Nothing of the host is imported here, because each command would load it.
 */
import { lstatSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { isPrivateFolder, userNumber } from "../../files/own-folder.ts";
import { Heard, type Transport } from "../client.ts";
import type { ServerMessage } from "../schema.ts";
import { fromBytes, toBytes } from "./frame.ts";

/** A result (such as a console's log) may be longer than a request. */
const MOST_RESULT_BYTES = 64 * 1024 * 1024;

/** Where the user's running host listens. XENARIUM_SOCKET overrides it. */
export function socketPath(): string {
  if (process.env.XENARIUM_SOCKET) return process.env.XENARIUM_SOCKET;
  if (process.platform === "win32") return `\\\\.\\pipe\\xenarium-${userInfo().username.replace(/[^\w-]/g, "_")}`;
  const base = process.env.XDG_RUNTIME_DIR;
  const folder = base ? path.join(base, "xenarium") : path.join(tmpdir(), `xenarium-${userNumber()}`);
  return path.join(folder, "host.sock");
}

/**
 * In a folder for everybody's files another user may have made our folder first, and would then be the one who listens. Throws a sentence unless the
 * folder belongs to the user and is closed to others. A path that the user has named is the user's responsibility.
 */
export function checkFolder(file: string): void {
  if (process.platform === "win32" || process.env.XENARIUM_SOCKET === file) return;
  const folder = path.dirname(file);
  if (lstatSync(folder, { throwIfNoEntry: false }) && !isPrivateFolder(folder))
    throw new Error(`${folder} must be a folder of yours that nobody else may enter (mode 0700); it is not`);
}

/** Cuts a stream into messages. Returns false if the other end has sent one that is too long. */
export function splitter(most: number, onMessage: (bytes: Uint8Array) => void): (chunk: Buffer) => boolean {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk) => {
    pending = pending.length ? Buffer.concat([pending, chunk]) : chunk;
    while (pending.length >= 4) {
      const length = pending.readUInt32LE(0);
      if (length > most) return false;
      if (pending.length < 4 + length) break;
      onMessage(pending.subarray(4, 4 + length));
      pending = pending.subarray(4 + length);
    }
    return true;
  };
}

export function writeMessage(socket: Socket, message: unknown): void {
  const bytes = toBytes(message);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  socket.cork();
  socket.write(length);
  socket.write(bytes);
  socket.uncork();
}

/** Connects to the user's running host. Rejects with a sentence if there is none. */
export function connectLocal(file = socketPath()): Promise<Transport> {
  return new Promise((resolve, reject) => {
    checkFolder(file);
    const socket = connect(file);
    socket.once("error", () =>
      reject(new Error(`no host is running here (nothing answers at ${file}); start one with \`xenarium serve\``)),
    );
    socket.once("connect", () => {
      const heard = new Heard();
      const split = splitter(MOST_RESULT_BYTES, (bytes) => heard.message(fromBytes(bytes) as ServerMessage));
      socket.on("data", (chunk) => {
        if (!split(chunk)) socket.destroy();
      });
      socket.on("error", () => {});
      socket.on("close", () => heard.closed("The host has ended, or its connection was lost."));
      resolve({
        send: (message) => writeMessage(socket, message),
        listen: (listener) => heard.listen(listener),
        close: () => socket.end(),
      });
    });
  });
}
