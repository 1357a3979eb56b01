/** Domains in a single file: out of the library, and into it. */
import { z } from "zod";
import { takes } from "./request.ts";
import type { ArchiveLook } from "../host-state.ts";
import { MOST_PIECE_BYTES } from "../limits.ts";
import { bytes, fileName } from "./values.ts";

const exportId = z.string().regex(/^e\d+$/, "must be an export's id");
const intake = z.string().regex(/^d\d+$/, "must be a file's id");

export const TRANSFER_REQUESTS = {
  /** Exports a kept domain that does not run, by its name or UUID, with its disks. The file must not exist. Only for clients that may name files. */
  domainExport: takes(z.strictObject({ domain: z.string().min(1).max(1024), file: fileName })).gives<{
    bytes: number;
  }>(),
  /** The same in pieces: one task, from the making of the file to the last piece. A client that stops reading says so. */
  exportBegin: takes(z.strictObject({ domain: z.string().min(1).max(1024) })).gives<{
    export: string;
    name: string;
    bytes: number;
  }>(),
  /** The next bytes; none at the end. */
  exportRead: takes(z.strictObject({ export: exportId })).gives<{ bytes: Uint8Array }>(),
  exportDrop: takes(z.strictObject({ export: exportId })).gives<null>(),
  /** What is in an archive with this beginning; nothing of it is kept. */
  importLook: takes(
    z.strictObject({ name: z.string().min(1).max(1024), head: bytes(MOST_PIECE_BYTES) }),
  ).gives<ArchiveLook>(),
  /** A file to be imported comes in pieces, as disk images do. Its path is only for domainImport, and the file is removed when that has ended. */
  importBegin: takes(z.strictObject({ name: z.string().min(1).max(1024), size: z.int().min(0) })).gives<{
    intake: string;
  }>(),
  importChunk: takes(z.strictObject({ intake, offset: z.int().min(0), bytes: bytes(MOST_PIECE_BYTES) })).gives<null>(),
  importEnd: takes(z.strictObject({ intake })).gives<{ path: string }>(),
  importDrop: takes(z.strictObject({ intake })).gives<null>(),
  /**
   * Imports one of those, an OVA or an XVA, as a domain that is kept from then on. `name`: its own; `notes`: sentences about what is different here.
   */
  domainImport: takes(z.strictObject({ file: fileName, name: z.string().min(1).max(1024).optional() })).gives<{
    uuid: string;
    name: string;
    notes: string[];
  }>(),
};
