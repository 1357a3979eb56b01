/** What can follow on a command line according to the declared commands; the scripts for all shells are made of it. */
import type { Command, Option } from "commander";

/** Names of files, of folders, or of domains of the running host; one of these words; or something that can't be guessed. */
export type Value = "files" | "folders" | "domains" | "unknown" | readonly string[];

export interface Flag {
  /** As typed: "-f", "--kernel", or both. */
  names: readonly string[];
  what: string;
  /** null for a flag that takes no value. */
  value: Value | null;
}

export interface Place {
  /** "" for xenarium itself, "/run", "/xl/create". */
  path: string;
  /** Commands that can follow. */
  commands: readonly { name: string; what: string }[];
  flags: readonly Flag[];
  /** Kinds of its operands, in any order. */
  operands: readonly Value[];
}

/** Returns the places of the program and of every command below it, the program first. */
export function places(program: Command): Place[] {
  return below(program, "", []);
}

function below(command: Command, path: string, siblings: readonly Command[]): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const operands = command.registeredArguments.map((operand) => operand.argChoices ?? meaning(operand.name()));
  // help explains the commands beside it.
  if (command.name() === "help") operands.splice(0, operands.length, siblings.map(nameOf));
  const place: Place = {
    path,
    commands: commands.map((each) => ({ name: nameOf(each), what: help.subcommandDescription(each) })),
    flags: help.visibleOptions(command).map(flagOf),
    operands: operands.filter((value) => value !== "unknown"),
  };
  return [place, ...commands.flatMap((each) => below(each, `${path}/${nameOf(each)}`, commands))];
}

const nameOf = (command: Command): string => command.name();

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const takes = option.required || option.optional;
  const placeholder = /[<[]([^>\]]*)/.exec(option.flags)?.[1] ?? "";
  return { names, what: option.description, value: takes ? (option.argChoices ?? meaning(placeholder)) : null };
}

/** Returns the kind of value for a placeholder. A disk's specification begins with a file. */
function meaning(placeholder: string): Value {
  if (/folder/i.test(placeholder)) return "folders";
  if (/^domain(s|name|id)?$/i.test(placeholder.replace(/\.+$/, ""))) return "domains";
  return /file|^config|image|^spec$/i.test(placeholder) ? "files" : "unknown";
}
