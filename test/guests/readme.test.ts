/** Runs the README's commands that make a kernel and an initrd as they are written there, and boots the result to its shell. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { guestsMissing } from "./images.ts";
import { startGuest } from "./run.ts";

const root = path.resolve(import.meta.dirname, "../..");
const missing = guestsMissing();

/** Returns the block of shell commands under that heading. */
function commandsOf(heading: string): string {
  const readme = readFileSync(path.join(root, "README.md"), "utf8");
  const block = readme.split(`### ${heading}\n`)[1]?.match(/```sh\n([\s\S]*?)```/)?.[1];
  if (!block) throw new Error(`The README has no commands under "${heading}".`);
  return block;
}

/** Makes a folder with an apt-get that keeps what it downloads in .cache, so that 70 MB are downloaded once. Everything else is apt's own. */
function keepingApt(folder: string): string {
  const kept = path.join(root, ".cache/readme-guest");
  mkdirSync(kept, { recursive: true });
  const real = execFileSync("sh", ["-c", "command -v apt-get"], { encoding: "utf8" }).trim();
  const program = path.join(folder, "apt-get");
  writeFileSync(
    program,
    [
      "#!/bin/sh",
      "set -e",
      '[ "$1" = download ] || exec ' + real + ' "$@"',
      "shift",
      "for name; do",
      `  ls '${kept}/'"$name"_*.deb > /dev/null 2>&1 || (cd '${kept}' && ${real} -qq download "$name")`,
      `  cp '${kept}/'"$name"_*.deb .`,
      "done",
      "",
    ].join("\n"),
  );
  chmodSync(program, 0o755);
  return folder;
}

describe.skipIf(missing !== null)(`the README's guest${missing ? ` (${missing})` : ""}`, () => {
  it("is made by its commands and boots to a shell", async () => {
    const folder = temporaryFolder("readme");
    const tools = path.join(folder, "tools");
    mkdirSync(tools);
    const env = { ...process.env, PATH: `${keepingApt(tools)}:${process.env.PATH}` };
    execFileSync("sh", ["-e", "-c", commandsOf("A kernel and an initrd")], { cwd: folder, env, stdio: "pipe" });
    const made = (name: string): string => path.join(folder, "guest", name);
    for (const name of ["vmlinuz", "initrd.gz"]) expect(existsSync(made(name))).toBe(true);
    const guest = startGuest([
      ...["--kernel", made("vmlinuz"), "--ramdisk", made("initrd.gz"), "--cmdline", "console=hvc0"],
      ...["--timeout", "150"],
    ]);
    await guest.waitFor(/# (\x1b\[6n)?$/, 120_000);
    guest.type("echo $((6*7)) $(cat /sys/hypervisor/type); poweroff -f\r");
    await guest.waitFor(/42 xen/, 60_000);
    expect((await guest.done).status).toBe(0);
  }, 240_000);
});
