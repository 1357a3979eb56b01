/** Disk images as people see them: what there is, who needs it, and what can be done with it. */
import { z } from "zod";
import type { BinnedImage, ImageCheck, ImageList } from "../host-state.ts";
import { takes } from "./request.ts";
import { fileName, nothing } from "./values.ts";

const name = z.string().min(1).max(1024);
const binned = z.string().min(1).max(1024);
const format = z.enum(["qcow2", "raw"]);

export const IMAGE_REQUESTS = {
  /** Those that the host keeps, those that domains and snapshots name, and what these are based on. */
  imageList: takes(nothing).gives<ImageList>(),
  /** An empty one, of so many bytes; its name gets the format's ending. Where it lies. */
  imageCreate: takes(z.strictObject({ name, format, bytes: z.int().min(0) })).gives<{ path: string }>(),
  /** Of one of the list: a copy that is based on nothing, among those that the host keeps, in that format. EBUSY while it is written. */
  imageCopy: takes(z.strictObject({ path: fileName, name, format })).gives<{ path: string }>(),
  /** Of one of the list: larger. EINVAL where it would be smaller, EBUSY where somebody relies on its size. */
  imageGrow: takes(z.strictObject({ path: fileName, bytes: z.int().min(0) })).gives<null>(),
  /** Of one of the list: whether it can be read to its end, and whether its tables are right. EBUSY while it is written. */
  imageCheck: takes(z.strictObject({ path: fileName })).gives<ImageCheck>(),
  /** Those that were deleted (diskRemove), the latest first: each for a day. */
  imageBin: takes(nothing).gives<BinnedImage[]>(),
  /** Back among those that the host keeps, under its name or one made of it. Where it lies. */
  imageRestore: takes(z.strictObject({ id: binned })).gives<{ path: string }>(),
  /** One of them goes for good, or all. */
  imagePurge: takes(z.strictObject({ id: binned.optional() })).gives<null>(),
};
