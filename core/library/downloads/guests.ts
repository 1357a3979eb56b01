/**
 * The guests that can be fetched: a list in a file of the state folder, which the user may edit. Xenarium writes this file once and never changes it.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { privateFolder, writeWhole } from "../../files/whole.ts";
import { Refusal } from "../../toolstack/error.ts";
import { readChecksum } from "./checksum.ts";
import { DEFAULT_GUESTS } from "./default-guests.ts";
import { listSchema, type Guest, type GuestFileText } from "./guest-schema.ts";
import type { Wanted } from "./downloads.ts";
import type { FileKind } from "./part.ts";

const MOST_BYTES = 1024 * 1024;
const ABOUT =
  "Guests that Xenarium offers to fetch. Edit this list as you like: it is yours, and read again each time. A file has a url (http or https) and may have bytes, a checksum (SHA-256 or SHA-512) or checksums (the address of a list as SHA256SUMS that has it). Servers of your own network that stand here may be fetched from in windows too.";

export type GuestRole = "kernel" | "ramdisk" | "disk" | "cd";
export interface GuestFile {
  readonly role: GuestRole;
  readonly wanted: Wanted;
}

export interface ReadList {
  readonly guests: readonly Guest[];
  /** A sentence that says why the user's list can't be used, so that the built-in one is shown; else null. */
  readonly problem: string | null;
}

/** Returns what has to be fetched for a guest, in the order of its devices. */
export function filesOf({ kernel, ramdisk, disks = [], cd }: Guest): GuestFile[] {
  const file = (role: GuestRole, of: GuestFileText): GuestFile => {
    const kind: FileKind = role === "cd" ? "disk" : role;
    const { url, bytes = null, checksum, checksums = null } = of;
    const given = checksum === undefined ? null : readChecksum(checksum);
    return { role, wanted: { url, kind, name: null, bytes, checksum: given, checksums } };
  };
  return [
    ...(kernel ? [file("kernel", kernel)] : []),
    ...(ramdisk ? [file("ramdisk", ramdisk)] : []),
    ...disks.map((disk) => file("disk", disk)),
    ...(cd ? [file("cd", cd)] : []),
  ];
}

export class GuestList {
  /** Path of the list; null where there is none to edit. */
  readonly file: string | null;

  constructor(file: string | null) {
    this.file = file;
  }

  async read(): Promise<ReadList> {
    const usual = { guests: DEFAULT_GUESTS, problem: null };
    if (this.file === null) return usual;
    let text: string;
    try {
      const bytes = await readFile(this.file);
      if (bytes.length > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`);
      text = bytes.toString("utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return this.#unusable((error as Error).message);
      await this.#writeFirst().catch(() => {});
      return usual;
    }
    let given: unknown;
    try {
      given = JSON.parse(text);
    } catch (error) {
      return this.#unusable(`it is no JSON: ${(error as Error).message}`);
    }
    const parsed = listSchema.safeParse(given);
    if (!parsed.success) {
      const { path: place, message } = parsed.error.issues[0]!;
      return this.#unusable(`${place.map(String).join(".") || "the list"}: ${message}`);
    }
    const { guests } = parsed.data;
    const twice = guests.find(({ id }, i) => guests.findIndex((each) => each.id === id) !== i);
    return twice ? this.#unusable(`${twice.id} stands there twice`) : { guests, problem: null };
  }

  /** Throws Refusal ENOENT. */
  async find(id: string): Promise<Guest> {
    const { guests } = await this.read();
    const found = guests.find((each) => each.id === id);
    if (found) return found;
    const allowed = guests.map((each) => each.id).join(", ") || "none";
    throw new Refusal("ENOENT", `The list has no guest ${id}; it has: ${allowed}.`);
  }

  /** Returns the origins of all servers that the user has written into the list. */
  async origins(): Promise<ReadonlySet<string>> {
    const { guests } = await this.read();
    const addresses = guests
      .flatMap(filesOf)
      .flatMap(({ wanted: { url, checksums } }) => (checksums === null ? [url] : [url, checksums]));
    return new Set(addresses.map((each) => new URL(each).origin));
  }

  async #writeFirst(): Promise<void> {
    await privateFolder(path.dirname(this.file!));
    await writeWhole(this.file!, `${JSON.stringify({ about: ABOUT, guests: DEFAULT_GUESTS }, null, 2)}\n`);
  }

  #unusable(why: string): ReadList {
    return {
      guests: DEFAULT_GUESTS,
      problem: `${this.file} can't be used: ${why}. These are the guests that came with Xenarium.`,
    };
  }
}
