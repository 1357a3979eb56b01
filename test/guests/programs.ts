/** C programs of the tests, built statically for guests (and this machine), cached by what they are made from. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const cache = path.join(root, ".cache/guests");

/** Returns the path of the program built from `source`, which is a C file's path below the project's folder. */
export function program(source: string, flags: string[] = ["-O2"]): string {
  const file = path.join(root, source);
  const digest = createHash("sha256").update(JSON.stringify(flags)).update(readFileSync(file)).digest("hex");
  const binary = path.join(cache, `${path.basename(source, ".c")}-${digest.slice(0, 16)}`);
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  // The file is either complete or absent, because another test may want the same program.
  const partial = `${binary}.${process.pid}`;
  execFileSync("gcc", [...flags, "-static", "-o", partial, file], { stdio: "inherit" });
  renameSync(partial, binary);
  return binary;
}

/** Says why programs cannot be built here, or returns null. */
export function compilerMissing(): string | null {
  if (spawnSync("gcc", ["--version"], { stdio: "ignore" }).status === 0) return null;
  const reason = "gcc is not installed";
  if (process.env.CI) throw new Error(reason);
  return reason;
}

/** test/bench/guest-bench.c: the program that runs natively and in the guest. */
export function guestBench(): string {
  return program("test/bench/guest-bench.c");
}
