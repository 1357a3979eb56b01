/** What is on a disk, in lines for a terminal. */
import type { DiskPart } from "../dom0/bootloader/contents.ts";
import { mebibytes } from "./table.ts";

/** A line for each part. Names come from the image, so whoever prints them makes them plain. */
export function contentLines(parts: readonly DiskPart[]): string[] {
  return parts.map(({ partition, bytes, active, holds, label, system }) => {
    const facts = [
      holds ?? "nothing that is known",
      ...(label === "" ? [] : [`“${label}”`]),
      ...(system === null ? [] : [system]),
      ...(active ? ["to boot from"] : []),
    ];
    return `  ${(partition === 0 ? "whole disk" : `part ${partition}`).padEnd(10)} ${mebibytes(bytes)} MiB, ${facts.join(", ")}`;
  });
}
