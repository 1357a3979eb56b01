/** `xenarium completion SHELL`. */
import type { Command } from "commander";
import { bash } from "./bash.ts";
import { fish } from "./fish.ts";
import { places, type Place } from "./model.ts";
import { zsh } from "./zsh.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];
const SCRIPTS: Readonly<Record<Shell, (all: readonly Place[]) => string>> = { bash, zsh, fish };

/** Returns the script that completes the arguments of that program. */
export function completion(shell: Shell, program: Command): string {
  return SCRIPTS[shell](places(program));
}
