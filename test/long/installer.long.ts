/**
 * Debian's installer boots from a CD by what stands in for pygrub and comes to its first screen. The package with the installer's files no longer
 * contains mini.iso, so the CD is made from these files, with the boot menu that comes with them.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { debianPackage, packageMissing } from "../guests/images.ts";
import { startGuest } from "../guests/run.ts";
import { temporaryFolder } from "../temporary.ts";

const PACKAGE = "debian-installer-12-netboot-amd64";
const missing = packageMissing(PACKAGE) ?? packageMissing("genisoimage");
const folder = temporaryFolder("installer");

function installerCd(): string {
  const files = path.join(debianPackage(PACKAGE), "usr/lib/debian-installer/images/12/amd64/text/debian-installer");
  const iso = path.join(folder, "installer.iso");
  const grafts = [`debian-installer=${files}`, `isolinux.cfg=${path.join(files, "amd64/boot-screens/syslinux.cfg")}`];
  const genisoimage = path.join(debianPackage("genisoimage"), "usr/bin/genisoimage");
  execFileSync(genisoimage, ["-quiet", "-R", "-V", "DEBIAN", "-graft-points", "-o", iso, ...grafts], { stdio: "pipe" });
  return iso;
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
        `extra = "console=hvc0"`,
        `memory = 1200`,
        `disk = ["${installerCd()},,xvda,cdrom"]`,
      ].join("\n"),
    );
    const began = performance.now();
    const guest = startGuest([config, "--host-memory", "1800"]);
    await guest.waitFor(/Select a language|Choose the language|Choose language/, 1_500_000);
    console.log(`the first screen after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    guest.end();
    const { stdout } = await guest.done;
    expect(stdout).not.toMatch(/Kernel panic/);
  }, 1_600_000);
});
