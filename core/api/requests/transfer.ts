/** Domains in one file: out of the library, and into it. For clients whose user may name files. */
import { z } from "zod";
import { takes } from "./request.ts";
import { fileName } from "./values.ts";

export const TRANSFER_REQUESTS = {
  /** A domain that is kept and does not run, by its name or UUID, with its disks. The file must not be there. */
  domainExport: takes(z.strictObject({ domain: z.string().min(1).max(1024), file: fileName })).gives<{
    bytes: number;
  }>(),
  /** One of those, an OVA or an XVA: a domain that is kept from then on. `name`: its own; `notes`: sentences about what is otherwise here. */
  domainImport: takes(z.strictObject({ file: fileName, name: z.string().min(1).max(1024).optional() })).gives<{
    uuid: string;
    name: string;
    notes: string[];
  }>(),
};
