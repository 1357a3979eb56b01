/** A whole Debian (systemd, ext4, its own initrd and grub.cfg) boots from its disk image to a login prompt, and powers off clean. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { debianDisk, debianDiskMissing, PARTITION } from "../guests/debian-disk.ts";
import { startGuest } from "../guests/run.ts";
import { temporaryFolder } from "../temporary.ts";

const missing = debianDiskMissing();
const folder = temporaryFolder("debian");

describe.skipIf(missing !== null)(`Debian on a disk${missing ? ` (${missing})` : ""}`, () => {
  it("boots, logs root in, has no failed unit, powers off clean", async () => {
    const image = path.join(folder, "disk.img");
    debianDisk(image);
    const config = path.join(folder, "debian.cfg");
    writeFileSync(config, `name = "debian"\nbootloader = "pygrub"\nmemory = 512\ndisk = ["disk.img,raw,xvda,rw"]\n`);
    const began = performance.now();
    const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
    const guest = startGuest([config, "--host-memory", "1024"]);
    await guest.waitFor(/login: $/, 400_000);
    console.log(`login prompt after ${seconds()} s`);
    guest.mark();
    guest.type("root\n");
    await guest.waitFor(/# $/, 120_000);
    guest.mark();
    // Waits until all of the boot is done; "degraded" when a unit failed.
    guest.type("systemctl is-system-running --wait; systemctl --failed --no-legend | wc -l | sed s/^/FAILED=/\n");
    const [, failed] = await guest.waitFor(/FAILED=(\d+)/, 120_000);
    expect(failed).toBe("0");
    guest.mark();
    guest.type("poweroff\n");
    const { status, stdout } = await guest.done;
    console.log(`powered off after ${seconds()} s`);
    expect(status).toBe(0);
    expect(stdout).toContain("Booting Debian GNU/Linux");
    expect(stdout).toMatch(/\brunning\s/);
    execFileSync("e2fsck", ["-f", "-n", `${image}?offset=${PARTITION}`], { stdio: "pipe" });
  }, 1_200_000);
});
