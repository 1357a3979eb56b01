/**
 * What the rows of the dialog's disks offer: a guest has disks and drives, while the disks of a native domain are images that it serves to others, who
 * say themselves whether one is a CD, or disposable (core/toolstack/xlcfg.ts). Of a guest's disk that another domain holds, nobody changes the medium.
 */
import { readConfig } from "../../core/api/config-text.ts";
import { disksOf, isCd, isForeign, isHeldElsewhere, isReadOnly, withDisk, type Disk } from "./devices.ts";
import { NATIVE } from "./fields.ts";

export interface DiskOffers {
  /** Whether a drive can be had, whose medium can be changed and may be missing. */
  readonly drives: boolean;
  readonly disposable: boolean;
  /** Why an image of that format can only be read; null if it can be written too. */
  readOnlyBecause(format: string): string | null;
  /** A disk that was made as a guest would have it, as this domain has it. */
  had(disk: Disk): Disk;
}

const GUEST_DISKS: DiskOffers = {
  drives: true,
  disposable: true,
  readOnlyBecause: (format) =>
    isForeign({ format })
      ? `A ${format} image can only be read. What is written to a disposable one is thrown away`
      : null,
  had: (disk) => disk,
};

/** Disks that a driver domain holds for a guest. */
export const HELD_DISKS: DiskOffers = { ...GUEST_DISKS, drives: false };

const SERVED_DISKS: DiskOffers = {
  drives: false,
  disposable: false,
  readOnlyBecause: (format) =>
    format === "" || format === "raw" ? null : "A native domain writes raw images only: others it can read",
  had: (disk) => ({
    ...disk,
    devtype: "",
    disposable: false,
    access: isCd(disk) || isReadOnly(disk) || SERVED_DISKS.readOnlyBecause(disk.format) !== null ? "ro" : disk.access,
  }),
};

/** Returns what a domain of that type may have. */
export function diskOffers(type: string): DiskOffers {
  return type === NATIVE ? SERVED_DISKS : GUEST_DISKS;
}

/** Returns a guest's text with its disks as a native domain has them, without empty drives and the disks of other domains. */
export function withServedDisks(text: string): string {
  const rows = disksOf(readConfig(text));
  // From the last one on, because those behind one that is taken out move up.
  return rows.reduceRight((after, { value }, index) => {
    if (!value) return after;
    if (!value.target || isHeldElsewhere(value)) return withDisk(after, index, null);
    const served = SERVED_DISKS.had(value);
    const isSame = (Object.keys(value) as (keyof Disk)[]).every((key) => served[key] === value[key]);
    return isSame ? after : withDisk(after, index, served);
  }, text);
}
