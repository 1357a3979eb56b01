/** Names of files from outside, as they can stand in one folder on every system. */
import { PART } from "../files/whole.ts";

const MOST_NAME = 120;

/** Windows has devices of these names in every folder, whatever ending they get. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
/** Says what a file is, where that is told by names: disk images, archives and what is packed. */
const ENDING = /\.(img|raw|qcow2?|vhdx?|vmdk|iso|ova|xva|tar|gz|xz|zst|lz4|lzma|bz2|cpio|cfg|pcap)$/i;

/**
 * A name that is one file in one folder on every system. `instead`: what is called so of which nothing else is left: letters of other scripts than
 * Latin are taken out, and its ending stays.
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

/** The name, or one made of it that is not taken. Letters count alike in both cases: some file systems don't tell them apart. */
export function freeName(name: string, taken: Iterable<string>): string {
  const there = new Set([...taken].map((each) => each.toLowerCase()));
  if (!there.has(name.toLowerCase())) return name;
  const [, base, ending] = /^(.*?)(\.[^.]*)?$/.exec(name)!;
  for (let n = 2; ; n++) {
    const next = `${base}-${n}${ending ?? ""}`;
    if (!there.has(next.toLowerCase())) return next;
  }
}
