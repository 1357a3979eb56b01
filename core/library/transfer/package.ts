/**
 * The format of an exported domain: a tar archive. It has these members in this order and no others: `domain.json`, the files that belong to the
 * domain (`files/0`, …), its disks (`disks/0.qcow2`, …), each of them a complete image, and `SHA256SUMS` of all of them.
 */
import { z } from "zod";
import { isDomainName } from "../../toolstack/domain-name.ts";
import { MOST_CONFIG_BYTES } from "../definition.ts";

export const DESCRIPTION_MEMBER = "domain.json";
export const SUMS_MEMBER = "SHA256SUMS";
export const MOST_DESCRIPTION_BYTES = 2 * 2 ** 20;
export const MOST_SUMS_BYTES = 64 * 1024;
/** The most that a client may give with a domain (core/api/limits.ts). */
export const MOST_FILE_BYTES = 512 * 2 ** 20;
export const MOST_FILES_BYTES = 1024 * 2 ** 20;
/** As many as a domain with snapshots can have. */
export const MOST_DISKS = 256;

export const fileMember = (i: number): string => `files/${i}`;
export const diskMember = (i: number): string => `disks/${i}.qcow2`;

export const PACKAGE = z.strictObject({
  format: z.literal("xenarium-domain"),
  version: z.literal(1),
  name: z.string().refine(isDomainName, "must be a domain's name"),
  /** Text of an xl.cfg that calls files and disks what the members are called. */
  config: z.string().max(MOST_CONFIG_BYTES),
  /** Sizes in bytes, in the order of the members. */
  files: z.array(z.strictObject({ name: z.string().max(255), bytes: z.int().min(0).max(MOST_FILE_BYTES) })).max(64),
  disks: z.array(z.strictObject({ bytes: z.int().min(0) })).max(MOST_DISKS),
});
export type Package = z.infer<typeof PACKAGE>;
