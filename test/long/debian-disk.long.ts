/**
 * A whole Debian (systemd, ext4, its own initrd and grub.cfg) boots from its disk image to a login prompt and powers off cleanly. The limits are for
 * a computer that has much else to do: at a load of 30 on 2 cores the prompt came after 727 s.
 */
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { debianDisk, debianDiskMissing, PARTITION } from "../guests/debian-disk.ts";
import { startGuest } from "../guests/run.ts";
import { temporaryFolder } from "../temporary.ts";
import { toolMissing } from "../tools.ts";

const missing = debianDiskMissing() ?? toolMissing("qemu-img", "qemu-utils");
const folder = temporaryFolder("debian");
const raw = path.join(folder, "disk.img");
const qcow2 = path.join(folder, "disk.qcow2");
const qemuImg = (...args: string[]): void => void execFileSync("qemu-img", args, { stdio: "pipe" });

/** For each format: makes the image and returns its path. */
const IMAGES: Record<string, () => string> = {
  raw: () => {
    debianDisk(raw);
    return raw;
  },
  qcow2: () => {
    debianDisk(raw);
    qemuImg("convert", "-f", "raw", "-O", "qcow2", raw, qcow2);
    rmSync(raw);
    return qcow2;
  },
};

/** Makes a raw image of the same disk, for the host's own tools. */
function asRaw(format: string): string {
  if (format === "raw") return raw;
  qemuImg("check", qcow2);
  qemuImg("convert", "-f", format, "-O", "raw", qcow2, raw);
  return raw;
}

describe.skipIf(missing !== null)(`Debian on a disk${missing ? ` (${missing})` : ""}`, () => {
  it.each(Object.keys(IMAGES))(
    "boots from a %s image, logs root in, has no failed unit, powers off clean",
    async (format) => {
      const image = IMAGES[format]!();
      const config = path.join(folder, "debian.cfg");
      writeFileSync(
        config,
        `name = "debian"\nbootloader = "pygrub"\nmemory = 512\ndisk = ["${image},${format},xvda,rw"]\n`,
      );
      const began = performance.now();
      const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
      const guest = startGuest([config, "--host-memory", "1024"]);
      // If a unit that others need did not come up, there may never be a prompt.
      const [prompt] = await guest.waitFor(/login: $|Dependency failed for .*/, 2_000_000);
      expect(prompt).toBe("login: ");
      console.log(`${format}: login prompt after ${seconds()} s`);
      guest.mark();
      guest.type("root\n");
      await guest.waitFor(/# $/, 600_000);
      guest.mark();
      // Waits until the whole boot is done. The answer is "degraded" if a unit failed.
      guest.type("systemctl is-system-running --wait; systemctl --failed --no-legend | wc -l | sed s/^/FAILED=/\n");
      const [, failed] = await guest.waitFor(/FAILED=(\d+)/, 600_000);
      expect(failed).toBe("0");
      guest.mark();
      guest.type("poweroff\n");
      const { status, stdout } = await guest.done;
      console.log(`${format}: powered off after ${seconds()} s`);
      expect(status).toBe(0);
      expect(stdout).toContain("Booting Debian GNU/Linux");
      expect(stdout).toMatch(/\brunning\s/);
      execFileSync("e2fsck", ["-f", "-n", `${asRaw(format)}?offset=${PARTITION}`], { stdio: "pipe" });
    },
    3_600_000,
  );
});
