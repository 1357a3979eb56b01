/**
 * Downloads files from the web. A file is fetched into a part, checked, and only then appears whole in the library. A part that stopped is kept so
 * that the download can continue.
 */
import { createHash } from "node:crypto";
import { readdir, statfs } from "node:fs/promises";
import path from "node:path";
import { Refusal } from "../../toolstack/error.ts";
import { libraryFailure } from "../failure.ts";
import type { KeptFolder } from "../kept-folder.ts";
import { nameAt, webAddress } from "./address.ts";
import { findChecksum, type Checksum } from "./checksum.ts";
import { checkContents } from "./contents.ts";
import { Origins } from "./origins.ts";
import { Part, partAbout, removePart, type FileKind } from "./part.ts";
import type { Reach } from "./reach.ts";
import { transfer } from "./transfer.ts";
import { ask, textAt, USUAL_WEB, type Web } from "./web.ts";

export interface Wanted {
  readonly url: string;
  readonly kind: FileKind;
  /** The name that the file is to get; null for the one in its address. */
  readonly name: string | null;
  /** The size it must have, where that is known. */
  readonly bytes: number | null;
  readonly checksum: Checksum | null;
  /** Address of a list of checksums that contains this file's. */
  readonly checksums: string | null;
}

export interface Fetched {
  readonly name: string;
  readonly path: string;
  readonly kind: FileKind;
  readonly bytes: number;
  readonly sha256: string;
  /** Who vouches for the file besides its server: "given" is a checksum that the user gave, "listed" one from a list of checksums; null is nobody. */
  readonly checked: "given" | "listed" | null;
}

/** A download that runs, or that stopped and can continue. Sizes are in bytes; `total` is null where the server does not tell it. */
export interface DownloadReport {
  readonly id: string;
  readonly url: string;
  readonly name: string;
  readonly kind: FileKind;
  readonly isRunning: boolean;
  readonly done: number;
  readonly total: number | null;
  /** A sentence that says why it stopped; "" while it runs, and after a restart of the application. */
  readonly reason: string;
}

/** What is known of a file before it is fetched. */
export interface Foreseen {
  readonly bytes: number | null;
  readonly checksum: Checksum | null;
  readonly checked: Fetched["checked"];
  /** A sentence that says why the server or the list of checksums could not be asked; else null. */
  readonly problem: string | null;
}

const MOST_BYTES: Record<FileKind, number> = { kernel: 512 * 2 ** 20, ramdisk: 512 * 2 ** 20, disk: 2 ** 40 };
const MOST_LIST_BYTES = 4 * 2 ** 20;
const MOST_RUNNING = 4;
/** Bytes of the disk that are left free for others. */
const SPARE_BYTES = 256 * 2 ** 20;
/** Parts that nobody has continued for so many days are removed. */
const PART_DAYS = 14;
const DAY_MS = 24 * 60 * 60 * 1000;
/** After these errors the part that has come is of no use. */
const SPOILED = new Set(["EBADMSG", "EFBIG", "ENOEXEC"]);

export interface DownloadFolders {
  /** The folder of parts; null where nothing is kept. */
  readonly parts: string | null;
  readonly files: Readonly<Record<FileKind, KeptFolder>>;
}

/** Returns the same id for the same file every time, so that a part that was begun is found again. */
export function downloadId(kind: FileKind, url: URL): string {
  return createHash("sha256").update(`${kind} ${url.href}`).digest("hex").slice(0, 16);
}

export class Downloads {
  readonly #folders: DownloadFolders;
  readonly #web: Web;
  readonly #changed: () => void;
  readonly #origins: Origins;
  readonly #reports = new Map<string, DownloadReport>();
  #started: Promise<void> | null = null;

  constructor(folders: DownloadFolders, changed: () => void, web: Web = USUAL_WEB) {
    this.#folders = folders;
    this.#changed = changed;
    this.#web = web;
    this.#origins = new Origins(folders.parts === null ? null : path.join(folders.parts, "origins.json"));
  }

  /** Finds the downloads that were under way when the application ended. */
  start(): Promise<void> {
    return (this.#started ??= this.#lookForParts());
  }

  async #lookForParts(): Promise<void> {
    const { parts } = this.#folders;
    if (parts === null) return;
    for (const entry of await readdir(parts, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory()) continue;
      const id = entry.name;
      const about = await partAbout(path.join(parts, id));
      if (!about || about.durable === 0 || about.at < Date.now() - PART_DAYS * DAY_MS)
        await removePart(path.join(parts, id));
      else {
        const { url, name, kind, durable: done, total } = about;
        this.#reports.set(id, { id, url, name, kind, isRunning: false, done, total, reason: "" });
      }
    }
    if (this.#reports.size) this.#changed();
  }

  get all(): DownloadReport[] {
    return [...this.#reports.values()];
  }

  /**
   * Resolves when the file is whole, checked and in its folder. Throws Refusal, EBUSY if it is being fetched already; or the reason of the aborted
   * signal. What has come is kept then, unless it is of no use.
   */
  async fetch(
    wanted: Wanted,
    reach: Reach,
    progress: (done: number, total: number | null) => void,
    signal: AbortSignal,
  ): Promise<Fetched> {
    await this.start();
    const { kind } = wanted;
    const { parts } = this.#folders;
    if (parts === null) throw new Refusal("EROFS", "This host keeps nothing on disk, and so fetches nothing.");
    const url = webAddress(wanted.url);
    reach.check(url);
    const name = wanted.name ?? (nameAt(url) || kind);
    const id = downloadId(kind, url);
    const running = this.all.filter(({ isRunning }) => isRunning);
    if (running.some((each) => each.id === id)) throw new Refusal("EBUSY", `${name} is being fetched already.`);
    if (running.length >= MOST_RUNNING)
      throw new Refusal("EBUSY", `${MOST_RUNNING} files are being fetched already; wait for one of them.`);
    const known = this.#reports.get(id);
    const report = { id, url: url.href, name, kind, isRunning: true, reason: "" };
    this.#report({ ...report, done: known?.done ?? 0, total: known?.total ?? null });
    const tell = (done: number, total: number | null): void => {
      this.#report({ ...report, done, total });
      progress(done, total);
    };
    let part: Part | null = null;
    try {
      const { checksum, checked } = await this.#checksumOf(wanted, url, reach, signal);
      const kept = checksum && (await this.#origins.unchanged(kind, checksum));
      if (kept) {
        this.#forget(id);
        return { ...kept, name: path.basename(kept.path), kind, checked };
      }
      part = await Part.open(path.join(parts, id), { url: url.href, kind, name }, signal);
      const job = {
        ...{ url, name, bytes: wanted.bytes, mostBytes: MOST_BYTES[kind], checksum },
        room: (bytes: number) => this.#room(parts, bytes, name),
        progress: tell,
      };
      await transfer(job, part, this.#web, reach, signal);
      await checkContents(part, name);
      const fetched = { ...(await this.#finish(part, kind, name)), checked };
      part = null;
      this.#forget(id);
      return fetched;
    } catch (error) {
      const failure = signal.aborted ? null : libraryFailure(error, `${name} can't be fetched`);
      const length = part?.length ?? 0;
      const total = part?.validators.total ?? null;
      const isKept = part !== null && length > 0 && !SPOILED.has(failure?.code ?? "");
      await (isKept ? part!.close() : part?.discard())?.catch(() => {});
      const reason = failure?.message ?? "It was stopped.";
      if (isKept) this.#report({ ...report, isRunning: false, done: length, total, reason });
      else if (part !== null || known === undefined) this.#forget(id);
      else this.#report({ ...known, reason });
      throw failure ?? error;
    }
  }

  /** Throws away the part with that id. Throws Refusal: ENOENT where there is none, EBUSY while it runs. */
  async discard(id: string): Promise<void> {
    await this.start();
    const report = this.#reports.get(id);
    if (!report || this.#folders.parts === null)
      throw new Refusal("ENOENT", "There is no such download: it was finished or thrown away.");
    if (report.isRunning) throw new Refusal("EBUSY", `${report.name} is being fetched: stop that first.`);
    await removePart(path.join(this.#folders.parts, id));
    this.#forget(id);
  }

  /** Tells what is known of a file before it is fetched. What could not be asked is reported as a problem, and does not prevent an attempt. */
  async foresee(wanted: Wanted, reach: Reach, signal: AbortSignal): Promise<Foreseen> {
    const problems: string[] = [];
    const tried = async <T>(deed: () => Promise<T>): Promise<T | null> =>
      deed().catch((error: unknown) => {
        signal.throwIfAborted();
        problems.push(libraryFailure(error, wanted.url).message);
        return null;
      });
    const head = await tried(async () => {
      const answer = await ask("HEAD", webAddress(wanted.url), {}, this.#web, reach, signal);
      answer.body.destroy();
      // Some servers refuse this question although they have the file.
      if (answer.status === 404 || answer.status === 410)
        throw new Refusal("ENOENT", `${answer.url.host} has no file ${answer.url.pathname}.`);
      const length = answer.status === 200 ? answer.headers["content-length"] : undefined;
      return length === undefined ? null : Number(length);
    });
    const sum = await tried(() => this.#checksumOf(wanted, webAddress(wanted.url), reach, signal));
    return {
      bytes: wanted.bytes ?? head,
      checksum: sum?.checksum ?? null,
      checked: sum?.checked ?? null,
      problem: problems[0] ?? null,
    };
  }

  async #checksumOf(
    { checksum, checksums }: Wanted,
    url: URL,
    reach: Reach,
    signal: AbortSignal,
  ): Promise<{ checksum: Checksum | null; checked: Fetched["checked"] }> {
    if (checksum) return { checksum, checked: "given" };
    if (checksums === null) return { checksum: null, checked: null };
    const listAt = webAddress(checksums);
    const list = await textAt(listAt, MOST_LIST_BYTES, this.#web, reach, signal);
    return { checksum: findChecksum(list, listAt, url), checked: "listed" };
  }

  async #finish(part: Part, kind: FileKind, name: string): Promise<Omit<Fetched, "checked">> {
    const place = await this.#folders.files[kind].place(name);
    try {
      const { length: bytes } = part;
      const sums = part.checksums();
      await part.finish(place.path);
      await this.#origins.add(kind, place.path, sums);
      return { name: path.basename(place.path), path: place.path, kind, bytes, sha256: sums.sha256 };
    } finally {
      place.left();
    }
  }

  async #room(folder: string, bytes: number, name: string): Promise<void> {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free - bytes < SPARE_BYTES)
      throw new Refusal(
        "ENOSPC",
        `${name} has no room on this computer's disk: ${mib(bytes)} MiB are to come, ${mib(free)} MiB are free, and ${mib(SPARE_BYTES)} MiB are left for others.`,
      );
  }

  #report(report: DownloadReport): void {
    this.#reports.set(report.id, report);
    this.#changed();
  }
  #forget(id: string): void {
    this.#reports.delete(id);
    this.#changed();
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
