/** A server on the loopback that answers each path as a test says, and remembers what it was asked. */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { CERTIFICATE, KEY } from "./certificate.ts";

export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestServer {
  /** "http://127.0.0.1:PORT" */
  readonly origin: string;
  readonly port: number;
  readonly answers: Map<string, Answering>;
  readonly asked: { method: string; path: string; range: string | null }[];
  close(): Promise<void>;
}

export async function startServer(scheme: "http" | "https" = "http"): Promise<TestServer> {
  const answers = new Map<string, Answering>();
  const asked: TestServer["asked"] = [];
  const listener: Answering = (request, response) => {
    const path = request.url ?? "";
    asked.push({ method: request.method ?? "", path, range: request.headers.range ?? null });
    response.on("error", () => {});
    const answer = answers.get(path.replace(/\?.*/, ""));
    if (answer) answer(request, response);
    else response.writeHead(404).end("nothing here");
  };
  const server =
    scheme === "http" ? http.createServer(listener) : https.createServer({ cert: CERTIFICATE, key: KEY }, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${scheme}://127.0.0.1:${port}`,
    port,
    answers,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A file as a good server gives it: with its length, a validator, and any part that is asked for. */
export function fileAnswer(bytes: Buffer, headers: Record<string, string> = { ETag: '"one"' }): Answering {
  return (request, response) => {
    const first = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const condition = request.headers["if-range"];
    const isSame = condition === undefined || Object.values(headers).includes(condition as string);
    if (first === undefined || !isSame) {
      response.writeHead(200, { ...headers, "Content-Length": bytes.length });
      response.end(request.method === "HEAD" ? undefined : bytes);
    } else if (Number(first) >= bytes.length)
      response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
    else {
      const rest = bytes.subarray(Number(first));
      response.writeHead(206, {
        ...headers,
        "Content-Length": rest.length,
        "Content-Range": `bytes ${first}-${bytes.length - 1}/${bytes.length}`,
      });
      response.end(rest);
    }
  };
}

/** The same, but the connection breaks after so many bytes; the next time it goes on as `then` says. */
export function brokenAfter(bytes: Buffer, sent: number, then: Answering, headers?: Record<string, string>): Answering {
  let isBroken = false;
  return (request, response) => {
    if (isBroken) return then(request, response);
    isBroken = true;
    response.writeHead(200, { ...(headers ?? { ETag: '"one"' }), "Content-Length": bytes.length });
    // Its end comes behind what was sent, and does not take that away.
    response.write(bytes.subarray(0, sent), () => response.socket?.end());
  };
}
