/** Disk images: what is on them, and those that the host keeps. */
import { z } from "zod";
import type { DiskReport } from "../../toolstack/messages.ts";
import type { DiskImage } from "../host-state.ts";
import { MOST_PIECE_BYTES } from "../limits.ts";
import { takes } from "./request.ts";
import { nothing, fileName } from "./values.ts";

const intake = z.string().regex(/^d\d+$/, "must be an image's id");

export const DISK_REQUESTS = {
  /** What an image of the host's computer is, and what is on it. The client must be allowed to name it. */
  inspectDisk: takes(z.strictObject({ path: fileName, format: z.string().max(16).optional() })).gives<DiskReport>(),
  /** Images that windows have given to the host, which keeps them. */
  diskImages: takes(nothing).gives<DiskImage[]>(),
  /** An image comes in pieces, in order. Once complete it is among the images; before that it does not exist. */
  diskBegin: takes(z.strictObject({ name: z.string().min(1).max(1024), size: z.int().min(0) })).gives<{
    intake: string;
  }>(),
  diskChunk: takes(
    z.strictObject({
      intake,
      offset: z.int().min(0),
      bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= MOST_PIECE_BYTES, {
        message: `must be at most ${MOST_PIECE_BYTES} bytes`,
      }),
    }),
  ).gives<null>(),
  /** Its answer: Where it lies on the host's computer, in the form that a disk specification uses. */
  diskEnd: takes(z.strictObject({ intake })).gives<{ path: string }>(),
  /** Discards it completely. */
  diskDrop: takes(z.strictObject({ intake })).gives<null>(),
  /** One of the images that the host keeps goes to the bin, for a day. EBUSY while anybody needs it. */
  diskRemove: takes(z.strictObject({ name: z.string().min(1).max(1024) })).gives<null>(),
};
