/** docs/ci.md: its job runs as it is written there, and its tables say what the program does. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { RUN_STATUSES } from "../../core/cli/exit-status.ts";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { temporaryFolder } from "../temporary.ts";

const root = path.resolve(import.meta.dirname, "../..");
const text = readFileSync(path.join(root, "docs/ci.md"), "utf8");
const guests = guestsMissing() ?? (spawnSync("bash", ["-c", "true"]).error ? "there is no bash" : null);

/** Returns the first block of code below the heading. */
function block(heading: string): string {
  const found = new RegExp(`^## ${heading}$[\\s\\S]*?^\`\`\`\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(text);
  return found![1]!;
}

/** Runs the job in a shell that has `xenarium`, with a guest whose /init runs this. */
function job(name: string, init: string): { status: number | null; console: string; stderr: string } {
  const folder = path.join(temporaryFolder("ci"), name);
  mkdirSync(path.join(folder, "bin"), { recursive: true });
  copyFileSync(debianKernel(), path.join(folder, "bzImage"));
  copyFileSync(initramfs("ready", init), path.join(folder, "initrd.cpio.gz"));
  const program = `#!/bin/sh\nexec "${process.execPath}" "${path.join(root, "dist/cli.js")}" "$@"\n`;
  writeFileSync(path.join(folder, "bin/xenarium"), program, { mode: 0o755 });
  const { status, stderr } = spawnSync("bash", ["-e", "-c", block("A job")], {
    cwd: folder,
    env: { ...process.env, PATH: `${path.join(folder, "bin")}:${process.env.PATH}` },
    encoding: "utf8",
  });
  return { status, stderr, console: readFileSync(path.join(folder, "console.log"), "latin1") };
}

describe.skipIf(guests !== null)(`the job of docs/ci.md${guests ? ` (${guests})` : ""}`, () => {
  it("passes when the guest prints its line and powers off", () => {
    const { status, console } = job("right", 'echo "TESTS PASSED"\npoweroff -f');
    expect(console).toMatch(/^TESTS PASSED/m);
    expect(status).toBe(0);
  });

  it("fails with 3 when the kernel panics, whatever was printed", () => {
    const { status, console, stderr } = job("panic", 'echo "TESTS PASSED"\nexit 7');
    expect(console).toContain("Attempted to kill init");
    expect(stderr).toContain("guest crashed after");
    expect(status).toBe(3);
  });
});

it("docs/ci.md lists run's exit statuses", () => {
  for (const [status, meaning] of RUN_STATUSES) expect(text).toContain(`| ${status} | ${meaning} |`);
});
