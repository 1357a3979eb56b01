/** Opens an image by its format, with the images that it is based on. */
import { realpath } from "node:fs/promises";
import path from "node:path";
import { StoreError, storeError, type BlockStore } from "./block-store.ts";
import { onlyRead } from "./foreign.ts";
import { HostFile } from "./host-file.ts";
import { Qcow2Store } from "./qcow2/store.ts";
import { RawStore } from "./raw.ts";
import { isDisk } from "./recognise.ts";
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

/** Of an open file, which is the store's from then on, and closed where it fails. */
type Open = (file: HostFile, access: StoreAccess, chain: Chain) => Promise<BlockStore>;

/** Images that one may be based on, directly or through others: a chain has one more. */
const MOST_BACKING = 200;
/** Of the tables of all images in a chain that are held in memory; QEMU's own bounds for one image come to 40 MiB. */
const MOST_TABLE_BYTES = 128 << 20;

function takes({ path: file }: HostFile, chain: Chain): (bytes: number) => void {
  return (bytes) => {
    chain.tableBytes += bytes;
    if (chain.tableBytes > MOST_TABLE_BYTES)
      throw new StoreError("EFBIG", `${file}: the tables of the images that it is based on take too much memory`);
  };
}

/** Images of other hypervisors. */
const foreign =
  (open: (file: HostFile, takeMemory: (bytes: number) => void) => Promise<BlockStore>): Open =>
  (file, _, chain) =>
    open(file, takes(file, chain));

const OPENERS: Record<string, Open> = {
  raw: (file, access) => Promise.resolve(RawStore.of(file, access)),
  qcow2: (file, access, chain) =>
    Qcow2Store.open(file, {
      access,
      openBacking: (name, format) => openBacking(file.path, name, format, chain),
      takeMemory: takes(file, chain),
    }),
  vhd: foreign(VhdStore.open),
  vmdk: foreign(VmdkStore.open),
};
/** Formats that are only read. */
const ONLY_READ: readonly string[] = ["vhd", "vmdk"];

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
  if (access !== "read" && ONLY_READ.includes(format)) return Promise.reject(onlyRead(file, format));
  const open = (): Promise<HostFile> => HostFile.open(file, access);
  return openAt(file, open, format, access, { claim, seen: new Set(), tableBytes: 0 });
}

/** Everything that is asked of the file is asked of the one that is open: by its name it may be another one by then. */
async function openAt(
  called: string,
  openFile: () => Promise<HostFile>,
  format: string,
  access: StoreAccess,
  chain: Chain,
): Promise<BlockStore> {
  const open = OPENERS[format];
  if (!open)
    throw new StoreError("EINVAL", `${called}: there is no format ${format}; there are ${IMAGE_FORMATS.join(", ")}`);
  const file = await openFile();
  try {
    if (chain.seen.has(file.id) || chain.seen.size > MOST_BACKING)
      throw new StoreError("ELOOP", `${called}: it is based on itself, or on more than ${MOST_BACKING} others`);
    chain.seen.add(file.id);
    await chain.claim(file.id, called, access);
  } catch (error) {
    await file.close();
    throw error;
  }
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
  return openAt(
    file,
    () => openBelow(folder, file, overlay, name, format),
    OTHER_NAMES[format] ?? format,
    "read",
    chain,
  );
}

/** Throws StoreError EACCES for what is none of the folder's, also where that has changed since its name was looked at, or no disk. */
async function openBelow(
  folder: string,
  wanted: string,
  overlay: string,
  name: string,
  format: string,
): Promise<HostFile> {
  const elsewhere = new StoreError(
    "EACCES",
    `${overlay}: its backing file ${name} does not lie in the image's own folder; put both into one folder and name it with qemu-img rebase -u`,
  );
  // Nothing outside is even opened, unless it has come there a moment ago.
  if (!wanted.startsWith(folder + path.sep)) throw elsewhere;
  const file = await HostFile.open(wanted, "read");
  try {
    if (!(await file.liesIn(folder))) throw elsewhere;
    if (format === "raw" && !(await isDisk(file)))
      throw new StoreError(
        "EACCES",
        `${overlay}: its backing file ${name} does not look like the image of a disk (by its name or what it holds); if it is one, call it ${name}.img`,
      );
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
