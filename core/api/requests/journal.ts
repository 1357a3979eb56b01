/** Tasks and events of the host. */
import { z } from "zod";
import type { JournalEntry } from "../journal/entry.ts";
import { takes } from "./request.ts";

export const JOURNAL_REQUESTS = {
  /**
   * Tasks and events so far, the latest last; from then on `journal` events carry what is new or has changed. `client` is this client's name for
   * itself, by which it recognises what it asked for.
   */
  journalAttach: takes(
    z.strictObject({
      client: z.string().regex(/^[\w-]{8,64}$/, "must be 8 to 64 letters, digits, - and _"),
    }),
  ).gives<{ entries: JournalEntry[] }>(),
  /** Cancels a task under way: the request is refused with ECANCELED. */
  taskCancel: takes(z.strictObject({ id: z.int().min(1) })).gives<null>(),
};
