/** Values that occur in the arguments of several kinds of requests. */
import { z } from "zod";

export const domid = z.int().min(0).max(0x7fef);
export const bytes = (most: number): z.ZodType<Uint8Array> =>
  z.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= most, {
    message: `must be at most ${most} bytes`,
  });
export const fileId = z.string().regex(/^f\d+$/, "must be a file's id");
export const nothing = z.strictObject({});
export const uuid = z.string().regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/, "must be a UUID");
export const vcpu = z.int().min(0).max(127);
export const fileName = z.string().min(1).max(4096);
