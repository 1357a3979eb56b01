/** The words for images and for those who need them. */
import type { ImageReport, ImageUser } from "../../core/api/schema.ts";
import { sizeText } from "../ui/units.ts";

export const UNITS = [
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
  ["TiB", 2 ** 40],
] as const;
export type Unit = (typeof UNITS)[number][0];

/** Returns the bytes of a number as it is typed, or null if it is none. A disk has whole sectors. */
export function bytesOf(text: string, unit: Unit): number | null {
  const value = Number(text.trim().replace(",", "."));
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) return null;
  return Math.ceil((value * UNITS.find(([name]) => name === unit)![1]) / 512) * 512;
}

const baseName = (file: string): string => file.split(/[\\/]/).at(-1)!;

const WHERE: Record<ImageUser["state"], string> = {
  running: ", running",
  saved: ", saved",
  halted: "",
  binned: ", in the bin",
  aside: ", put aside",
};

export function userText({ kind, name, state, snapshots, writes }: ImageUser): string {
  if (kind === "image") return `${baseName(name)}${state === "binned" ? ", in the bin," : ""} is based on it`;
  const where = WHERE[state];
  if (kind === "domain") return `${name}${where}${writes ? "" : ", read only"}`;
  const names = snapshots.slice(0, 3).join(", ");
  const more = snapshots.length > 3 ? ` and ${snapshots.length - 3} more` : "";
  return names === "" ? `snapshots of ${name}${where}` : `${name}${where}: snapshot ${names}${more}`;
}

export function sizeOf({ size }: Pick<ImageReport, "size">): string {
  return size === null ? "–" : sizeText(size);
}

/** Returns a name for what is made from it. */
export function stemOf(name: string): string {
  return name.replace(/\.(qcow2?|img|raw|vhd|vpc|vmdk|iso)$/i, "");
}
