/** The host's end of the command line's connections (`local-client.ts`). */
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import path from "node:path";
import { writeWholeSync } from "../../files/whole.ts";
import type { HostService } from "../host-service.ts";
import { MOST_MESSAGE_BYTES } from "../schema.ts";
import { Session } from "../session.ts";
import { requestFromBytes } from "./frame.ts";
import { checkFolder, socketPath, splitter, writeMessage } from "./local-client.ts";

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
