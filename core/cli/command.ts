/** What every command to a running host is, and what they share. */
import { parseArgs } from "node:util";
import type { ApiClient } from "../api/client.ts";
import { UsageError } from "./arguments.ts";

/** A running host. */
export type Host = Pick<ApiClient, "request" | "on">;

/** Runs with the arguments after its name; its exit status. Errors of the host are thrown. */
export type Command = (host: Host, args: string[]) => Promise<number>;

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

/** Options and operands, `most` of these at most. */
export function options(
  args: string[],
  known: Options,
  most: number,
): { values: Record<string, unknown>; positionals: string[] } {
  let parsed;
  try {
    parsed = parseArgs({ args, options: known, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const { length } = parsed.positionals;
  if (length > most) throw new UsageError(`"${parsed.positionals[most]}" is one argument too many`);
  return parsed;
}

/** The operands, all of which must be there; `names` say what they are. */
export function operands(args: string[], ...names: string[]): string[] {
  const { positionals } = options(args, {}, names.length);
  const missing = names.slice(positionals.length);
  if (missing.length) throw new UsageError(`${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} missing`);
  return positionals;
}

/** The domid of a name or number. */
export function domain(host: Host, name: string): Promise<number> {
  return host.request("resolve", { domain: name });
}

export function whole(text: string, what: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= least && value <= most))
    throw new UsageError(`${what} is "${text}"; allowed: a whole number from ${least} to ${most}`);
  return value;
}

export function say(text: string): number {
  process.stdout.write(text);
  return 0;
}
