/** Domains that are saved to files and restored from them. */
import { z } from "zod";
import type { CreateResult } from "../../toolstack/messages.ts";
import { takes } from "./request.ts";
import { domid, fileName, nothing, uuid } from "./values.ts";

export const SAVING_REQUESTS = {
  /**
   * Suspends a guest and writes what it is to a file, whole or not at all: where the host keeps the domain, or to `file`, which only a client
   * whose user may name files can name; with `resume` it goes on afterwards. `saving` events tell how far it is. ETIMEDOUT: the guest does
   * not suspend, and goes on running.
   */
  save: takes(
    z
      .strictObject({ domid, file: fileName.optional(), resume: z.boolean().optional() })
      .refine(
        ({ file, resume }) => file !== undefined || !resume,
        "a domain that goes on is saved to a file that is named",
      ),
  ).gives<{ bytes: number }>(),
  /** All domains that run, as before a power-off. A sentence for each that could not be saved, and runs on. */
  saveAll: takes(nothing).gives<{ failed: string[] }>(),
  /** Ends a `save` that is under way: it is refused with ECANCELED, and the guest goes on. */
  saveCancel: takes(z.strictObject({ domid })).gives<null>(),
  /** Memory and vCPUs in an ELF file, as `xl dump-core`. Only for clients that may name files. */
  dumpCore: takes(z.strictObject({ domid, file: fileName })).gives<{ bytes: number }>(),
  /** The domain of a file, or a saved one by its UUID, which is saved no more then. */
  restore: takes(
    z
      .strictObject({ file: fileName.optional(), uuid: uuid.optional(), paused: z.boolean().optional() })
      .refine((given) => (given.file === undefined) !== (given.uuid === undefined), "needs either a file or a UUID"),
  ).gives<CreateResult>(),
  /** What is saved of a domain goes; the domain is kept. */
  savedDiscard: takes(z.strictObject({ uuid })).gives<null>(),
};
