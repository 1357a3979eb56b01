/** Kernels of the tests, each of a folder with a Makefile, kept in .cache/guests by what they are made from: a dozen files of tests need the same one. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const cache = path.join(root, ".cache/guests");
/** The folders from which Makefiles take sources that are not their own. */
const SHARED = ["assets/guests/mini", "test/hypervisor/pvh/guest"].map((folder) => path.join(root, folder));

/** Returns the path of the ELF file that the Makefile in `folder` makes. */
export function madeKernel(folder: string): string {
  const hash = createHash("sha256").update(execFileSync("gcc", ["--version"]));
  for (const each of [folder, ...SHARED])
    for (const entry of readdirSync(each, { withFileTypes: true }).filter((found) => found.isFile()))
      hash.update(entry.name).update(readFileSync(path.join(each, entry.name)));
  const name = path.relative(import.meta.dirname, folder).replaceAll(path.sep, "-");
  const kernel = path.join(cache, `kernel-${name}-${hash.digest("hex").slice(0, 16)}.elf`);
  if (existsSync(kernel)) return kernel;
  mkdirSync(cache, { recursive: true });
  // The file is either complete or absent, because another run of vitest may want the same kernel.
  const partial = `${kernel}.${process.pid}`;
  execFileSync("make", ["-s", "-C", folder, `OUT=${partial}`]);
  renameSync(partial, kernel);
  return kernel;
}
