/** Files that a client gives to its session, and what else can be started. */
import { z } from "zod";
import type { ImageDescription } from "../../toolstack/messages.ts";
import type { ImageSources, TakenImage } from "../host-state.ts";
import { MOST_CHUNK_BYTES, MOST_SNIFF_BYTES } from "../limits.ts";
import { takes } from "./request.ts";
import { bytes, fileId, nothing } from "./values.ts";

export const FILE_REQUESTS = {
  /** A file comes in chunks, in order. Then it may be inspected, and used by `create`. It is kept until it is released. */
  fileBegin: takes(z.strictObject({ name: z.string().min(1).max(1024), size: z.int().min(0) })).gives<{
    file: string;
  }>(),
  fileChunk: takes(
    z.strictObject({ file: fileId, offset: z.int().min(0), bytes: bytes(MOST_CHUNK_BYTES) }),
  ).gives<null>(),
  fileInspect: takes(z.strictObject({ file: fileId })).gives<ImageDescription>(),
  /** For a file that is too large to be given: takes its beginning, from which the answer's sentence says what it is. */
  fileSniff: takes(
    z.strictObject({
      name: z.string().min(1).max(1024),
      size: z.int().min(0),
      bytes: bytes(MOST_SNIFF_BYTES),
    }),
  ).gives<{ refusal: string }>(),
  fileRelease: takes(z.strictObject({ file: fileId })).gives<null>(),
  /** What can be started besides the client's own files. */
  imageSources: takes(nothing).gives<ImageSources>(),
  /** Puts the bundled guest, or a kernel of this computer by its release, among the session's files, as if the client had given it. */
  takeBundled: takes(nothing).gives<{ config: string; files: TakenImage[] }>(),
  takeHostKernel: takes(z.strictObject({ release: z.string().min(1).max(128) })).gives<{ files: TakenImage[] }>(),
};
