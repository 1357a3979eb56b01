/** Turns names of files that come from outside into names that can stand in one folder on every system. */
import { PART } from "../files/whole.ts";

const MOST_NAME = 120;

/** Windows has devices of these names in every folder, whatever ending follows. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
/** Endings that tell what a file is: a disk image, an archive or a compressed file. */
const ENDING = /\.(img|raw|qcow2?|vhdx?|vmdk|iso|ova|xva|tar|gz|xz|zst|lz4|lzma|bz2|cpio|cfg|pcap)$/i;

/**
 * Returns a name that is one file in one folder on every system. Letters outside of Latin script are taken out, and the ending stays. `instead` is
 * used where nothing else of the name is left.
 */
export function plainName(name: string, instead: string): string {
  const whole = name.replace(/[^\w.+-]+/g, "-").replace(new RegExp(`(\\${PART})+$`), "");
  const ending = ENDING.exec(whole)?.[0] ?? "";
  const plain = whole
    .slice(0, whole.length - ending.length)
    .replace(/^[.-]+|[.]+$/g, "")
    .slice(-(MOST_NAME - ending.length))
    .replace(/^[.-]+/, "");
  const called = `${plain || instead}${ending}`;
  return DEVICE.test(called) ? `${instead}-${called}` : called;
}

/** Returns the name, or one made from it that is not taken. Case is ignored, because some file systems do not distinguish it. */
export function freeName(name: string, taken: Iterable<string>): string {
  const there = new Set([...taken].map((each) => each.toLowerCase()));
  if (!there.has(name.toLowerCase())) return name;
  const [, base, ending] = /^(.*?)(\.[^.]*)?$/.exec(name)!;
  for (let n = 2; ; n++) {
    const next = `${base}-${n}${ending ?? ""}`;
    if (!there.has(next.toLowerCase())) return next;
  }
}
