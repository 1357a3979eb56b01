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

/** Announces how a file is about to be used. Rejects with StoreError when it may not be. `id` identifies the file, whatever names it has. */
export type Claim = (id: string, file: string, access: StoreAccess) => Promise<void>;

/** What the images of a chain have used up together. */
interface Chain {
  readonly claim: Claim;
  readonly seen: Set<string>;
  tableBytes: number;
}

/** Opens a store on an open file. The file belongs to the store from then on, and is closed if this fails. */
type Open = (file: HostFile, access: StoreAccess, chain: Chain) => Promise<BlockStore>;

/** The most images that one may be based on, directly or through others; a chain has one more. */
const MOST_BACKING = 200;
/** The most bytes of tables of all images in a chain that are held in memory. QEMU's own bounds for one image amount to 40 MiB. */
const MOST_TABLE_BYTES = 128 << 20;

function takes({ path: file }: HostFile, chain: Chain): (bytes: number) => void {
  return (bytes) => {
    chain.tableBytes += bytes;
    if (chain.tableBytes > MOST_TABLE_BYTES)
      throw new StoreError("EFBIG", `${file}: the tables of the images that it is based on take too much memory`);
  };
}

/** Opens an image of another hypervisor. */
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
/** Formats that can only be read. */
const ONLY_READ: readonly string[] = ["vhd", "vmdk"];

/** Names that headers use for formats, where they differ from ours. */
const OTHER_NAMES: Record<string, string> = { vpc: "vhd" };

/** The formats that are supported. */
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

/** Everything that is asked about the file is asked of the open file, because its name may lead to another one by then. */
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
 * Opens, read-only, the image that another one is based on. Whoever made the overlay wrote this name, and may want to show a file of the user's to a
 * guest. So the image must lie in the overlay's own folder or below it, and it must be an image of a disk and not a document that lies there by
 * chance. Its format must be named too: a guest that writes the first bytes of a raw disk must not decide what that disk is.
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

/** Throws StoreError EACCES for a file that is not in the folder, even if that has changed since its name was looked at, or that is no disk. */
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
  // Nothing outside is even opened, unless it was moved there a moment ago.
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
