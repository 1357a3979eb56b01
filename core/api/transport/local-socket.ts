/**
 * The command line's way in: a socket in a folder that only the user enters (a named pipe on Windows). Messages are framed
 * by their length, u32 little-endian.
 */
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { Heard, type Transport } from "../client.ts";
import type { HostService } from "../host-service.ts";
import { MOST_MESSAGE_BYTES, type ServerMessage } from "../schema.ts";
import { Session } from "../session.ts";
import { fromBytes, requestFromBytes, toBytes } from "./frame.ts";

/** A result (a console's log) may be longer than a request. */
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
 * In a folder for everybody's files another user may have put ours there first, and would be who listens. Throws a sentence
 * unless the folder is the user's own and nobody else's. A path that the user named is the user's affair.
 */
function checkFolder(file: string): void {
  if (process.platform === "win32" || process.env.XENARIUM_SOCKET === file) return;
  const folder = path.dirname(file);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0)
    throw new Error(`${folder} must be a folder of yours that nobody else may enter (mode 0700); it is not`);
}

/** Cuts a stream into messages. False: the other end sent one that is too long. */
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

/** Rejects with a sentence if another host of this user listens there already. */
export async function serveLocal(host: HostService, file = socketPath()): Promise<{ close(): Promise<void> }> {
  if (process.platform !== "win32") {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    checkFolder(file);
    // A socket file that nobody listens at is what a killed host has left.
    if (await answers(file)) throw new Error(`another Xenarium host listens at ${file}`);
    await rm(file, { force: true });
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
  if (process.platform !== "win32") chmodSync(file, 0o600);
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      // Ours, and of no use without a socket; what else is in it keeps it.
      if (process.platform !== "win32" && process.env.XENARIUM_SOCKET !== file)
        await rmdir(path.dirname(file)).catch(() => {});
    },
  };
}

function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
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
