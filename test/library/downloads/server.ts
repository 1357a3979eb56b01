/** A server on the loopback that answers each path as the test says and remembers what it was asked. */
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

/** Answers with a file as a good server does: with its length, with a validator, and with any part that is asked for. */
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

/** Does the same, but the connection breaks after that many bytes. The next request is answered as `then` says. */
export function brokenAfter(bytes: Buffer, sent: number, then: Answering, headers?: Record<string, string>): Answering {
  let isBroken = false;
  return (request, response) => {
    if (isBroken) return then(request, response);
    isBroken = true;
    response.writeHead(200, { ...(headers ?? { ETag: '"one"' }), "Content-Length": bytes.length });
    // The end of the connection comes after what was sent, so that nothing of that is lost.
    response.write(bytes.subarray(0, sent), () => response.socket?.end());
  };
}
