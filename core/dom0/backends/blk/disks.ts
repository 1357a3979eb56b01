/**
 * The images that block devices of this domain have open, with those that they are based on: nobody writes what another has, and who comes
 * next waits for who closes. A file is known by what it is, not by its name: links make no difference.
 */
import { StoreError, storeError, type BlockStore } from "../../storage/block-store.ts";
import { openStore, type Claim, type StoreAccess } from "../../storage/open.ts";
import { OverlayStore } from "../../storage/overlay.ts";

/** One store's, of all of its files. */
interface Use {
  /** Resolves when a store that is being closed is closed; null before. */
  closed: Promise<void> | null;
}

export class Disks {
  /** By file: who uses it, and whether he writes it. */
  readonly #files = new Map<string, Map<Use, StoreAccess>>();
  readonly #scratchFolder: string;

  /** `scratchFolder`: where what is written to disposable disks lies until it is thrown away. */
  constructor(scratchFolder: string) {
    this.#scratchFolder = scratchFolder;
  }

  /** "disposable": written to, and the image stays as it is. Throws StoreError when it can't be opened, or is in use in a way that would spoil it. */
  async open(file: string, format: string, access: StoreAccess | "disposable"): Promise<BlockStore> {
    const use: Use = { closed: null };
    try {
      const claim: Claim = (id, name, how) => this.#claim(use, id, name, how);
      const image = await openStore(file, format, access === "disposable" ? "read" : access, claim);
      const store =
        access === "disposable"
          ? await OverlayStore.over(image, this.#scratchFolder).catch(async (error: unknown) => {
              await image.close();
              throw error;
            })
          : image;
      const close = store.close.bind(store);
      store.close = () => (use.closed ??= close().finally(() => this.#forget(use)));
      return store;
    } catch (error) {
      this.#forget(use);
      throw storeError(error, file);
    }
  }

  async #claim(use: Use, id: string, file: string, access: StoreAccess): Promise<void> {
    const users = (): [Use, StoreAccess][] => [...(this.#files.get(id) ?? [])];
    await Promise.all(users().map(([{ closed }]) => closed));
    if (users().some(([, how]) => access === "read-write" || how === "read-write"))
      throw new StoreError("EBUSY", `${file} is in use as the disk of another device`);
    this.#files.set(id, (this.#files.get(id) ?? new Map<Use, StoreAccess>()).set(use, access));
  }

  #forget(use: Use): void {
    for (const [id, users] of this.#files) if (users.delete(use) && users.size === 0) this.#files.delete(id);
  }
}
