/** What lies in a bin, as text. */
import { mebibytes, plain, table } from "./table.ts";

export interface Binned {
  id: string;
  name: string;
  deletedAt: number;
  goneAt: number;
  bytes: number;
}

/** `more`: further columns after the name, by their titles. */
export function binText<T extends Binned>(
  all: readonly T[],
  more: Readonly<Record<string, (entry: T) => string>> = {},
): string {
  if (all.length === 0) return "The bin is empty.\n";
  const bytes = all.reduce((sum, each) => sum + each.bytes, 0);
  return `${table([
    ["Name", ...Object.keys(more), "Deleted", "Gone for good", "MiB", "Id"],
    ...all.map((each) => [
      plain(each.name),
      ...Object.values(more).map((text) => plain(text(each))),
      new Date(each.deletedAt).toISOString(),
      new Date(each.goneAt).toISOString(),
      mebibytes(each.bytes),
      each.id,
    ]),
  ])}${mebibytes(bytes)} MiB, total\n`;
}
