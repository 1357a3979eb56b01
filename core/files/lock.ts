/**
 * A file that says which process has something. One that a crash has left is recognised, because it names the process by its pid and its start, which no
 * later process with that pid has. This works among the processes of one system, not across computers or containers that share the folder.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { isAlive, thisProcess, type Process } from "./processes.ts";

const MOST_BYTES = 4096;
const MOST_COMMAND = 200;
/** Each attempt fails only if somebody else is faster with a lock that was left, or about to remove it. */
const MOST_TRIES = 20;
/** How often an empty lock is looked at again, and the milliseconds between, before it counts as one that a crash has left. */
const LOOKS = 50;
const LOOK_MS = 20;

/** How much of a lock's checksum names the lock of those who remove it. */
const MARK_DIGITS = 12;

export interface Holder extends Process {
  /** The command by which the user knows it. */
  readonly command: string;
}

export interface Lock {
  /** Does nothing if it was released before. */
  release(): void;
}

/**
 * Takes the lock, or says who has it; null where it can't be written. `isLeft` tells of a living process that its lock counts as left all the same. Throws
 * a sentence where that can't be told.
 */
export function takeLock(
  file: string,
  command: string,
  isLeft: (holder: Holder) => boolean = () => false,
): { lock: Lock } | { holder: Holder } | null {
  const mine: Holder & { token: string } = { ...thisProcess(), command, token: crypto.randomUUID() };
  const text = `${JSON.stringify(mine)}\n`;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const written = writeOnce(file, text, mine.token);
    if (written === "unwritable") return null;
    if (written === "done") return { lock: { release: () => releaseText(file, text) } };
    const found = settled(file);
    if (found === null) continue;
    const holder = holderIn(found);
    if (holder && isAlive(holder) && !isLeft(holder)) return { holder };
    takeAway(file, found);
  }
  throw new Error(`${file} is taken again and again by others; try again when they have started.`);
}

/** Returns who has it, if that is a process that lives; null where nobody has. Throws a sentence if something is there that is no file. */
export function holderOf(file: string): Holder | null {
  const text = settled(file);
  const holder = text === null ? null : holderIn(text);
  return holder && isAlive(holder) ? holder : null;
}

/** Removes it if nobody has it who lives, without taking it meanwhile. Throws as holderOf() does. */
export function removeLeft(file: string): void {
  const text = settled(file);
  if (text === null) return;
  const holder = holderIn(text);
  if (!holder || !isAlive(holder)) takeAway(file, text);
}

/** The file exists with all of its text, or not at all; for a moment it may be empty where there are no hard links. */
function writeOnce(file: string, text: string, token: string): "done" | "exists" | "unwritable" {
  const whole = `${file}.${token}.new`;
  for (let tries = 1; ; tries++)
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(whole, text, { mode: 0o600 });
      break;
    } catch (error) {
      // Somebody who has released the last lock may remove the folder in between.
      if ((error as NodeJS.ErrnoException).code === "ENOENT" && tries < MOST_TRIES) continue;
      // A full disk may have taken the name without the text.
      removed(whole);
      return "unwritable";
    }
  try {
    put(whole, file);
    return "done";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EEXIST" ? "exists" : "unwritable";
  } finally {
    rmSync(whole, { force: true });
  }
}

function removed(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It can't be there where nothing can be written.
  }
}

/**
 * Gives a file a name where nothing is. Throws EEXIST where something is. Where there are no hard links, as on exFAT and many network drives, an empty file,
 * which only one can make, holds the place first.
 */
function put(whole: string, file: string): void {
  try {
    linkSync(whole, file);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
  }
  closeSync(openSync(file, "wx", 0o600));
  try {
    renameSync(whole, file);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
}

/** Reads it. Somebody who has just put an empty one there is given time to fill it. */
function settled(file: string): string | null {
  let text = read(file);
  for (let look = 0; look < LOOKS && text === ""; look++) {
    pause();
    text = read(file);
  }
  return text;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
}

function releaseText(file: string, text: string): void {
  try {
    if (read(file) === text) rmSync(file, { force: true });
  } catch {
    // If this fails the lock is left as after a crash, and the next one recovers it.
  }
}

/** Returns null if it is gone. Throws a sentence if something is there that is no file. */
function read(file: string): string | null {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found) return null;
  if (!found.isFile()) throw new Error(`${file} must be a file, or not be there; it is something else. Remove it.`);
  if (found.size > MOST_BYTES) return "";
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${file} can't be read: ${(error as Error).message}.`, { cause: error });
  }
}

/** Returns null if no process has written that. */
function holderIn(text: string): Holder | null {
  try {
    const { pid, started, command } = JSON.parse(text) as Record<string, unknown>;
    if (typeof pid !== "number" || !Number.isInteger(pid) || pid < 1 || pid > 2 ** 31 - 1) return null;
    if (started !== null && typeof started !== "string") return null;
    // It is shown to the user, so it has no control characters and is not long.
    const shown =
      typeof command === "string" ? command.replace(/\p{Cc}/gu, " ").slice(0, MOST_COMMAND) : "another process";
    return { pid, started, command: shown };
  } catch {
    return null;
  }
}

/**
 * Removes the lock that was found to be left, unless something else is in its place by now. Only who has a lock of that lock's own removes it: between the look
 * and the removal nobody else can do so and put a lock of his own there, which would then be removed. That lock may be left itself by a crash, and is taken
 * in the same way.
 */
function takeAway(file: string, text: string): void {
  const mark = createHash("sha256").update(text).digest("hex").slice(0, MARK_DIGITS);
  const alone = takeLock(`${file}.${mark}.left`, "whoever clears up");
  if (alone === null) return;
  if ("holder" in alone) return pause();
  try {
    if (read(file) === text) rmSync(file, { force: true });
  } catch {
    // It stays, and whoever comes next tries again.
  } finally {
    alone.lock.release();
  }
}
