/**
 * The command line's connection: a socket in a folder that only the user may enter (a named pipe on Windows). Each message is preceded by its length,
 * u32 little-endian.
 */
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { writeWholeSync } from "../../files/whole.ts";
import { Heard, type Transport } from "../client.ts";
import type { HostService } from "../host-service.ts";
import { MOST_MESSAGE_BYTES, type ServerMessage } from "../schema.ts";
import { Session } from "../session.ts";
import { fromBytes, requestFromBytes, toBytes } from "./frame.ts";

/** A result (such as a console's log) may be longer than a request. */
const MOST_RESULT_BYTES = 64 * 1024 * 1024;

/** Where the user's running host listens. XENARIUM_SOCKET overrides it. */
export function socketPath(): string {
  if (process.env.XENARIUM_SOCKET) return process.env.XENARIUM_SOCKET;
  const user = userInfo().username.replace(/[^\w-]/g, "_");
  if (process.platform === "win32") return `\\\\.\\pipe\\xenarium-${user}`;
  const base = process.env.XDG_RUNTIME_DIR;
  const folder = base ? path.join(base, "xenarium") : path.join(tmpdir(), `xenarium-${userInfo().uid}`);
  return path.join(folder, "host.sock");
}

/**
 * In a folder for everybody's files another user may have made our folder first, and would then be the one who listens. Throws a sentence unless the
 * folder belongs to the user and is closed to others. A path that the user has named is the user's responsibility.
 */
function checkFolder(file: string): void {
  if (process.platform === "win32" || process.env.XENARIUM_SOCKET === file) return;
  const folder = path.dirname(file);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0)
    throw new Error(`${folder} must be a folder of yours that nobody else may enter (mode 0700); it is not`);
}

/** Cuts a stream into messages. Returns false if the other end has sent one that is too long. */
function splitter(most: number, onMessage: (bytes: Uint8Array) => void): (chunk: Buffer) => boolean {
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

function writeMessage(socket: Socket, message: unknown): void {
  const bytes = toBytes(message);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  socket.cork();
  socket.write(length);
  socket.write(bytes);
  socket.uncork();
}

/** A file beside our socket that identifies it. By this the socket of a host that was killed is distinguished from what others have put there. */
const markOf = (file: string): string => `${file}.owner`;

/** Returns the identity of the socket's file; null where there is none. Throws a sentence for what is no socket. */
function socketAt(file: string): string | null {
  const found = lstatSync(file, { throwIfNoEntry: false, bigint: true });
  if (!found) return null;
  if (found.isSocket()) return `${found.dev} ${found.ino}\n`;
  const what = found.isDirectory() ? "a folder" : found.isSymbolicLink() ? "a link" : "a file";
  throw new Error(`${file} is ${what}, not a socket; name a place for the socket where nothing is`);
}

/** Makes room for a socket. Throws a sentence, with everything left as it was, if there is anything other than what a killed host has left. */
async function takePlace(file: string): Promise<void> {
  const found = socketAt(file);
  if (found === null) return;
  const fate = await connecting(file);
  if (fate === "answered") throw new Error(`another Xenarium host, or another program, listens at ${file}`);
  if (fate !== "ECONNREFUSED" && fate !== "ENOENT")
    throw new Error(`${file} is a socket that can't be looked at (${fate}); name another place for this host's`);
  // In a folder of the host's own, a socket without a mark is from a version before there were marks.
  if (process.env.XENARIUM_SOCKET === file && readMark(file) !== found)
    throw new Error(
      `${file} is a socket that no Xenarium host has left; delete it if nobody needs it, or name another place for this host's`,
    );
  if (socketAt(file) === found) rmSync(file, { force: true });
}

function readMark(file: string): string | null {
  try {
    return readFileSync(markOf(file), "latin1");
  } catch {
    return null;
  }
}

/** Rejects with a sentence if another host of this user listens there already, or something is there that is no socket of ours. */
export async function serveLocal(host: HostService, file = socketPath()): Promise<{ close(): Promise<void> }> {
  if (process.platform !== "win32") {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    checkFolder(file);
    await takePlace(file);
  }
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const session = new Session(host, {
      send: (message) => {
        if (socket.writable) writeMessage(socket, message);
      },
      get backlog() {
        return socket.writableLength;
      },
      end: () => socket.destroy(),
      mayNameFiles: true,
    });
    const split = splitter(MOST_MESSAGE_BYTES, (bytes) => {
      let message: unknown;
      try {
        message = requestFromBytes(bytes);
      } catch {
        socket.destroy();
        return;
      }
      void session.receive(message);
    });
    socket.on("data", (chunk) => {
      if (!split(chunk)) socket.destroy();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      session.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(file, resolve);
  });
  if (process.platform !== "win32") {
    chmodSync(file, 0o600);
    writeWholeSync(markOf(file), socketAt(file) ?? "");
  }
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      if (process.platform !== "win32") await rm(markOf(file), { force: true });
      // The folder is ours and useless without a socket; other things in it keep it.
      if (process.platform !== "win32" && process.env.XENARIUM_SOCKET !== file)
        await rmdir(path.dirname(file)).catch(() => {});
    },
  };
}

/** Returns "answered", or the code of the error. */
function connecting(file: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once("connect", () => {
      socket.destroy();
      resolve("answered");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
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
