/**
 * Files that the desktop opens with the application ("Open with", a second start, macOS's Dock). The page reaches no file of the user's. They are
 * read here and given to it, and it takes them as if they had been dropped on it.
 */
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { WebContents } from "electron";
import { MOST_FILE_BYTES } from "../core/api/schema.ts";
import { OPENED, OPENS, type OpenedFile } from "./channels.ts";
import { tell, type Inbox } from "./inbox.ts";
import { whenLeft } from "./pages.ts";

/** macOS names files one by one; those that come this soon after each other were opened together. */
const TOGETHER_MS = 100;

/**
 * Returns the paths among a command line's arguments: options are Chromium's, and the first `skip` other arguments are the application itself. Linux
 * desktops pass files as addresses (%U in the desktop entry); an address that names no file here stays as it is.
 */
export function pathsIn(argv: readonly string[], folder: string, skip: number): string[] {
  return argv
    .filter((argument) => argument !== "" && !argument.startsWith("-"))
    .slice(skip)
    .map((argument) => {
      if (!/^file:/i.test(argument)) return path.resolve(folder, argument);
      try {
        return fileURLToPath(argument);
      } catch {
        return argument;
      }
    });
}

/** Returns the file's contents, or a sentence that says why they can't be read. */
async function read(file: string): Promise<OpenedFile> {
  const name = path.basename(file);
  try {
    const found = await stat(file);
    if (!found.isFile()) return { name, reason: `${file} can't be opened: it is no file.` };
    if (found.size > MOST_FILE_BYTES)
      return {
        name,
        reason: `${file} can't be opened: it has ${found.size} bytes; allowed: up to ${MOST_FILE_BYTES}.`,
      };
    return { name, bytes: new Uint8Array(await readFile(file)) };
  } catch (error) {
    return { name, reason: `${file} can't be opened: ${(error as Error).message}.` };
  }
}

export class OpenedFiles {
  #waiting: string[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** The page that has said that it takes files. */
  #page: WebContents | null = null;

  #window: WebContents | null = null;

  constructor(inbox: Inbox) {
    inbox.on(OPENS, (from) => {
      if (from !== this.#window) return;
      this.#page = from;
      this.#soon();
    });
  }

  /** Sends files to that window. A page that is left takes nothing any more. */
  attach(contents: WebContents): void {
    this.#window = contents;
    whenLeft(contents, () => (this.#page = null));
  }

  /** Gives them to the page, now or once it is there. */
  open(paths: readonly string[]): void {
    this.#waiting.push(...paths);
    this.#soon();
  }

  #soon(): void {
    if (!this.#page || !this.#waiting.length) return;
    this.#timer ??= setTimeout(() => void this.#give(), TOGETHER_MS);
  }

  async #give(): Promise<void> {
    this.#timer = null;
    const page = this.#page;
    if (!page) return;
    const paths = this.#waiting.splice(0);
    const files = await Promise.all(paths.map(read));
    if (this.#page === page && !page.isDestroyed()) tell(page, OPENED, files);
    else this.open(paths);
  }
}
