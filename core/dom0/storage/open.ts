/** Opens an image by its format, with the images that it is based on. */
import { realpath, stat } from "node:fs/promises";
import path from "node:path";
import { StoreError, storeError, type BlockStore } from "./block-store.ts";
import { onlyRead } from "./foreign.ts";
import { Qcow2Store } from "./qcow2/store.ts";
import { RawStore } from "./raw.ts";
import { looksLikeDisk } from "./recognise.ts";
import { VhdStore } from "./vhd/store.ts";
import { VmdkStore } from "./vmdk/store.ts";

export type StoreAccess = "read" | "read-write";

/** Says beforehand that a file is to be used so. Rejects with StoreError when it may not. `id` is the file's, whatever names it has. */
export type Claim = (id: string, file: string, access: StoreAccess) => Promise<void>;

/** What the images that stand on each other have used up together. */
interface Chain {
  readonly claim: Claim;
  readonly seen: Set<string>;
  tableBytes: number;
}

type Open = (file: string, access: StoreAccess, chain: Chain) => Promise<BlockStore>;

/** Images in a chain. */
const DEEPEST_CHAIN = 200;
/** Of the tables of all images in a chain that are held in memory; QEMU's own bounds for one image come to 40 MiB. */
const MOST_TABLE_BYTES = 128 << 20;

function takes(file: string, chain: Chain): (bytes: number) => void {
  return (bytes) => {
    chain.tableBytes += bytes;
    if (chain.tableBytes > MOST_TABLE_BYTES)
      throw new StoreError("EFBIG", `${file}: the tables of the images that it is based on take too much memory`);
  };
}

/** Images of other hypervisors. */
const foreign =
  (format: string, open: (file: string, takeMemory: (bytes: number) => void) => Promise<BlockStore>): Open =>
  (file, access, chain) =>
    access === "read" ? open(file, takes(file, chain)) : Promise.reject(onlyRead(file, format));

const OPENERS: Record<string, Open> = {
  raw: (file, access) => RawStore.open(file, access),
  qcow2: (file, access, chain) =>
    Qcow2Store.open(file, {
      access,
      openBacking: (name, format) => openBacking(file, name, format, chain),
      takeMemory: takes(file, chain),
    }),
  vhd: foreign("vhd", VhdStore.open),
  vmdk: foreign("vmdk", VmdkStore.open),
};

/** What headers call a format that has another name here. */
const OTHER_NAMES: Record<string, string> = { vpc: "vhd" };

/** Formats that there are. */
export const IMAGE_FORMATS: readonly string[] = Object.keys(OPENERS);

/** Throws StoreError. */
export function openStore(
  file: string,
  format: string,
  access: StoreAccess,
  claim: Claim = async () => {},
): Promise<BlockStore> {
  return openAt(file, format, access, { claim, seen: new Set(), tableBytes: 0 });
}

async function openAt(file: string, format: string, access: StoreAccess, chain: Chain): Promise<BlockStore> {
  const open = OPENERS[format];
  if (!open)
    throw new StoreError("EINVAL", `${file}: there is no format ${format}; there are ${IMAGE_FORMATS.join(", ")}`);
  const { dev, ino } = await stat(file, { bigint: true }).catch((error: unknown) =>
    Promise.reject(storeError(error, file)),
  );
  const id = `${dev}:${ino}`;
  if (chain.seen.has(id) || chain.seen.size > DEEPEST_CHAIN)
    throw new StoreError("ELOOP", `${file}: it is based on itself, or on more than ${DEEPEST_CHAIN} others`);
  chain.seen.add(id);
  await chain.claim(id, file, access);
  return open(file, access, chain);
}

/**
 * The image that another is based on, read-only. Whoever made the overlay wrote the name, and may be somebody who wants to see a file of the
 * user's in a guest. So it must lie in the overlay's own folder, or below it; it must be the image of a disk and not a document that lies
 * there by chance; and its format must be named: a guest that writes the first bytes of a raw disk must not decide what that disk is.
 */
async function openBacking(overlay: string, name: string, format: string | null, chain: Chain): Promise<BlockStore> {
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
  if (format === "raw" && !(await looksLikeDisk(file)))
    throw new StoreError(
      "EACCES",
      `${overlay}: its backing file ${name} does not look like the image of a disk (by its name or what it holds); if it is one, call it ${name}.img`,
    );
  return openAt(file, OTHER_NAMES[format] ?? format, "read", chain);
}
