/** Sizes and formats of disk images, as arguments. */
import { InvalidArgumentError } from "commander";
import type { CopyFormat, NewFormat } from "../dom0/storage/convert.ts";

export const NEW_FORMATS: readonly NewFormat[] = ["qcow2", "raw"];
export const COPY_FORMATS: readonly CopyFormat[] = ["qcow2", "raw", "vhd"];
const UNITS: Record<string, number> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Parses "10G", "512M" or a number of bytes. */
export function bytesOf(text: string): number {
  const [, number, unit] = /^(\d{1,15}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = number === undefined ? NaN : Number(number) * UNITS[unit!.toUpperCase()]!;
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes % 512 === 0) return bytes;
  throw new InvalidArgumentError("It must be a multiple of 512 bytes, as 10G, 512M or 1048576.");
}
