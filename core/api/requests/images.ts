/** Disk images as users see them: which there are, who needs each, and what can be done with it. */
import { z } from "zod";
import type { BinnedFile, ImageCheck, ImageList } from "../host-state.ts";
import { takes } from "./request.ts";
import { fileName, nothing } from "./values.ts";

const name = z.string().min(1).max(1024);
const binned = z.string().min(1).max(1024);
const format = z.enum(["qcow2", "raw"]);
const copyFormat = z.enum(["qcow2", "raw", "vhd"]);

export const IMAGE_REQUESTS = {
  /** Images that the host keeps, those that domains and snapshots name, and what these are based on. */
  imageList: takes(nothing).gives<ImageList>(),
  /** Makes an empty image of so many bytes; its name gets the format's ending. Answers with its place. */
  imageCreate: takes(z.strictObject({ name, format, bytes: z.int().min(0) })).gives<{ path: string }>(),
  /**
   * Makes a copy, of an image in the list or one that the client may name, that is based on nothing, among those that the host keeps, in that format.
   * EBUSY while it is written.
   */
  imageCopy: takes(z.strictObject({ path: fileName, name, format: copyFormat })).gives<{ path: string }>(),
  /** Enlarges an image in the list. EINVAL where it would become smaller, EBUSY where somebody relies on its size. */
  imageGrow: takes(z.strictObject({ path: fileName, bytes: z.int().min(0) })).gives<null>(),
  /** Checks whether an image in the list can be read to its end, and whether its tables are right. EBUSY while it is written. */
  imageCheck: takes(z.strictObject({ path: fileName })).gives<ImageCheck>(),
  /** Those that were deleted (diskRemove), the latest first: each for a day. */
  imageBin: takes(nothing).gives<BinnedFile[]>(),
  /** Back among those that the host keeps, under its name or one made of it. Where it lies. */
  imageRestore: takes(z.strictObject({ id: binned })).gives<{ path: string }>(),
  /** One of them goes for good, or all that nobody needs. EBUSY where somebody needs that one. */
  imagePurge: takes(z.strictObject({ id: binned.optional() })).gives<null>(),
};
