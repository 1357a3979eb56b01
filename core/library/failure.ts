/** What the library could not do, as a sentence. */
import { Refusal } from "../toolstack/error.ts";

const REASONS: Record<string, string> = {
  ENOSPC: "this computer's disk is full",
  EDQUOT: "this user's share of the disk is used up",
  EROFS: "its disk can't be written to",
  EACCES: "that is not allowed",
  EPERM: "that is not allowed",
};

/** What the file system said; a refusal is one already. `what`: as "web can't be kept". What was there before is there yet. */
export function libraryFailure(error: unknown, what: string): Refusal {
  if (error instanceof Refusal) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new Refusal(code ?? "EIO", `${what}: ${REASONS[code ?? ""] ?? message}. Everything is as it was before.`);
}

/** The file system's, not somebody's word that it is not wanted any more. */
export function isFileError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
