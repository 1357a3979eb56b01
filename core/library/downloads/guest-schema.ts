/** What a list of guests may say: `guests.json`. */
import { z } from "zod";
import { webAddress } from "./address.ts";
import { readChecksum } from "./checksum.ts";

const MOST_GUESTS = 200;

/** Makes a string whose value is refused with the sentence that `check` throws. */
const checked = (check: (text: string) => unknown, most: number): z.ZodString =>
  z
    .string()
    .max(most)
    .superRefine((text, context) => {
      try {
        check(text);
      } catch (error) {
        context.addIssue({ code: "custom", message: (error as Error).message });
      }
    }) as unknown as z.ZodString;
/** One line without invisible characters. */
const words = (most: number): z.ZodString =>
  z
    .string()
    .max(most)
    .regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u, "must be one line");

const fileSchema = z.strictObject({
  url: checked(webAddress, 2048),
  bytes: z.int().min(1).optional(),
  checksum: checked(readChecksum, 200).optional(),
  checksums: checked(webAddress, 2048).optional(),
});
const guestSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/, "must be small letters, digits, - and ., at most 64"),
    name: words(100).min(1),
    description: words(500).optional(),
    architecture: z.literal("x86_64", "must be x86_64, which is what this host runs"),
    kernel: fileSchema.optional(),
    ramdisk: fileSchema.optional(),
    disks: z.array(fileSchema).max(8).optional(),
    cd: fileSchema.optional(),
    cmdline: words(2000).optional(),
    memory: z.int().min(16).max(4096),
    vcpus: z.int().min(1).max(32).optional(),
    network: z.boolean().optional(),
  })
  .refine(({ kernel, disks, cd }) => kernel || disks?.length || cd, "has nothing to boot: a kernel, disks or a cd")
  .refine(({ kernel, ramdisk }) => kernel || !ramdisk, "has a RAM disk and no kernel");
export const listSchema = z.strictObject({
  about: z.string().optional(),
  guests: z.array(guestSchema).max(MOST_GUESTS),
});

/** A guest as it stands in the file. */
export type GuestText = z.input<typeof guestSchema>;
export type Guest = z.output<typeof guestSchema>;
export type GuestFileText = z.output<typeof fileSchema>;
