/**
 * Writes what domains write on their first consoles into files that outlive the host, one for each domain, as xenconsoled keeps guest-NAME.log. A
 * file that is full becomes guest-NAME.log.1, replacing the earlier one, and a new file begins. The number of files is bounded too: the oldest are
 * removed.
 * Nothing waits for the files: what comes faster than the disk takes it is left out, and the file says how much.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";

export interface LogFileLimits {
  /** Bytes after which a file is put aside. */
  readonly fileBytes: number;
  /** Bytes of one domain that may wait for the disk. */
  readonly waitingBytes: number;
  readonly files: number;
}
const LIMITS: LogFileLimits = { fileBytes: 1 << 20, waitingBytes: 1 << 20, files: 256 };
/** The number of domains whose files are remembered; the files of others are begun again. */
const MOST_KNOWN = 64;
const MOST_PLAIN_NAME = 180;

interface LogFile {
  waiting: Uint8Array[];
  waitingBytes: number;
  lostBytes: number;
  isWriting: boolean;
}

/** Returns the name of a domain's log file, whatever characters the domain's name has. */
export function logFileName(name: string): string {
  const plain = [...Buffer.from(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_.-]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `guest-${plain.length > MOST_PLAIN_NAME ? `${plain.slice(0, MOST_PLAIN_NAME)}-${digest}` : plain}.log`;
}

export class ConsoleLogFiles {
  readonly #folder: string;
  readonly #limits: LogFileLimits;
  readonly #onTrouble: (message: string) => void;
  readonly #files = new Map<string, LogFile>();
  #isTroubled = false;
  #idle: (() => void)[] = [];

  /** `onTrouble` is told once, in a sentence, when the files can't be written. */
  constructor(folder: string, onTrouble: (message: string) => void, limits = LIMITS) {
    this.#folder = folder;
    this.#onTrouble = onTrouble;
    this.#limits = limits;
  }

  /** `name` is the present name of the domain. */
  append(name: string, bytes: Uint8Array): void {
    const file = this.#file(name);
    if (file.waitingBytes + bytes.length > this.#limits.waitingBytes) file.lostBytes += bytes.length;
    else {
      file.waiting.push(bytes.slice());
      file.waitingBytes += bytes.length;
    }
    if (!file.isWriting) void this.#write(name, file);
  }

  /** Resolves when nothing waits to be written. */
  async written(): Promise<void> {
    if ([...this.#files.values()].some(({ isWriting }) => isWriting))
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #file(name: string): LogFile {
    let file = this.#files.get(name);
    if (!file) {
      for (const [other, { isWriting }] of this.#files)
        if (this.#files.size >= MOST_KNOWN && !isWriting) this.#files.delete(other);
      file = { waiting: [], waitingBytes: 0, lostBytes: 0, isWriting: false };
      this.#files.set(name, file);
    }
    return file;
  }

  async #write(name: string, file: LogFile): Promise<void> {
    file.isWriting = true;
    try {
      while (file.waiting.length || file.lostBytes) {
        const bytes = Buffer.concat(file.waiting);
        file.waiting = [];
        file.waitingBytes = 0;
        const lost = file.lostBytes;
        file.lostBytes = 0;
        await this.#put(logFileName(name), bytes);
        if (lost)
          await this.#put(
            logFileName(name),
            Buffer.from(`\r\n[${lost} bytes are left out here: they came too fast]\r\n`),
          );
        this.#isTroubled = false;
      }
    } catch (error) {
      file.waiting = [];
      file.waitingBytes = 0;
      if (!this.#isTroubled)
        this.#onTrouble(`The consoles' logs can't be written to ${this.#folder}: ${(error as Error).message}`);
      this.#isTroubled = true;
    }
    file.isWriting = false;
    if (![...this.#files.values()].some(({ isWriting }) => isWriting)) for (const idle of this.#idle.splice(0)) idle();
  }

  async #put(name: string, bytes: Buffer): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const file = path.join(this.#folder, name);
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    for (let at = 0; at < bytes.length;) {
      let handle: FileHandle | null = await open(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
      try {
        const { size } = await handle.stat();
        if (size === 0) await this.#makeRoom(name);
        const count = Math.min(bytes.length - at, Math.max(0, this.#limits.fileBytes - size));
        if (count > 0) await handle.writeFile(bytes.subarray(at, at + count));
        at += count;
        if (at === bytes.length) return;
        await handle.close();
        handle = null;
        await rename(file, `${file}.1`);
      } finally {
        await handle?.close();
      }
    }
  }

  /** A new file was made, so the oldest ones of others are removed. */
  async #makeRoom(name: string): Promise<void> {
    const names = (await readdir(this.#folder)).filter((each) => /^guest-.*\.log(\.1)?$/.test(each));
    if (names.length <= this.#limits.files) return;
    const dated = await Promise.all(
      names
        .filter((each) => each !== name)
        .map(async (each) => ({ each, time: (await stat(path.join(this.#folder, each))).mtimeMs })),
    );
    dated.sort((a, b) => a.time - b.time);
    for (const { each } of dated.slice(0, names.length - this.#limits.files))
      await rm(path.join(this.#folder, each), { force: true });
  }
}
