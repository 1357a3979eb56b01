/**
 * The images that block devices of this domain have open, including those that they are based on. Nobody may write what another has open, and whoever
 * comes next waits for the one that is closing. A file is identified by its inode and not by its name, so links make no difference.
 */
import { stat } from "node:fs/promises";
import { StoreError, storeError, type BlockStore } from "../../storage/block-store.ts";
import { openStore, type Claim, type StoreAccess } from "../../storage/open.ts";
import { absorb, type AbsorbOptions } from "../../storage/absorb.ts";
import { OverlayStore } from "../../storage/overlay.ts";
import { Qcow2Store } from "../../storage/qcow2/store.ts";

/** "absorbing": the image is written, but nothing changes for those who read it through the image that it takes in. */
type Access = StoreAccess | "absorbing";

/** The use of all files of one store. */
interface Use {
  /** Resolves when a store that is being closed is closed; null before that begins. */
  closed: Promise<void> | null;
}

/** A file that nobody may write, under any name, because others are based on it. */
export interface FrozenImage {
  file: string;
  /** What it is, as the end of a sentence: "it is part of …". */
  why: string;
}

export class Disks {
  /** By file, who uses it and how. */
  readonly #files = new Map<string, Map<Use, Access>>();
  readonly #uses = new WeakMap<BlockStore, Use>();
  readonly #scratchFolder: string;
  #frozen: readonly FrozenImage[] = [];

  /** `scratchFolder` is where the writes to disposable disks lie until they are thrown away. */
  constructor(scratchFolder: string) {
    this.#scratchFolder = scratchFolder;
  }

  /** Sets which images may not be written. */
  freeze(images: readonly FrozenImage[]): void {
    this.#frozen = images;
  }

  /**
   * Opens an image. "disposable" means that it can be written to while the image itself stays as it is. Throws StoreError when it can't be opened, or
   * its present use would let it be spoiled.
   */
  async open(file: string, format: string, access: StoreAccess | "disposable"): Promise<BlockStore> {
    if (access === "read-write") await this.#checkFrozen(file);
    return this.openBeside([], file, format, access);
  }

  /**
   * The same for a caller that makes sure that the other stores of the same files do no harm: they no longer write, or read only what is not written.
   * Frozen images can be written this way too.
   */
  async openBeside(
    others: readonly BlockStore[],
    file: string,
    format: string,
    access: Access | "disposable",
  ): Promise<BlockStore> {
    const use: Use = { closed: null };
    const besides = new Set(others.map((other) => this.#uses.get(other)));
    try {
      const claim: Claim = (id, name, how) =>
        this.#claim(use, besides, id, name, how === "read-write" && access === "absorbing" ? access : how);
      const how = { disposable: "read", absorbing: "read-write", read: "read", "read-write": "read-write" } as const;
      const image = await openStore(file, format, how[access], claim);
      const store =
        access === "disposable"
          ? await OverlayStore.over(image, this.#scratchFolder).catch(async (error: unknown) => {
              await image.close();
              throw error;
            })
          : image;
      this.#uses.set(store, use);
      const close = store.close.bind(store);
      store.close = () => (use.closed ??= close().finally(() => this.#forget(use)));
      return store;
    } catch (error) {
      this.#forget(use);
      throw storeError(error, file);
    }
  }

  async #checkFrozen(file: string): Promise<void> {
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

  /**
   * Bases an image on another one: opens that to be read under the image's name, and `change` puts it in its place. Releases what the image was based
   * on before. Throws StoreError, and what `change` throws.
   */
  async rebase(
    store: BlockStore,
    file: string,
    format: string,
    change: (below: BlockStore) => Promise<void>,
  ): Promise<void> {
    const use = this.#uses.get(store);
    if (!use) throw new StoreError("EBADF", `${file}: what is to be based on it is not open`);
    const below = new Set<string>();
    const claim: Claim = async (id, name, how) => {
      await this.#claim(use, new Set([use]), id, name, how);
      below.add(id);
    };
    const opened = await openStore(file, format, "read", claim);
    try {
      await change(opened);
    } catch (error) {
      await opened.close();
      throw error;
    }
    for (const [id, users] of this.#files) if (users.get(use) === "read" && !below.has(id)) this.#leave(id, users, use);
  }

  async #claim(
    use: Use,
    besides: ReadonlySet<Use | undefined>,
    id: string,
    file: string,
    access: Access,
  ): Promise<void> {
    const users = (): [Use, Access][] => [...(this.#files.get(id) ?? [])].filter(([other]) => !besides.has(other));
    await Promise.all(users().map(([{ closed }]) => closed));
    if (users().some(([, how]) => !mayMeet(how, access)))
      throw new StoreError("EBUSY", `${file} is in use as the disk of another device`);
    this.#files.set(id, (this.#files.get(id) ?? new Map<Use, Access>()).set(use, access));
  }

  #forget(use: Use): void {
    for (const [id, users] of this.#files) this.#leave(id, users, use);
  }

  #leave(id: string, users: Map<Use, Access>, use: Use): void {
    if (users.delete(use) && users.size === 0) this.#files.delete(id);
  }
}

function mayMeet(one: Access, other: Access): boolean {
  if (one === "read") return other !== "read-write";
  return other === "read" && one === "absorbing";
}

/**
 * Lets `base` take in what `top`, which is based on it, has; both may be read meanwhile. Returns the number of bytes that were copied. Throws
 * StoreError.
 */
export async function absorbImage(
  disks: Disks,
  base: { file: string; format: string },
  top: { file: string; format: string },
  options: AbsorbOptions,
): Promise<number> {
  const lower = await disks.openBeside([], base.file, base.format, "absorbing");
  try {
    const upper = await disks.openBeside([], top.file, top.format, "read");
    try {
      if (!(upper instanceof Qcow2Store)) throw new StoreError("EINVAL", `${top.file} is no qcow2 image`);
      return await absorb(lower, upper, options);
    } finally {
      await upper.close();
    }
  } finally {
    await lower.close();
  }
}
