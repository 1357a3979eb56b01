/** A VNC server for one screen. It listens on loopback unless another address is asked for, and takes a bounded number of clients. */
import { createServer, type Server, type Socket } from "node:net";
import type { Screen } from "../screen.ts";
import { VncClient } from "./client.ts";

export interface VncOptions {
  /** An address of this computer. */
  listen: string;
  /** The port is 5900 plus this. */
  display: number;
  /** Whether the next free port is used if that one is in use. */
  mayBeOther: boolean;
  /** null: everybody may look. */
  password: string | null;
  /** The name that viewers show. */
  name: string;
}

export const FIRST_PORT = 5900;
/** How many ports are tried, as QEMU does. */
const TRIES = 100;
const MOST_CLIENTS = 16;
/** Includes those that are told why they are not served. Further ones are closed at once, so that they use up no descriptors. */
const MOST_CONNECTIONS = 2 * MOST_CLIENTS;

export class VncServer {
  readonly #server: Server;
  readonly #clients = new Set<VncClient>();
  readonly address: { address: string; port: number; hasPassword: boolean };

  private constructor(server: Server, screen: Screen, options: VncOptions) {
    this.#server = server;
    const { address, port } = server.address() as { address: string; port: number };
    this.address = { address, port, hasPassword: options.password !== null };
    server.maxConnections = MOST_CONNECTIONS;
    server.on("connection", (socket) => this.#connected(socket, screen, options));
    server.on("error", () => {});
  }

  /** Rejects with an Error whose message is the end of a sentence that begins with the device. */
  static async listen(screen: Screen, options: VncOptions): Promise<VncServer> {
    const first = FIRST_PORT + options.display;
    const last = Math.min(65535, options.mayBeOther ? first + TRIES - 1 : first);
    for (let port = first; ; port++)
      try {
        return new VncServer(await listen(options.listen, port), screen, options);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EADDRINUSE" && port < last) continue;
        throw new Error(whyNot(options, code ?? String(error), first, last), { cause: error });
      }
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Stops serving. */
  close(): void {
    this.#server.close();
    for (const client of this.#clients) client.close();
  }

  #connected(socket: Socket, screen: Screen, options: VncOptions): void {
    socket.setNoDelay(true);
    const isFull = this.#clients.size >= MOST_CLIENTS;
    const refusal = isFull ? `${MOST_CLIENTS} viewers look at it already` : null;
    const client = new VncClient(socket, screen, { ...options, refusal });
    if (isFull) return;
    this.#clients.add(client);
    socket.once("close", () => {
      const left = client.punishedUntil - performance.now();
      if (left <= 0) this.#clients.delete(client);
      // A client that leaves without waiting for the answer to a wrong password keeps its place occupied as long as if it had waited.
      else setTimeout(() => this.#clients.delete(client), left).unref();
    });
  }
}

function listen(host: string, port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

function whyNot({ listen: address }: VncOptions, code: string, first: number, last: number): string {
  const ports = first === last ? `port ${first}` : `ports ${first} to ${last}`;
  if (code === "EADDRINUSE")
    return `its VNC server can't listen: ${ports} of ${address} ${first === last ? "is" : "are"} in use`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return `its VNC server can't listen: ${address} is no address of this computer`;
  return `its VNC server can't listen on ${ports} of ${address}: ${code}`;
}
