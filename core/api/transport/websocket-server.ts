/**
 * HTTP and WebSocket on 127.0.0.1: serves the application's files, and the API to those who have the token. The token is compared in constant time.
 * Host and Origin are checked, so that no web page reaches it by DNS rebinding or from another origin.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { HostService } from "../host-service.ts";
import { MOST_MESSAGE_BYTES } from "../schema.ts";
import { Session } from "../session.ts";
import { requestFromBytes, toBytes } from "./frame.ts";
import { CONTENT_SECURITY_POLICY, CONTENT_TYPES, fileOf } from "./web-files.ts";

const PROTOCOL = "xenarium.1";
const MOST_CLIENTS = 16;

export interface WebServer {
  /** The address at which a browser opens the application. The token is in the fragment, which no server or log sees. */
  url: string;
  port: number;
  token: string;
  /** Resolves when a client with the token has connected. */
  firstClient: Promise<void>;
  close(): Promise<void>;
}

/** Returns a token that nobody can guess. */
export function newToken(): string {
  return randomBytes(24).toString("base64url");
}

/** `root` is the folder of the application's files. `port` 0 means any free one. Rejects if the port is taken. */
export async function serveWeb(
  host: HostService,
  root: string,
  port = 0,
  token: string = newToken(),
): Promise<WebServer> {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES });
  let came = (): void => {};
  const firstClient = new Promise<void>((resolve) => (came = resolve));
  const server = createServer((request, response) => {
    const given = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const wouldBe = refuseClient(given, token, sockets.clients.size);
    void answer(request, response, root, server, wouldBe);
  });
  server.on("upgrade", (request, socket, head) => {
    const refusal = refuse(request, server, token, sockets.clients.size);
    if (refusal) {
      deny(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      came();
      attach(host, ws);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${actual}/#token=${token}`,
    port: actual,
    token,
    firstClient,
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function attach(host: HostService, ws: WebSocket): void {
  const session = new Session(host, {
    send: (message) => ws.send(toBytes(message)),
    get backlog() {
      return ws.bufferedAmount;
    },
    // A close reason has at most 123 bytes.
    end: (reason) => ws.close(1008, reason.slice(0, 120)),
    mayNameFiles: false,
  });
  ws.on("message", (data: Buffer) => {
    let message: unknown;
    try {
      message = requestFromBytes(data);
    } catch {
      ws.close(1007, "That was no MessagePack.");
      return;
    }
    void session.receive(message);
  });
  ws.on("error", () => ws.terminate());
  ws.on("close", () => session.end());
}

/** Returns the host names by which this server may be addressed. */
function ownHosts(server: Server): string[] {
  const { port } = server.address() as AddressInfo;
  return [`127.0.0.1:${port}`, `localhost:${port}`];
}

/** Returns the status line that refuses an upgrade; null if it is allowed. */
function refuse(request: IncomingMessage, server: Server, token: string, clients: number): string | null {
  const hosts = ownHosts(server);
  if (!hosts.includes(request.headers.host ?? "")) return "421 Misdirected Request";
  const { origin } = request.headers;
  if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`)) return "403 Forbidden";
  const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  const given = protocols.find((each) => each.startsWith("token."))?.slice("token.".length) ?? "";
  if (protocols[0] !== PROTOCOL) return "401 Unauthorized";
  const why = refuseClient(given, token, clients);
  return why === null ? null : { token: "401 Unauthorized", full: "503 Service Unavailable" }[why];
}

/** Returns what a client is told that asks why it got no WebSocket; null if it would get one. */
function refuseClient(given: string, token: string, clients: number): "token" | "full" | null {
  if (!sameToken(given, token)) return "token";
  return clients >= MOST_CLIENTS ? "full" : null;
}

function sameToken(given: string, token: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(token);
  return a.length === b.length && timingSafeEqual(a, b);
}

function deny(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  root: string,
  server: Server,
  refusal: ReturnType<typeof refuseClient>,
): Promise<void> {
  response.setHeader("Content-Security-Policy", CONTENT_SECURITY_POLICY);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  const fail = (status: number): void => void response.writeHead(status).end();
  if (!ownHosts(server).includes(request.headers.host ?? "")) return fail(421);
  if (request.method !== "GET" && request.method !== "HEAD") return fail(405);
  // This is at the WebSocket's address, because a browser does not tell its page why one was refused.
  if (request.url === "/api") {
    response.setHeader("Content-Type", "text/plain");
    response.setHeader("Cache-Control", "no-store");
    response.writeHead(200).end(refusal ?? "open");
    return;
  }
  const file = fileOf(root, request.url ?? "/");
  if (file === null) return fail(404);
  try {
    const contents = await readFile(file);
    response.setHeader("Content-Type", CONTENT_TYPES[path.extname(file)] ?? "application/octet-stream");
    response.writeHead(200).end(request.method === "HEAD" ? undefined : contents);
  } catch {
    fail(404);
  }
}
