/** Forwards ports of this computer to a guest's ports. They listen on 127.0.0.1 unless the user asked for another address. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { sendBounded } from "./udp.ts";

export interface Forward {
  readonly protocol: "tcp" | "udp";
  readonly hostAddress: string;
  /** 0 in a request means any free port. */
  readonly hostPort: number;
  readonly guestAddress: string;
  readonly guestPort: number;
}

/** A sender that uses a UDP forward, which the guest knows by a port of the gateway. */
interface Sender {
  readonly socket: UdpSocket;
  readonly remote: RemoteInfo;
  readonly guest: string;
  readonly guestPort: number;
}

const SENDERS = 256;
const FIRST_SENDER_PORT = 0x8000;

export interface ForwardActions {
  connected(socket: Socket, forward: Forward): void;
  /** Sends a datagram to the guest, from this port of the gateway. */
  datagram(payload: Uint8Array, gatewayPort: number, forward: Forward): void;
}

export class Forwards {
  readonly #actions: ForwardActions;
  readonly #open = new Map<string, { forward: Forward; listener: Server | UdpSocket }>();
  /** By gateway port. */
  readonly #senders = new Map<number, Sender>();
  readonly #senderPorts = new Map<string, number>();
  #isStopped = false;

  constructor(actions: ForwardActions) {
    this.#actions = actions;
  }

  list(): Forward[] {
    return [...this.#open.values()].map(({ forward }) => forward);
  }

  /**
   * Begins to listen. Resolves to the forward with the port that it got. Rejects with the system's error (EADDRINUSE, EACCES), or with ECANCELED if the
   * network has gone meanwhile: then nothing listens.
   */
  async add(wanted: Forward): Promise<Forward> {
    const listener = wanted.protocol === "tcp" ? await this.#listenTcp(wanted) : await this.#listenUdp(wanted);
    if (this.#isStopped) {
      listener.close();
      throw Object.assign(new Error("the network is gone"), { code: "ECANCELED" });
    }
    const hostPort = (listener.address() as { port: number }).port;
    const forward = { ...wanted, hostPort };
    this.#open.set(keyOf(forward), { forward, listener });
    return forward;
  }

  #listenTcp(wanted: Forward): Promise<Server> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    server.on("connection", (socket) => this.#actions.connected(socket, wanted));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: wanted.hostAddress, port: wanted.hostPort, exclusive: true }, () => {
        server.off("error", reject);
        server.on("error", () => {});
        resolve(server);
      });
    });
  }

  #listenUdp(wanted: Forward): Promise<UdpSocket> {
    const socket = createSocket(wanted.hostAddress.includes(":") ? "udp6" : "udp4");
    socket.on("message", (payload, remote) =>
      this.#actions.datagram(payload, this.#senderPort(socket, remote, wanted), wanted),
    );
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: wanted.hostAddress, port: wanted.hostPort, exclusive: true }, () => {
        socket.off("error", reject);
        socket.on("error", () => {});
        resolve(socket);
      });
    });
  }

  #senderPort(socket: UdpSocket, remote: RemoteInfo, { guestAddress, guestPort }: Forward): number {
    const key = `${remote.address}/${remote.port}/${guestAddress}/${guestPort}`;
    const known = this.#senderPorts.get(key);
    if (known !== undefined) return known;
    let port = FIRST_SENDER_PORT;
    while (this.#senders.has(port)) port++;
    if (this.#senders.size >= SENDERS) {
      // The sender that was first heard of is forgotten, and its port is used again.
      const [oldest, oldPort] = this.#senderPorts.entries().next().value!;
      this.#senderPorts.delete(oldest);
      this.#senders.delete(oldPort);
      port = oldPort;
    }
    this.#senders.set(port, { socket, remote, guest: guestAddress, guestPort });
    this.#senderPorts.set(key, port);
    return port;
  }

  /** Takes a guest's datagram to a port of the gateway. Returns true if it answers a sender that uses a forward. */
  answer(guest: string, guestPort: number, gatewayPort: number, payload: Uint8Array): boolean {
    const sender = this.#senders.get(gatewayPort);
    if (!sender || sender.guest !== guest || sender.guestPort !== guestPort) return false;
    const { socket, remote } = sender;
    sendBounded(socket, () => socket.send(payload.slice(), remote.port, remote.address));
    return true;
  }

  /** Stops listening; existing connections go on. Returns false if there is no such forward. */
  remove(forward: Pick<Forward, "protocol" | "hostAddress" | "hostPort">): boolean {
    const key = keyOf(forward);
    const open = this.#open.get(key);
    if (!open) return false;
    this.#open.delete(key);
    for (const [port, sender] of [...this.#senders])
      if (sender.socket === open.listener) {
        this.#senders.delete(port);
        for (const [name, used] of this.#senderPorts) if (used === port) this.#senderPorts.delete(name);
      }
    open.listener.close();
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    for (const forward of this.list()) this.remove(forward);
  }
}

function keyOf({ protocol, hostAddress, hostPort }: Pick<Forward, "protocol" | "hostAddress" | "hostPort">): string {
  return `${protocol}/${hostAddress}/${hostPort}`;
}
