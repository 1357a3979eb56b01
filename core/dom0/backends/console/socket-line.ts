/**
 * A channel as a UNIX socket, over which one program of the user's at a time talks to the guest. Nobody else may connect: the socket is accessible to
 * the user alone before it gets its name. It replaces nothing but a socket that nobody listens on any more. While no program is connected, what the
 * guest writes is lost, as in QEMU; while the program does not read, the guest waits.
 */
import type { BigIntStats } from "node:fs";
import { chmod, link, lstat, mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import path from "node:path";
import type { BehindState } from "../../xenbus/kind.ts";
import type { GuestEnd, Line } from "./line.ts";

/** sun_path of the supported hosts, less the room for the path at which the socket is made. */
const MOST_PATH_BYTES = 84;

export class SocketLine implements Line {
  readonly #path: string;
  #server: Server | null = null;
  /** The file at the path, by which it is noticed that somebody has put something else there. */
  #made: BigIntStats | null = null;
  #program: Socket | null = null;
  #guest: GuestEnd | null = null;
  #waits = false;
  #out = 0;
  #in = 0;

  constructor(file: string) {
    this.#path = file;
  }

  get takes(): boolean {
    return !this.#waits;
  }

  async open(): Promise<void> {
    if (this.#server) return;
    if (process.platform === "win32") throw new Error("Windows has no sockets with a path for a channel");
    if (!path.isAbsolute(this.#path)) throw new Error(`a channel's socket needs a whole path, not ${this.#path}`);
    if (Buffer.byteLength(this.#path) > MOST_PATH_BYTES)
      throw new Error(`${this.#path} is too long for a socket: at most ${MOST_PATH_BYTES} bytes`);
    await mustBeFree(this.#path);
    const server = createServer((socket) => this.#accept(socket));
    const folder = await mkdtemp(path.join(path.dirname(this.#path), ".xenarium-"));
    try {
      const made = path.join(folder, "s");
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(made, resolve);
      });
      await chmod(made, 0o600);
      this.#made = await lstat(made, { bigint: true });
      // Unlike a rename, this fails if something has appeared there meanwhile.
      await link(made, this.#path);
      this.#server = server;
    } catch (error) {
      server.close();
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  connect(guest: GuestEnd | null): void {
    this.#guest = guest;
    this.#program?.resume();
  }

  output(bytes: Uint8Array): void {
    if (!this.#program) return;
    this.#out += bytes.length;
    this.#waits = !this.#program.write(bytes);
  }

  fed(): void {
    this.#program?.resume();
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    this.#program?.destroy();
    await new Promise((resolve) => server.close(resolve));
    // By now the name may belong to something else of the user's.
    const found = await lstat(this.#path, { bigint: true }).catch(() => null);
    if (found && this.#made && found.dev === this.#made.dev && found.ino === this.#made.ino)
      await rm(this.#path, { force: true });
  }

  behind(): BehindState {
    return {
      title: this.#program ? "Socket, connected" : "Socket",
      figures: [
        { name: "out", label: "To the program", value: this.#out, unit: "bytes" },
        { name: "in", label: "From the program", value: this.#in, unit: "bytes" },
        { name: "path", label: "Path", value: this.#path, unit: "" },
      ],
    };
  }

  #accept(socket: Socket): void {
    if (this.#program) {
      socket.destroy();
      return;
    }
    this.#program = socket;
    socket.on("data", (bytes) => {
      this.#in += bytes.length;
      // The guest's end asks for more when these bytes are gone.
      socket.pause();
      this.#guest?.type(bytes);
      if (!this.#guest) socket.resume();
    });
    socket.on("drain", () => this.#resume());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#program = null;
      this.#resume();
    });
  }

  #resume(): void {
    this.#waits = false;
    this.#guest?.resume();
  }
}

/** Throws a sentence unless there is nothing at the path, or a socket left by a program that has ended, which is removed. */
async function mustBeFree(file: string): Promise<void> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (!found) return;
  if (!found.isSocket()) throw new Error(`${file} is there already, and is no socket: name a place where nothing is`);
  const fate = await new Promise<string>((resolve) => {
    const probe = connect(file, () => resolve("answered"));
    probe.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    probe.on("close", () => probe.destroy());
    probe.on("connect", () => probe.destroy());
  });
  if (fate !== "ECONNREFUSED") throw new Error(`another program listens at ${file}`);
  await rm(file, { force: true });
}
