/** Sends one request to a server: follows allowed redirects, limits how long the server may be silent, and reports failures in sentences. */
import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { Refusal } from "../../toolstack/error.ts";
import { redirected } from "./address.ts";
import { proxyFor } from "./proxy.ts";
import type { Reach } from "./reach.ts";

/** How the host connects to the web. */
export interface Web {
  /** Milliseconds that a server may take to answer, and may be silent while it sends. */
  readonly answerMilliseconds: number;
  readonly silenceMilliseconds: number;
  /** Milliseconds before the first retry; each further one waits twice as long. */
  readonly pauseMilliseconds: number;
  /** Certificates in PEM that are trusted besides those that Node trusts, such as that of a test's server. */
  readonly trusted?: string;
}

export const USUAL_WEB: Web = { answerMilliseconds: 30_000, silenceMilliseconds: 60_000, pauseMilliseconds: 1000 };

export interface Answer {
  /** The address that it finally came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

const REDIRECTS = [301, 302, 303, 307, 308];

/** The caller must read or destroy the body. Throws Refusal, or the reason of the aborted signal. */
export async function ask(
  method: "GET" | "HEAD",
  address: URL,
  headers: Record<string, string>,
  web: Web,
  reach: Reach,
  signal: AbortSignal,
): Promise<Answer> {
  const seen = new Set<string>();
  for (let url = address; ;) {
    seen.add(url.href);
    const body = await once(method, url, headers, web, reach, signal);
    const status = body.statusCode ?? 0;
    const { location } = body.headers;
    if (!REDIRECTS.includes(status) || location === undefined) return { url, status, headers: body.headers, body };
    body.destroy();
    url = redirected(url, location, seen);
  }
}

async function once(
  method: string,
  url: URL,
  headers: Record<string, string>,
  web: Web,
  reach: Reach,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  signal.throwIfAborted();
  reach.check(url);
  const proxy = proxyFor(url);
  if (proxy) await reach.checkName(url);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? https : http).request(url, {
      method,
      // The file is requested without compression, since its own bytes are what is measured and checked.
      headers: { "User-Agent": "xenarium", Accept: "*/*", "Accept-Encoding": "identity", ...headers },
      agent: proxy ?? false,
      lookup: reach.lookup(url),
      signal,
      ...(web.trusted !== undefined && { ca: web.trusted }),
    });
    const timer = setTimeout(
      () => request.destroy(new Refusal("ETIMEDOUT", `${url.host} does not answer.`)),
      web.answerMilliseconds,
    );
    request.once("response", (body) => {
      clearTimeout(timer);
      resolve(body);
    });
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(signal.aborted ? (signal.reason as Error) : webFailure(error, url));
    });
    request.end();
  });
}

/**
 * Yields the body's bytes until its end. Throws Refusal: ECONNRESET where the connection ends too early, ETIMEDOUT where nothing comes for too long;
 * or the reason of the aborted signal.
 */
export async function* bytesOf({ body, url }: Answer, web: Web, signal: AbortSignal): AsyncGenerator<Buffer> {
  const silent = (): void => void body.destroy(new Refusal("ETIMEDOUT", `${url.host} has sent nothing any more.`));
  let timer = setTimeout(silent, web.silenceMilliseconds);
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(silent, web.silenceMilliseconds);
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : webFailure(error, url);
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}

/** Reads a text of at most so many bytes. Throws Refusal. */
export async function textAt(
  address: URL,
  mostBytes: number,
  web: Web,
  reach: Reach,
  signal: AbortSignal,
): Promise<string> {
  const answer = await ask("GET", address, {}, web, reach, signal);
  if (answer.status !== 200) {
    answer.body.destroy();
    throw statusFailure(answer);
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of bytesOf(answer, web, signal)) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Refusal("EFBIG", `${address.href} is longer than ${mostBytes} bytes.`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString("utf8");
}

export function statusFailure({ url, status }: Answer): Refusal {
  const means: Record<number, string> = {
    401: "it wants a password",
    403: "it does not give that to us",
    404: "there is no such file",
    410: "the file is there no more",
    429: "too much was asked of it",
  };
  const code = status === 404 || status === 410 ? "ENOENT" : status === 401 || status === 403 ? "EACCES" : "EIO";
  const passing = status === 429 || status >= 500;
  return new Refusal(
    passing ? "EAGAIN" : code,
    `${url.host} answers ${status} for ${url.pathname}${means[status] ? `: ${means[status]}` : ""}.`,
  );
}

function webFailure(error: unknown, url: URL): Refusal {
  if (error instanceof Refusal) return error;
  const { code = "EIO", message } = error as NodeJS.ErrnoException;
  if (code === "ENOTFOUND") return new Refusal(code, `There is no server ${url.hostname} that can be found.`);
  if (code === "EAI_AGAIN") return new Refusal(code, `${url.hostname} can't be looked up now: is there a network?`);
  if (code === "ECONNREFUSED") return new Refusal(code, `${url.host} takes no connections.`);
  if (code === "ECONNRESET") return new Refusal(code, `${url.host} has closed the connection before the end.`);
  if (/CERT|TLS|SSL|SIGNATURE/.test(code))
    return new Refusal("EACCES", `${url.host} does not prove that it is that server: ${message}.`);
  // Errors of Node's HTTP parser, and of connections that were tried to several addresses.
  if (code.startsWith("HPE_")) return new Refusal("EPROTO", `${url.host} answers with what is no HTTP.`);
  return new Refusal(code, `${url.host} can't be reached: ${message || code}.`);
}
