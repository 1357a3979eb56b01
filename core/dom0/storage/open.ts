/** Opens an image by its format, with the images that it is based on. */
import { realpath } from "node:fs/promises";
import path from "node:path";
import { StoreError, storeError, type BlockStore } from "./block-store.ts";
import { Qcow2Store } from "./qcow2/store.ts";
import { RawStore } from "./raw.ts";

export type StoreAccess = "read" | "read-write";

/** `depth`: how many images stand on this one. */
type Open = (file: string, access: StoreAccess, depth: number) => Promise<BlockStore>;

/** Images in a chain. A chain that is a circle ends here too. */
const DEEPEST_CHAIN = 200;

const OPENERS: Record<string, Open> = {
  raw: (file, access) => RawStore.open(file, access),
  qcow2: (file, access, depth) =>
    Qcow2Store.open(file, { access, openBacking: (name, format) => openBacking(file, name, format, depth + 1) }),
};

/** Formats that there are. */
export const IMAGE_FORMATS: readonly string[] = Object.keys(OPENERS);

/** Throws StoreError. */
export function openStore(file: string, format: string, access: StoreAccess): Promise<BlockStore> {
  return openAt(file, format, access, 0);
}

function openAt(file: string, format: string, access: StoreAccess, depth: number): Promise<BlockStore> {
  const open = OPENERS[format];
  if (open) return open(file, access, depth);
  throw new StoreError("EINVAL", `${file}: there is no format ${format}; there are ${IMAGE_FORMATS.join(", ")}`);
}

/**
 * The image that another is based on, read-only. Whoever made the overlay wrote the name, and may be somebody who wants to see a
 * file of the user's in a guest: only what lies in the overlay's own folder, or below it, is opened. The format must be named too: a
 * guest that writes the first bytes of a raw disk must not decide what that disk is.
 */
async function openBacking(overlay: string, name: string, format: string | null, depth: number): Promise<BlockStore> {
  if (depth > DEEPEST_CHAIN)
    throw new StoreError("ELOOP", `${overlay}: more than ${DEEPEST_CHAIN} images are based on each other`);
  if (/^[a-z][a-z0-9+.-]*:/i.test(name))
    throw new StoreError(
      "EINVAL",
      `${overlay}: its backing file is "${name}"; only files of this computer can be used`,
    );
  if (format === null)
    throw new StoreError(
      "EINVAL",
      `${overlay}: it does not say which format its backing file ${name} has; say it with qemu-img rebase -u -F FORMAT`,
    );
  const folder = await realpath(path.dirname(overlay)).catch((error: unknown) =>
    Promise.reject(storeError(error, overlay)),
  );
  const wanted = path.resolve(folder, name);
  const file = await realpath(wanted).catch((error: unknown) => Promise.reject(storeError(error, wanted)));
  if (!file.startsWith(folder + path.sep))
    throw new StoreError(
      "EACCES",
      `${overlay}: its backing file ${name} does not lie in the image's own folder; put both into one folder and name it with qemu-img rebase -u`,
    );
  return openAt(file, format, "read", depth);
}
