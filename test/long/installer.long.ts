/** Debian's installer boots from its mini.iso as a CD, by pygrub's role, and comes to its first screen. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { debianPackage, packageMissing } from "../guests/images.ts";
import { startGuest } from "../guests/run.ts";
import { temporaryFolder } from "../temporary.ts";

const PACKAGE = "debian-installer-12-netboot-amd64";
const missing = packageMissing(PACKAGE);
const folder = temporaryFolder("installer");

function miniIso(): string {
  const root = debianPackage(PACKAGE);
  const found = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("mini.iso"));
  const text = found.find((name) => !name.includes("gtk")) ?? found[0];
  if (text && existsSync(path.join(root, text))) return path.join(root, text);
  throw new Error(`${PACKAGE} has no mini.iso`);
}

describe.skipIf(missing !== null)(`Debian's installer${missing ? ` (${missing})` : ""}`, () => {
  it("comes to its first screen", async () => {
    const config = path.join(folder, "installer.cfg");
    writeFileSync(
      config,
      [
        `name = "installer"`,
        `bootloader = "pygrub"`,
        `bootloader_args = ["--entry=0"]`,
        `extra = "console=hvc0 priority=critical"`,
        `memory = 768`,
        `disk = ["${miniIso()},,xvda,cdrom"]`,
      ].join("\n"),
    );
    const began = performance.now();
    const guest = startGuest([config, "--host-memory", "1280"]);
    await guest.waitFor(/Select a language|Choose the language|Choose language/, 800_000);
    console.log(`the first screen after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    guest.end();
    const { stdout } = await guest.done;
    expect(stdout).not.toMatch(/Kernel panic/);
  }, 900_000);
});
