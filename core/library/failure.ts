/** Reports what the library could not do, as a sentence. */
import { Refusal } from "../toolstack/error.ts";

const REASONS: Record<string, string> = {
  ENOSPC: "this computer's disk is full",
  EDQUOT: "this user's share of the disk is used up",
  EROFS: "its disk can't be written to",
  EACCES: "that is not allowed",
  EPERM: "that is not allowed",
};

/**
 * Turns a file system error into a refusal; a refusal is passed on as it is. `what` begins the sentence, as "web can't be kept". What was there
 * before is still there.
 */
export function libraryFailure(error: unknown, what: string): Refusal {
  if (error instanceof Refusal) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new Refusal(code ?? "EIO", `${what}: ${REASONS[code ?? ""] ?? message}. Everything is as it was before.`);
}

/** Whether the error comes from the file system, and not from somebody who cancelled the work. */
export function isFileError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
