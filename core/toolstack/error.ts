/** What the toolstack refuses, and why: `message` is a sentence for the user, and `code` is an errno name. */
import type { ConfigDiagnostic, ToolstackErrorData } from "./messages.ts";
import { HypercallError } from "../dom0/kernel/errno.ts";
import { ImageError } from "../dom0/builder/elf.ts";
import { NetworkError } from "../dom0/network/networks.ts";
import { XenstoreError } from "../dom0/xenstore/wire.ts";

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly diagnostics: ConfigDiagnostic[];
  constructor(code: string, message: string, diagnostics: ConfigDiagnostic[] = []) {
    super(message);
    this.code = code;
    this.diagnostics = diagnostics;
  }
}

/** Converts any error to what is sent over the port. */
export function errorData(error: unknown): ToolstackErrorData {
  if (error instanceof Refusal)
    return {
      code: error.code,
      message: error.message,
      ...(error.diagnostics.length && { diagnostics: error.diagnostics }),
    };
  if (error instanceof HypercallError)
    return { code: error.code, message: `The hypervisor refused: ${error.message}.` };
  if (error instanceof XenstoreError) return { code: error.code, message: `xenstore refused: ${error.message}.` };
  if (error instanceof NetworkError) return { code: error.code, message: error.message };
  if (error instanceof ImageError) return { code: "ENOEXEC", message: error.message };
  return { code: "EIO", message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** In a text that is no xl.cfg at all, every line is wrong. The first errors are enough. */
const MOST_SAID = 8;

/** Returns a sentence that says what is wrong with a configuration. The refusal itself keeps all errors. */
export function saidOf(diagnostics: readonly ConfigDiagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
  const more = errors.length - MOST_SAID;
  return `${errors.slice(0, MOST_SAID).join("; ")}${more > 0 ? `; and ${more} more` : ""}.`;
}
