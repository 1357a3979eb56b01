/** Saving domains to files, and restoring them. */
import { z } from "zod";
import type { CreateResult } from "../../toolstack/messages.ts";
import { takes } from "./request.ts";
import { domid, fileName, nothing, uuid } from "./values.ts";

export const SAVING_REQUESTS = {
  /**
   * Suspends a guest and writes its state to a file, completely or not at all: into the host's library, or to `file`, which only a client that may
   * name files can give. With `resume` the guest goes on afterwards. `saving` events report progress. ETIMEDOUT: the guest does not suspend, and goes
   * on running.
   */
  save: takes(
    z
      .strictObject({ domid, file: fileName.optional(), resume: z.boolean().optional() })
      .refine(
        ({ file, resume }) => file !== undefined || !resume,
        "a domain that goes on is saved to a file that is named",
      ),
  ).gives<{ bytes: number }>(),
  /** Saves all running domains, as before a power-off. Answers with a sentence for each that could not be saved and goes on running. */
  saveAll: takes(nothing).gives<{ failed: string[] }>(),
  /** Cancels a `save` under way: it is refused with ECANCELED, and the guest goes on. */
  saveCancel: takes(z.strictObject({ domid })).gives<null>(),
  /** Writes memory and vCPUs into an ELF file, as `xl dump-core`. Only for clients that may name files. */
  dumpCore: takes(z.strictObject({ domid, file: fileName })).gives<{ bytes: number }>(),
  /** Restores the domain in a file, or a saved one by its UUID, which is then no longer saved. */
  restore: takes(
    z
      .strictObject({ file: fileName.optional(), uuid: uuid.optional(), paused: z.boolean().optional() })
      .refine((given) => (given.file === undefined) !== (given.uuid === undefined), "needs either a file or a UUID"),
  ).gives<CreateResult>(),
  /** Deletes the saved memory of a domain; the domain is kept. */
  savedDiscard: takes(z.strictObject({ uuid })).gives<null>(),
};
