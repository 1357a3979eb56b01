/** Runs a command that has subcommands of its own, as `xenarium disk` has. */
import { CommanderError, type Command } from "commander";
import { usageError } from "./arguments.ts";

/** Returns the exit status. Throws UsageError for invalid arguments, and what the command throws. */
export async function carryOut(command: Command, args: readonly string[]): Promise<number> {
  for (const each of [command, ...command.commands]) each.exitOverride().configureOutput({ writeErr: () => {} });
  try {
    await command.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw usageError(error);
  }
}
