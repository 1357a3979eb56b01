/** A subcommand of xl. It is declared, so that `help` and completion are made from the declarations. */
import { ApiError, type ApiClient } from "../../api/client.ts";

/** A running host. */
export type Host = Pick<ApiClient, "request" | "on">;

/** Ends the command: `message` is written to stderr unchanged, in xl's own form. */
export class XlFailure extends Error {
  override readonly name = "XlFailure";
  readonly status: number;
  constructor(message: string, status = 1) {
    super(message);
    this.status = status;
  }
}

export interface Call {
  /** Returns a running host; called when it is needed. Rejects with a sentence if there is none. */
  host(): Promise<Host>;
  operands: readonly string[];
  /** By the option's long name in camel case, or its letter where it has none. */
  options: Readonly<Record<string, string | boolean | undefined>>;
  /** Returns how often a flag was given. */
  count(name: string): number;
  /** xl -N: nothing is to be done. */
  dryRun: boolean;
}

export interface XlCommand {
  summary: string;
  /** In commander's syntax: <needed> [optional] [more...]. */
  operands?: string;
  /** Flags, such as "-w, --wait" or "-n, --number <N>", and what they do. */
  options?: readonly (readonly [flags: string, what: string])[];
  /** Whether it takes xl's -N. */
  dryRuns?: boolean;
  /** Returns the exit status. */
  run(call: Call): Promise<number> | number;
}

export type XlCommands = Readonly<Record<string, XlCommand>>;

export function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

export function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Returns the domid for a name, or for digits, which are always a domid. */
export async function domidOf(host: Host, domain: string): Promise<number> {
  try {
    return await host.request("resolve", { domain });
  } catch (error) {
    if (error instanceof ApiError && error.code === "ESRCH")
      throw new XlFailure(`${domain} is an invalid domain identifier (rc=-6)`);
    throw error;
  }
}

/** Fails with what the host refused, followed by the line with which xl ends. */
export async function orSay<T>(asked: Promise<T>, line: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError) throw new XlFailure(`error: ${error.message}\n${line}`);
    throw error;
  }
}
