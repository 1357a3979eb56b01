/** Opens an image by its format. */
import { StoreError, type BlockStore } from "./block-store.ts";
import { RawStore } from "./raw.ts";

export type StoreAccess = "read" | "read-write";

type Open = (file: string, access: StoreAccess) => Promise<BlockStore>;

const OPENERS: Record<string, Open> = { raw: (file, access) => RawStore.open(file, access) };

/** Formats that there are. */
export const IMAGE_FORMATS: readonly string[] = Object.keys(OPENERS);

/** Throws StoreError. */
export function openStore(file: string, format: string, access: StoreAccess): Promise<BlockStore> {
  const open = OPENERS[format];
  if (open) return open(file, access);
  throw new StoreError("EINVAL", `${file}: there is no format ${format}; there are ${IMAGE_FORMATS.join(", ")}`);
}
