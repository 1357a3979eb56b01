/** The images that block devices of this domain have open, including those that they are based on. */
import { StoreError, storeError, type BlockStore } from "../../storage/block-store.ts";
import { openStore, type Claim, type StoreAccess } from "../../storage/open.ts";
import { absorb, type AbsorbOptions } from "../../storage/absorb.ts";
import { OverlayStore } from "../../storage/overlay.ts";
import { Scratch } from "../../storage/scratch.ts";
import { Qcow2Store } from "../../storage/qcow2/store.ts";
import { readParams } from "./config.ts";
import type { DiskSource } from "./disk-source.ts";
import { OpenImages, type Access, type ImageRegister, type Use } from "./image-register.ts";

export class Disks implements DiskSource {
  readonly #register: ImageRegister;
  readonly #uses = new WeakMap<BlockStore, Use>();
  readonly #scratchFolder: string;

  /** `scratchFolder` is where the writes to disposable disks lie until they are thrown away. Without `register` nobody else uses the images. */
  constructor(scratchFolder: string, register: ImageRegister = new OpenImages()) {
    this.#scratchFolder = scratchFolder;
    this.#register = register;
  }

  async openNamed(params: string, access: StoreAccess | "disposable"): Promise<BlockStore | null> {
    const image = readParams(params);
    return image && this.open(image.target, image.format, access);
  }

  /**
   * Opens an image. "disposable" means that it can be written to while the image itself stays as it is. Throws StoreError when it can't be opened, or
   * its present use would let it be spoiled.
   */
  async open(file: string, format: string, access: StoreAccess | "disposable"): Promise<BlockStore> {
    if (access === "read-write") await this.#register.checkFrozen(file);
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
    const besides = new Set(others.map((other) => this.#uses.get(other)).filter((other) => other !== undefined));
    try {
      const claim: Claim = (id, name, how) =>
        this.#register.claim(use, besides, id, name, how === "read-write" && access === "absorbing" ? access : how);
      const how = { disposable: "read", absorbing: "read-write", read: "read", "read-write": "read-write" } as const;
      const image = await openStore(file, format, how[access], claim);
      const store =
        access === "disposable"
          ? await OverlayStore.over(image, (bytes) => Scratch.create(this.#scratchFolder, bytes))
          : image;
      this.#uses.set(store, use);
      const close = store.close.bind(store);
      store.close = () => {
        if (use.closed) return use.closed;
        use.closed = close().finally(() => this.#register.forget(use));
        this.#register.closing(use);
        return use.closed;
      };
      return store;
    } catch (error) {
      this.#register.forget(use);
      throw storeError(error, file);
    }
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
      await this.#register.claim(use, new Set([use]), id, name, how);
      below.add(id);
    };
    const opened = await openStore(file, format, "read", claim);
    try {
      await change(opened);
    } catch (error) {
      await opened.close();
      throw error;
    }
    this.#register.readsOnly(use, below);
  }
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
