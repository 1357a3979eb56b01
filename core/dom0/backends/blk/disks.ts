/**
 * The images that block devices of this domain have open, with those that they are based on: nobody writes what another has, and who comes
 * next waits for who closes. A file is known by what it is, not by its name: links make no difference.
 */
import { stat } from "node:fs/promises";
import { StoreError, storeError, type BlockStore } from "../../storage/block-store.ts";
import { openStore, type Claim, type StoreAccess } from "../../storage/open.ts";
import { absorb, type AbsorbOptions } from "../../storage/absorb.ts";
import { OverlayStore } from "../../storage/overlay.ts";
import { Qcow2Store } from "../../storage/qcow2/store.ts";

/** "absorbing": written, but nothing that anybody sees who reads it through the image that it takes in. */
type Access = StoreAccess | "absorbing";

/** One store's, of all of its files. */
interface Use {
  /** Resolves when a store that is being closed is closed; null before. */
  closed: Promise<void> | null;
}

/** A file that nobody may write, whatever names it has: others are based on it. */
export interface FrozenImage {
  file: string;
  /** What it is, a sentence without its full stop: "it is part of …". */
  why: string;
}

export class Disks {
  /** By file: who uses it, and whether he writes it. */
  readonly #files = new Map<string, Map<Use, Access>>();
  readonly #uses = new WeakMap<BlockStore, Use>();
  readonly #scratchFolder: string;
  #frozen: readonly FrozenImage[] = [];

  /** `scratchFolder`: where what is written to disposable disks lies until it is thrown away. */
  constructor(scratchFolder: string) {
    this.#scratchFolder = scratchFolder;
  }

  /** From now on these, and only these, are not to be written. */
  freeze(images: readonly FrozenImage[]): void {
    this.#frozen = images;
  }

  /** "disposable": written to, and the image stays as it is. Throws StoreError when it can't be opened, or is in use in a way that would spoil it. */
  async open(file: string, format: string, access: StoreAccess | "disposable"): Promise<BlockStore> {
    if (access === "read-write") await this.#checkFrozen(file);
    return this.openBeside([], file, format, access);
  }

  /**
   * The same, for who takes care that what those stores do with the same files does no harm: they write no more, or read only what is not
   * written. Frozen images can be written so too.
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
   * An image is to be based on another: opened to be read in its name, and `change` puts it there. What it was based on before is its no more.
   * Throws StoreError, and what `change` throws.
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

/** `base` takes in what `top` has, which is based on it; both may be read meanwhile. The bytes that were copied. Throws StoreError. */
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
