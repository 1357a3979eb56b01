/**
 * Who has which image of the host's computer open, and how: one register for the whole host. Nobody may write what another has open, and whoever comes
 * next waits for the one that is closing. A file is identified by its inode and not by its name, so links make no difference.
 */
import { stat } from "node:fs/promises";
import type { Lock } from "../../../files/lock.ts";
import { StoreError } from "../../storage/block-store.ts";
import { lockImage } from "../../storage/image-locks.ts";
import type { StoreAccess } from "../../storage/open.ts";

/** "absorbing": the image is written, but nothing changes for those who read it through the image that it takes in. */
export type Access = StoreAccess | "absorbing";

/** The use of all files of one store. */
export interface Use {
  /** Resolves when a store that is being closed is closed; null before that begins. */
  closed: Promise<void> | null;
}

/** A file that nobody may write, under any name, because others are based on it. */
export interface FrozenImage {
  file: string;
  /** What it is, as the end of a sentence: "it is part of …". */
  why: string;
}

/** The register, where it is or from where it is asked. */
export interface ImageRegister {
  /** Rejects with StoreError for a file that must not be written. */
  checkFrozen(file: string): Promise<void>;
  /** Notes that `use` has the file open. Rejects with StoreError EBUSY when others, except for `besides`, have it in a way that does not go with that. */
  claim(use: Use, besides: ReadonlySet<Use>, id: string, file: string, access: Access): Promise<void>;
  /** `use.closed` is set: whoever wants one of its files waits for that. */
  closing(use: Use): void;
  /** It has no file open any more. */
  forget(use: Use): void;
  /** Of the files that it reads, it has only these open. */
  readsOnly(use: Use, ids: ReadonlySet<string>): void;
}

export class OpenImages implements ImageRegister {
  /** By file, who uses it and how. */
  readonly #files = new Map<string, Map<Use, Access>>();
  /** Other hosts are told: by file, that it is read, and that it is written. */
  readonly #locks = { read: new Map<string, Lock>(), write: new Map<string, Lock>() } as const;
  #frozen: readonly FrozenImage[] = [];

  /** Sets which images may not be written. */
  freeze(images: readonly FrozenImage[]): void {
    this.#frozen = images;
  }

  async checkFrozen(file: string): Promise<void> {
    if (this.#frozen.length === 0) return;
    const identity = async (name: string): Promise<string | null> => {
      const found = await stat(name, { bigint: true }).catch(() => null);
      return found && `${found.dev}:${found.ino}`;
    };
    const id = await identity(file);
    if (id === null) return;
    for (const frozen of this.#frozen)
      if ((await identity(frozen.file)) === id)
        throw new StoreError("EBUSY", `${file} must not be written: ${frozen.why}`);
  }

  async claim(use: Use, besides: ReadonlySet<Use>, id: string, file: string, access: Access): Promise<void> {
    const users = (): [Use, Access][] => [...(this.#files.get(id) ?? [])].filter(([other]) => !besides.has(other));
    await Promise.all(users().map(([{ closed }]) => closed));
    if (users().some(([, how]) => !mayMeet(how, access)))
      throw new StoreError("EBUSY", `${file} is in use as the disk of another device`);
    const how = access === "read" ? "read" : "write";
    if (!this.#locks[how].has(id)) this.#locks[how].set(id, lockImage(id, file, how));
    this.#files.set(id, (this.#files.get(id) ?? new Map<Use, Access>()).set(use, access));
  }

  closing(): void {}

  forget(use: Use): void {
    for (const [id, users] of this.#files) this.#leave(id, users, use);
  }

  readsOnly(use: Use, ids: ReadonlySet<string>): void {
    for (const [id, users] of this.#files) if (users.get(use) === "read" && !ids.has(id)) this.#leave(id, users, use);
  }

  #leave(id: string, users: Map<Use, Access>, use: Use): void {
    if (!users.delete(use)) return;
    const left = new Set([...users.values()].map((access) => (access === "read" ? "read" : "write")));
    for (const how of ["read", "write"] as const) {
      if (left.has(how)) continue;
      this.#locks[how].get(id)?.release();
      this.#locks[how].delete(id);
    }
    if (users.size === 0) this.#files.delete(id);
  }
}

function mayMeet(one: Access, other: Access): boolean {
  if (one === "read") return other !== "read-write";
  return other === "read" && one === "absorbing";
}
