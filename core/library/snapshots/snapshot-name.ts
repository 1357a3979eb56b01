/** What a snapshot may be called. Runs in browsers too. */
import { z } from "zod";

export const MOST_NAME = 128;

/** Any text of one line. */
export const SNAPSHOT_NAME = z
  .string()
  .min(1)
  .max(MOST_NAME)
  .refine(
    (name) => name.trim() === name && !/[\x00-\x1f\x7f\u2028\u2029]/.test(name),
    "must be one line without spaces around it",
  );
