/** Decides whether a file without a format of its own is the image of a disk, or something else of the user's. */
import { HostFile } from "./host-file.ts";

/** Endings that people give to raw images. */
const NAMES = /\.(img|raw|iso|dd|bin|disk|hdd|image)$/i;
/** What disks, partitions and file systems have at these offsets. */
const MARKS: readonly [number, string][] = [
  [510, "\x55\xaa"],
  [512, "EFI PART"],
  [1080, "\x53\xef"],
  [32769, "CD001"],
  [0, "XFSB"],
  [0x10040, "_BHRfS_M"],
  [0, "LUKS\xba\xbe"],
  [536, "LVM2 001"],
  [4086, "SWAPSPACE2"],
];
const BYTES = 0x10080;

/** Asks about an open file. Throws StoreError when it can't be read. */
export async function isDisk(file: HostFile): Promise<boolean> {
  if (NAMES.test(file.path)) return true;
  const bytes = Buffer.alloc(BYTES);
  await file.read(0, [bytes]);
  return MARKS.some(([at, mark]) => bytes.toString("latin1", at, at + mark.length) === mark);
}

/** The same for a file given by its name. */
export async function looksLikeDisk(path: string): Promise<boolean> {
  const file = await HostFile.open(path, "read");
  try {
    return await isDisk(file);
  } finally {
    await file.close();
  }
}
