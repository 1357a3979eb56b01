/**
 * Transfers the bytes of one file from its server into its part until it is whole. It continues where the part ends, and retries where that may help.
 */
import { setTimeout as wait } from "node:timers/promises";
import { Refusal } from "../../toolstack/error.ts";
import type { Checksum } from "./checksum.ts";
import type { Part, Validators } from "./part.ts";
import type { Reach } from "./reach.ts";
import { ask, bytesOf, statusFailure, type Answer, type Web } from "./web.ts";

export interface Transfer {
  readonly url: URL;
  readonly name: string;
  /** The size that it must have, where that is known, and the most that it may have. */
  readonly bytes: number | null;
  readonly mostBytes: number;
  readonly checksum: Checksum | null;
  /** Throws Refusal ENOSPC when there is no room for this many bytes more. */
  readonly room: (bytes: number) => Promise<void>;
  /** Is told how much has come, and how large the file is where the server tells it. */
  readonly progress: (done: number, total: number | null) => void;
}

/** Errors that may pass, and how many of them are tolerated in a row and in total. */
const PASSING = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "EAGAIN", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH"]);
const MOST_FRUITLESS = 3;
const MOST_TRIES = 50;
const ROOM_EVERY = 64 * 2 ** 20;

/** Resolves when the part is whole and is what it should be. Throws Refusal, or the reason of the aborted signal. */
export async function transfer(job: Transfer, part: Part, web: Web, reach: Reach, signal: AbortSignal): Promise<void> {
  let best = part.length;
  let fruitless = 0;
  for (let tries = 1; ; tries++) {
    const began = part.length;
    try {
      await attempt(job, part, web, reach, signal);
      if (isRight(job, part)) return;
      const sums = part.checksums();
      await part.restart();
      // The part consists of halves of two versions, because the server did not tell that the file had changed.
      if (began > 0 && tries < MOST_TRIES) continue;
      throw wrong(job, sums);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Refusal) || !PASSING.has(error.code)) throw error;
      // A server that refuses the first connection will not be there a moment later either.
      if (part.length === 0 && error.code === "ECONNREFUSED") throw error;
      fruitless = part.length > best ? 0 : fruitless + 1;
      best = Math.max(best, part.length);
      if (fruitless >= MOST_FRUITLESS || tries >= MOST_TRIES) throw error;
      await wait(web.pauseMilliseconds * 2 ** fruitless, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

async function attempt(job: Transfer, part: Part, web: Web, reach: Reach, signal: AbortSignal): Promise<void> {
  const { etag, lastModified, total: before } = part.validators;
  // A weak ETag promises that contents mean the same, not that their bytes are equal.
  const validator = etag !== null && !etag.startsWith("W/") ? etag : lastModified;
  // Without a validator only a checksum can tell whether the rest belongs to what is there.
  if (part.length > 0 && validator === null && !job.checksum) await part.restart();
  if (part.length > 0 && part.length === before && job.checksum && isRight(job, part)) return;
  const headers: Record<string, string> = {};
  if (part.length > 0) {
    headers.Range = `bytes=${part.length}-`;
    if (validator !== null) headers["If-Range"] = validator;
  }
  const answer = await ask("GET", job.url, headers, web, reach, signal);
  try {
    await receive(job, part, answer, web, signal);
  } finally {
    answer.body.destroy();
  }
}

async function receive(job: Transfer, part: Part, answer: Answer, web: Web, signal: AbortSignal): Promise<void> {
  const total = await agreed(job, part, answer);
  if (total !== null && total > job.mostBytes) throw tooLarge(job, total);
  if (total !== null && job.bytes !== null && total !== job.bytes)
    throw new Refusal("EBADMSG", `${job.name} should have ${job.bytes} bytes, and ${answer.url.host} has ${total}.`);
  await job.room((total ?? part.length) - part.length);
  let checked = part.length;
  job.progress(part.length, total);
  for await (const chunk of bytesOf(answer, web, signal)) {
    if (part.length + chunk.length > (total ?? job.bytes ?? job.mostBytes)) throw tooLarge(job, total);
    await part.append(chunk);
    job.progress(part.length, total);
    if (part.length - checked < ROOM_EVERY) continue;
    checked = part.length;
    await job.room(0);
  }
  if (total !== null && part.length < total)
    throw new Refusal("ECONNRESET", `${answer.url.host} has closed the connection before the end.`);
}

/** Brings the part to where the answer begins. Returns how large the file will be, or null where the server does not tell. Throws Refusal. */
async function agreed(job: Transfer, part: Part, answer: Answer): Promise<number | null> {
  const { status, headers, url } = answer;
  if (status === 416 && part.length > 0) {
    // The server's file ends where the part does. It may be another file, or the same one of which we did not know that it was complete.
    await part.restart();
    throw new Refusal("EAGAIN", `${url.host} has another file now than the one that was begun.`);
  }
  if (status !== 200 && status !== 206) throw statusFailure(answer);
  if (/^text\/html\b/i.test(headers["content-type"] ?? "") && !/\.html?$/i.test(url.pathname))
    throw new Refusal("EPROTO", `${url.host} answers with a web page instead of the file ${job.name}.`);
  // Some servers name an encoding for files that are themselves compressed. A file with another encoding would be stored compressed.
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity" && !(encoding.endsWith("gzip") && /\.(gz|tgz)$/i.test(url.pathname)))
    throw new Refusal("EPROTO", `${url.host} sends ${job.name} packed (${encoding}), which was not asked for.`);
  const said: Validators = {
    etag: headers.etag ?? null,
    lastModified: headers["last-modified"] ?? null,
    total: null,
  };
  if (status === 206) {
    const [, first, , whole] =
      /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/.exec(headers["content-range"] ?? "") ?? [];
    const total = whole === undefined || whole === "*" ? null : Number(whole);
    const { etag, total: before } = part.validators;
    const isSame =
      Number(first) === part.length &&
      (etag === null || said.etag === null || said.etag === etag) &&
      (before === null || total === null || before === total);
    if (first === undefined || part.length === 0 || !isSame) {
      await part.restart();
      throw new Refusal("EAGAIN", `${url.host} sends another part of ${job.name} than was asked for.`);
    }
    return total ?? before;
  }
  const length = headers["content-length"];
  const total = length === undefined ? null : Number(length);
  if (part.length > 0) await part.restart();
  await part.described({ ...said, total });
  return total;
}

function isRight({ checksum, bytes }: Transfer, part: Part): boolean {
  if (bytes !== null && part.length !== bytes) return false;
  return checksum === null || part.checksums()[checksum.algorithm] === checksum.hex;
}

function wrong({ name, checksum, bytes }: Transfer, sums: Record<Checksum["algorithm"], string>): Refusal {
  if (checksum && sums[checksum.algorithm] !== checksum.hex)
    return new Refusal(
      "EBADMSG",
      `${name} is not what it should be, and was thrown away: its ${checksum.algorithm.toUpperCase()} is ${sums[checksum.algorithm]} instead of ${checksum.hex}.`,
    );
  return new Refusal("EBADMSG", `${name} does not have the ${bytes} bytes that it should, and was thrown away.`);
}

function tooLarge({ name, mostBytes, bytes }: Transfer, total: number | null): Refusal {
  return new Refusal(
    "EFBIG",
    total !== null && total > mostBytes
      ? `${name} has ${total} bytes; allowed: up to ${mostBytes}.`
      : `${name} does not end after ${total ?? bytes ?? mostBytes} bytes.`,
  );
}
