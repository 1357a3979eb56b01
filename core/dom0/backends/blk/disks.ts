/** The images that block devices of this domain have open: nobody writes what another has, and who comes next waits for who closes. */
import { realpath } from "node:fs/promises";
import { StoreError, storeError, type BlockStore } from "../../storage/block-store.ts";
import { openStore, type StoreAccess } from "../../storage/open.ts";
import { OverlayStore } from "../../storage/overlay.ts";

interface Use {
  writer: boolean;
  /** Of a store that is being closed. */
  closed: Promise<void> | null;
}

export class Disks {
  readonly #uses = new Map<string, Set<Use>>();
  readonly #scratchFolder: string;

  /** `scratchFolder`: where what is written to disposable disks lies until it is thrown away. */
  constructor(scratchFolder: string) {
    this.#scratchFolder = scratchFolder;
  }

  /** "disposable": written to, and the image stays as it is. Throws StoreError when it can't be opened, or is in use in a way that would spoil it. */
  async open(file: string, format: string, access: StoreAccess | "disposable"): Promise<BlockStore> {
    const name = await realpath(file).catch((error: unknown) => Promise.reject(storeError(error, file)));
    const uses = this.#uses.get(name) ?? new Set<Use>();
    this.#uses.set(name, uses);
    await Promise.all([...uses].map(({ closed }) => closed));
    const writer = access === "read-write";
    if ([...uses].some((use) => writer || use.writer))
      throw new StoreError("EBUSY", `${file} is in use as the disk of another device`);
    const use: Use = { writer, closed: null };
    uses.add(use);
    const forget = (): void => void uses.delete(use);
    try {
      const image = await openStore(file, format, access === "disposable" ? "read" : access);
      const store =
        access === "disposable"
          ? await OverlayStore.over(image, this.#scratchFolder).catch(async (error: unknown) => {
              await image.close();
              throw error;
            })
          : image;
      const close = store.close.bind(store);
      store.close = () => (use.closed ??= close().finally(forget));
      return store;
    } catch (error) {
      forget();
      throw storeError(error, file);
    }
  }
}
