/**
 * The history in a folder: a file of minutes for the host and each domain, one of events. Files only grow by whole records, are written anew
 * when they have twice what is kept, and are looked at with suspicion when they are read: one that is spoiled is put aside.
 */
import { appendFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";
import { KEPT_MINUTES, merged, minuteBytes, readMinute, writeMinute, type Minute } from "./minutes.ts";

const MAGIC = "xenarium-history 1";
const SUFFIX = ".history";
const EVENTS_FILE = "events.ndjson";
const CHECK_BYTES = 4;
const MOST_HEADER_BYTES = 256;
export const MOST_EVENTS = 1000;
const MOST_TITLE = 300;
/** Files of domains; of more, those that ended longest ago go. */
export const MOST_FILES = 64;

/** A mark of the graphs. */
export interface HistoryEvent {
  /** Milliseconds since 1970. */
  at: number;
  /** Of the domain; null for the host. */
  uuid: string | null;
  title: string;
  trouble: boolean;
}

class Spoiled extends Error {}

export class HistoryFiles {
  readonly #folder: string;
  readonly #metricsOf: (key: string) => readonly string[];
  /** Records in each file. */
  readonly #records = new Map<string, number>();
  #events = 0;
  #queue: Promise<void> = Promise.resolve();

  constructor(folder: string, metricsOf: (key: string) => readonly string[]) {
    this.#folder = folder;
    this.#metricsOf = metricsOf;
  }

  /**
   * What is there, not older than `since` (minutes since 1970), and a sentence for each file that was put aside. Throws if the folder can't be made or
   * read.
   */
  async load(since: number): Promise<{ minutes: Map<string, Minute[]>; events: HistoryEvent[]; notes: string[] }> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const minutes = new Map<string, Minute[]>();
    const notes: string[] = [];
    for (const name of await readdir(this.#folder)) {
      const key = /^(host|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})\.history$/.exec(name)?.[1];
      if (!key) continue;
      const found = await this.#orAside(name, notes, () => this.#readMinutes(key));
      if (!found) continue;
      const kept = found.filter(({ minute }) => minute >= since);
      if (kept.length > 0) minutes.set(key, kept);
      else await rm(this.#path(key), { force: true });
    }
    const latest = (key: string): number => minutes.get(key)?.at(-1)?.minute ?? 0;
    const surplus = [...minutes.keys()].filter((key) => key !== "host").sort((a, b) => latest(b) - latest(a));
    for (const key of surplus.slice(MOST_FILES)) {
      minutes.delete(key);
      await rm(this.#path(key), { force: true });
    }
    const events = (await this.#orAside(EVENTS_FILE, notes, () => this.#readEvents())) ?? [];
    this.#events = events.length;
    return { minutes, events: events.filter(({ at }) => at >= since * 60_000), notes };
  }

  /** Adds a minute to the file of `key`; `all`: what is kept of it, this minute included. */
  addMinute(key: string, minute: Minute, all: readonly Minute[]): Promise<void> {
    return this.#then(async () => {
      const records = (this.#records.get(key) ?? 0) + 1;
      const isNew = records === 1;
      if (records > 2 * KEPT_MINUTES) {
        await this.#replace(this.#path(key), Buffer.concat([this.#header(key), ...all.map(record)]));
        this.#records.set(key, all.length);
        return;
      }
      const bytes = isNew ? Buffer.concat([this.#header(key), record(minute)]) : record(minute);
      await appendFile(this.#path(key), bytes, { mode: 0o600 });
      this.#records.set(key, records);
    });
  }

  addEvent(event: HistoryEvent, all: readonly HistoryEvent[]): Promise<void> {
    return this.#then(async () => {
      const file = path.join(this.#folder, EVENTS_FILE);
      if (this.#events >= 2 * MOST_EVENTS) {
        await this.#replace(file, Buffer.from(all.map(line).join("")));
        this.#events = all.length;
        return;
      }
      await appendFile(file, line(event), { mode: 0o600 });
      this.#events++;
    });
  }

  /** Forgets a domain. */
  remove(key: string): Promise<void> {
    return this.#then(async () => {
      this.#records.delete(key);
      await rm(this.#path(key), { force: true });
    });
  }

  /** Resolves when all is written. */
  written(): Promise<void> {
    return this.#queue;
  }

  #then(deed: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(deed);
    // One that fails (a full disk) does not keep the next from being tried.
    this.#queue = done.catch(() => {});
    return done;
  }

  #path(key: string): string {
    return path.join(this.#folder, key + SUFFIX);
  }

  #header(key: string): Buffer {
    return Buffer.from(`${MAGIC} ${this.#metricsOf(key).join(",")}\n`);
  }

  async #replace(file: string, bytes: Uint8Array): Promise<void> {
    await writeFile(`${file}.new`, bytes, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }

  /** null and a note when the file was spoiled, null alone when there is none. */
  async #orAside<T>(name: string, notes: string[], read: () => Promise<T>): Promise<T | null> {
    try {
      return await read();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      const file = path.join(this.#folder, name);
      const aside = `${file}.spoiled`;
      await rm(aside, { force: true, recursive: true });
      await rename(file, aside);
      const why = error instanceof Error ? error.message : String(error);
      notes.push(`${file} ${why}. It was put aside as ${path.basename(aside)}; its history begins anew.`);
      return null;
    }
  }

  async #readMinutes(key: string): Promise<Minute[]> {
    const file = this.#path(key);
    const metrics = this.#metricsOf(key).length;
    const size = minuteBytes(metrics) + CHECK_BYTES;
    await checkSize(file, MOST_HEADER_BYTES + (2 * KEPT_MINUTES + 1) * size);
    const bytes = await readFile(file);
    const header = this.#header(key);
    if (!bytes.subarray(0, header.length).equals(header)) throw new Spoiled("does not begin as a history does");
    const minutes: Minute[] = [];
    let at = header.length;
    for (; at + size <= bytes.length; at += size) {
      const body = bytes.subarray(at, at + size - CHECK_BYTES);
      if (crc32(body) !== bytes.readUInt32LE(at + size - CHECK_BYTES))
        throw new Spoiled(`has a record at byte ${at} whose checksum is wrong`);
      const minute = readMinute(body, metrics);
      const last = minutes.at(-1);
      // The same minute before and after a restart; a clock that was set back.
      if (last && minute.minute === last.minute) minutes[minutes.length - 1] = merged(last, minute);
      else if (!last || minute.minute > last.minute) minutes.push(minute);
    }
    // The end of one that was being written when the computer stopped.
    if (at < bytes.length) await this.#replace(file, bytes.subarray(0, at));
    this.#records.set(key, (at - header.length) / size);
    return minutes.slice(-KEPT_MINUTES);
  }

  async #readEvents(): Promise<HistoryEvent[]> {
    const file = path.join(this.#folder, EVENTS_FILE);
    await checkSize(file, (2 * MOST_EVENTS + 1) * (MOST_TITLE * 6 + 200));
    const text = await readFile(file, "utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (whole.length < text.length) await this.#replace(file, Buffer.from(whole));
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
  const { size } = await stat(file);
  if (size > most) throw new Spoiled(`has ${size} bytes; a history has at most ${most}`);
}

function record(minute: Minute): Buffer {
  const body = writeMinute(minute);
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
