/**
 * The history in a folder: a file of minutes for the host and for each domain, and a file of events. Files grow only by complete records, are
 * rewritten when they have twice what is kept, and are not trusted when they are read: a damaged one is put aside.
 * A file's first line consists of MAGIC, its form, its metrics between commas and, from form 2 on, "vcpus=" with the number of vCPUs in each record.
 * Form 1 had no vCPUs. A file of an older form, or with other metrics, is read, and is written in the present form with its next minute.
 */
import { appendFile, readFile, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";
import { moveWhole, privateFolder, removeParts, writeWhole } from "../../files/whole.ts";
import { KeptMinutes, keepWithin } from "./kept.ts";
import { KEPT_MINUTES, MOST_KEPT_VCPUS, minuteBytes, readMinute, writeMinute, type Minute } from "./minutes.ts";

const MAGIC = "xenarium-history";
const FORM = 2;
const SUFFIX = ".history";
const EVENTS_FILE = "events.ndjson";
const CHECK_BYTES = 4;
const MOST_HEADER_BYTES = 1024;
export const MOST_EVENTS = 1000;
const MOST_TITLE = 300;

/** An event that graphs mark. */
export interface HistoryEvent {
  /** Milliseconds since 1970. */
  at: number;
  /** UUID of the domain; null for the host. */
  uuid: string | null;
  title: string;
  trouble: boolean;
}

const HOST = "host";

class Spoiled extends Error {}

export class HistoryFiles {
  readonly #folder: string;
  readonly #metricsOf: (key: string) => readonly string[];
  /** For each file that is in the present form and complete: the number of its records, and of the vCPUs in each. */
  readonly #known = new Map<string, { records: number; vcpus: number }>();
  #events = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(folder: string, metricsOf: (key: string) => readonly string[]) {
    this.#folder = folder;
    this.#metricsOf = metricsOf;
  }

  /**
   * Returns the minutes after `since` and up to `until` (since 1970), within the bounds of kept.ts, and a sentence for each file that was put aside.
   * Throws if the folder can't be made or read.
   */
  async load(
    since: number,
    until: number,
  ): Promise<{ kept: Map<string, KeptMinutes>; events: HistoryEvent[]; notes: string[] }> {
    await privateFolder(this.#folder);
    await removeParts(this.#folder);
    const kept = new Map<string, KeptMinutes>();
    let host: KeptMinutes | null = null;
    const notes: string[] = [];
    for (const name of await readdir(this.#folder)) {
      const key = /^(host|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.history$/.exec(name)?.[1];
      if (!key) continue;
      const found = await this.#orAside(name, notes, () => this.#readMinutes(key, since, until));
      if (!found) continue;
      if (found.count === 0) await this.#forget(key);
      else if (key === HOST) host = found;
      else kept.set(key, found);
      // However many files there are, no more than this is in memory.
      const { gone, cut } = keepWithin(kept, () => false);
      for (const each of gone) await this.#forget(each);
      for (const each of cut) this.#known.delete(each);
    }
    if (host) kept.set(HOST, host);
    const events = (await this.#orAside(EVENTS_FILE, notes, () => this.#readEvents())) ?? [];
    this.#events = events.length;
    return { kept, events: events.filter(({ at }) => at >= since * 60_000 && at < (until + 1) * 60_000), notes };
  }

  /** Adds a minute to the file of `key`. `kept` is what is kept of it, including this minute. */
  addMinute(key: string, minute: Minute, kept: KeptMinutes): Promise<void> {
    const known = this.#known.get(key);
    if (!known || known.vcpus < kept.vcpus || known.records >= 2 * KEPT_MINUTES) return this.#anew(key, kept);
    known.records++;
    return this.#then(async () => {
      try {
        await appendFile(this.#path(key), checked(writeMinute(minute, known.vcpus)), { mode: 0o600 });
      } catch (error) {
        // Part of the record may have been written, so nothing may follow it.
        this.#known.delete(key);
        throw error;
      }
    });
  }

  /** Rewrites the file of `key` with what is kept of it now. */
  #anew(key: string, kept: KeptMinutes): Promise<void> {
    const { count: records, vcpus } = kept;
    const header = this.#header(key, vcpus);
    const bytes = Buffer.concat([header, ...Array.from({ length: records }, (_, i) => checked(kept.record(i)))]);
    this.#known.set(key, { records, vcpus });
    return this.#then(async () => {
      try {
        await writeWhole(this.#path(key), bytes);
      } catch (error) {
        this.#known.delete(key);
        throw error;
      }
    });
  }

  addEvent(event: HistoryEvent, all: readonly HistoryEvent[]): Promise<void> {
    return this.#then(async () => {
      const file = path.join(this.#folder, EVENTS_FILE);
      if (this.#events >= 2 * MOST_EVENTS) {
        await writeWhole(file, Buffer.from(all.map(line).join("")));
        this.#events = all.length;
        return;
      }
      await appendFile(file, line(event), { mode: 0o600 });
      this.#events++;
    });
  }

  /** Called when its file has more than is kept: it is rewritten with its next minute. */
  shortened(key: string): void {
    this.#known.delete(key);
  }

  /** Forgets a domain. */
  remove(key: string): Promise<void> {
    this.#known.delete(key);
    return this.#then(() => rm(this.#path(key), { force: true }));
  }

  async #forget(key: string): Promise<void> {
    this.#known.delete(key);
    await rm(this.#path(key), { force: true });
  }

  /** Resolves when everything is written. */
  written(): Promise<void> {
    return this.#queue;
  }

  #then(deed: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(deed);
    // A failure (such as a full disk) does not prevent the next attempt.
    this.#queue = done.catch(() => {});
    return done;
  }

  #path(key: string): string {
    return path.join(this.#folder, key + SUFFIX);
  }

  #header(key: string, vcpus: number): Buffer {
    return Buffer.from(`${MAGIC} ${FORM} ${this.#metricsOf(key).join(",")} vcpus=${vcpus}\n`);
  }

  /** Returns null and adds a note when the file was damaged; just null when there is none. */
  async #orAside<T>(name: string, notes: string[], read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      const file = path.join(this.#folder, name);
      const aside = `${file}.spoiled`;
      await rm(aside, { force: true, recursive: true });
      await moveWhole(file, aside);
      const why = error instanceof Error ? error.message : String(error);
      notes.push(`${file} ${why}. It was put aside as ${path.basename(aside)}; its history begins anew.`);
      return null;
    }
  }

  async #readMinutes(key: string, since: number, until: number): Promise<KeptMinutes> {
    const file = this.#path(key);
    const metrics = this.#metricsOf(key);
    const most = minuteBytes(metrics.length, MOST_KEPT_VCPUS) + CHECK_BYTES;
    await checkSize(file, MOST_HEADER_BYTES + (2 * KEPT_MINUTES + 1) * most);
    const bytes = await readFile(file);
    const header = headerOf(bytes, metrics);
    const size = minuteBytes(header.metrics.length, header.vcpus) + CHECK_BYTES;
    const kept = new KeptMinutes(metrics.length, header.vcpus);
    let at = header.bytes;
    for (; at + size <= bytes.length; at += size) {
      const body = bytes.subarray(at, at + size - CHECK_BYTES);
      if (crc32(body) !== bytes.readUInt32LE(at + size - CHECK_BYTES))
        throw new Spoiled(`has a record at byte ${at} whose checksum is wrong`);
      const found = readMinute(body, header.metrics.length, header.vcpus);
      if (found.minute > since && found.minute <= until)
        kept.add({ ...found, values: inOrder(found.values, header.metrics, metrics) });
    }
    // A file must begin with a complete record, or its header is wrong about the record's length.
    if (at === header.bytes) throw new Spoiled("has no whole record");
    // Otherwise it is rewritten, because its end was being written when the computer stopped, or because it has another form.
    if (at === bytes.length && bytes.subarray(0, header.bytes).equals(this.#header(key, header.vcpus)))
      this.#known.set(key, { records: (at - header.bytes) / size, vcpus: header.vcpus });
    return kept;
  }

  async #readEvents(): Promise<HistoryEvent[]> {
    const file = path.join(this.#folder, EVENTS_FILE);
    await checkSize(file, (2 * MOST_EVENTS + 1) * (MOST_TITLE * 6 + 200));
    const text = await readFile(file, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) await writeWhole(file, Buffer.from(whole));
    const lines = whole.split("\n").slice(0, -1);
    return lines
      .map((each, i) => {
        const event = eventIn(each);
        if (!event) throw new Spoiled(`has no event in line ${i + 1}`);
        return event;
      })
      .slice(-MOST_EVENTS);
  }
}

async function checkSize(file: string, most: number): Promise<void> {
  const found = await stat(file);
  if (!found.isFile()) throw new Spoiled("is no file");
  const { size } = found;
  if (size > most) throw new Spoiled(`has ${size} bytes; a history has at most ${most}`);
}

interface Header {
  metrics: string[];
  vcpus: number;
  /** Its length, including the end of the line. */
  bytes: number;
}

/** Throws Spoiled for what is no header, or has an unknown form or unknown metrics. */
function headerOf(bytes: Buffer, known: readonly string[]): Header {
  const end = bytes.subarray(0, MOST_HEADER_BYTES).indexOf(10);
  const [, form, list, count] =
    /^xenarium-history (\d{1,3}) ([A-Za-z]+(?:,[A-Za-z]+)*)(?: vcpus=(\d{1,3}))?$/.exec(
      bytes.subarray(0, Math.max(0, end)).toString("latin1"),
    ) ?? [];
  if (form === undefined || list === undefined) throw new Spoiled("does not begin as a history does");
  if (Number(form) < 1 || Number(form) > FORM)
    throw new Spoiled(`is of form ${form}, which is not known here; known are forms 1 to ${FORM}`);
  const metrics = list.split(",");
  const strange = metrics.find((name, i) => !known.includes(name) || metrics.indexOf(name) !== i);
  if (strange !== undefined)
    throw new Spoiled(`has figures that are not known here, or twice: ${strange.slice(0, 40)}`);
  const vcpus = Number(count ?? 0);
  if (vcpus > MOST_KEPT_VCPUS || (Number(form) === 1) !== (count === undefined))
    throw new Spoiled(`has not the number of vCPUs that its form has: 0 to ${MOST_KEPT_VCPUS} from form 2 on`);
  return { metrics, vcpus, bytes: end + 1 };
}

/** Reorders values of the metrics `from` to those of `to`; new ones are NaN. */
function inOrder(values: Float32Array, from: readonly string[], to: readonly string[]): Float32Array {
  const ordered = new Float32Array(3 * to.length).fill(NaN);
  from.forEach((name, i) => ordered.set(values.subarray(3 * i, 3 * i + 3), 3 * to.indexOf(name)));
  return ordered;
}

function checked(body: Uint8Array): Buffer {
  const check = Buffer.alloc(CHECK_BYTES);
  check.writeUInt32LE(crc32(body));
  return Buffer.concat([body, check]);
}

function line({ at, uuid, title, trouble }: HistoryEvent): string {
  return `${JSON.stringify({ at, uuid, title: title.slice(0, MOST_TITLE), trouble })}\n`;
}

function eventIn(text: string): HistoryEvent | null {
  try {
    const { at, uuid, title, trouble } = JSON.parse(text) as Record<string, unknown>;
    if (typeof at !== "number" || !Number.isFinite(at) || typeof title !== "string" || typeof trouble !== "boolean")
      return null;
    return uuid === null || typeof uuid === "string" ? { at, uuid, title, trouble } : null;
  } catch {
    return null;
  }
}
