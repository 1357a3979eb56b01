/** The guest of forger.c. */
import { execFileSync } from "node:child_process";
import { madeKernel } from "../made-kernel.ts";

/** One line for the user if it cannot be made. With CI=true that is an error. */
export function forgerMissing(): string | null {
  try {
    execFileSync("gcc", ["--version"]);
    execFileSync("make", ["--version"]);
    return null;
  } catch {
    if (process.env.CI) throw new Error("the forging guest needs gcc and make");
    return "no gcc and make";
  }
}

/** Returns the path of its image. */
export const buildForger = (): string => madeKernel(import.meta.dirname);
