/** What clients are told of files in a bin. */
import type { BinnedFile } from "../host-state.ts";
import type { BinnedFile as File } from "../../library/file-bin.ts";

/** Not where they lie: they are asked for by their ids. */
export function told(files: readonly File[]): BinnedFile[] {
  return files.map(({ id, name, deletedAt, goneAt, allocated: bytes }) => ({ id, name, deletedAt, goneAt, bytes }));
}
