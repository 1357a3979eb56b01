/**
 * The application is killed (SIGKILL) at random points while a Debian guest writes: to ext4 on one disk, numbered blocks past its cache on another.
 * The images must be valid, the file system clean once its journal was replayed, and nothing that was flushed lost.
 * XENARIUM_CRASH_POINTS (100) and XENARIUM_SEED choose how many and which.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { lostOf } from "../guests/crash/pattern.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { program } from "../guests/programs.ts";
import { startGuest } from "../guests/run.ts";
import { seeded } from "../random.ts";
import { temporaryFolder } from "../temporary.ts";
import { toolMissing } from "../tools.ts";

const missing =
  guestsMissing() ??
  toolMissing("qemu-img", "qemu-utils") ??
  (spawnSync("mke2fs", ["-V"]).error ? "e2fsprogs is not installed" : null);
const POINTS = Number(process.env.XENARIUM_CRASH_POINTS ?? 100);
const SEED = Number(process.env.XENARIUM_SEED ?? 1);
const LOG = process.env.XENARIUM_CRASH_LOG;
const folder = temporaryFolder("crash");
const at = (name: string): string => path.join(folder, name);
const MOST_SECONDS = 10;
/** Files that are on the disk at once, and lines in each. */
const [FILES, LINES] = [20, 3000];

const SCRIPT = `mount -t ext4 /dev/xvda /mnt
pattern-writer /dev/xvdb &
i=0
while :; do
  i=$((i+1))
  seq $i $((i+${LINES - 1})) > /mnt/file-$i
  test $i -gt ${FILES} && rm /mnt/file-$((i-${FILES}))
  sync
  echo "E $i"
done`;

function convert(from: string, format: string, to: string): string {
  execFileSync("qemu-img", ["convert", "-f", format, "-O", "raw", from, to]);
  return to;
}

function checkFileSystem(image: string, told: number): void {
  // The journal is replayed, as a kernel would, and then nothing may be wrong.
  const replay = spawnSync("e2fsck", ["-y", "-E", "journal_only", image], { encoding: "utf8" });
  expect(replay.status, replay.stdout + replay.stderr).toBeLessThan(4);
  const check = spawnSync("e2fsck", ["-f", "-n", image], { encoding: "utf8" });
  expect(check.status, check.stdout + check.stderr).toBe(0);
  for (let i = Math.max(1, told - FILES + 2); i <= told; i++) {
    const content = execFileSync("debugfs", ["-R", `cat file-${i}`, image], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const wanted = Array.from({ length: LINES }, (_, line) => `${i + line}\n`).join("");
    expect(content === wanted, `file-${i} of ${told} that were flushed`).toBe(true);
  }
}

const lastOf = (text: string, pattern: RegExp): number => Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);

describe.skipIf(missing !== null)(`kill -9 under a writing guest${missing ? ` (${missing})` : ""}`, () => {
  it(`${POINTS} points: what was flushed is there`, { timeout: POINTS * 300_000 }, async () => {
    const ramdisk = initramfs(
      "ready",
      SCRIPT,
      { "pattern-writer": program("test/guests/crash/pattern-writer.c") },
      kernelModules("crc32c_generic", "ext4", "xen-blkfront"),
    );
    writeFileSync(at("fresh.img"), "");
    truncateSync(at("fresh.img"), 48 << 20);
    execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", at("fresh.img")]);
    const random = seeded(SEED);
    const sums = { points: 0, blocks: 0, files: 0 };
    for (let point = 0; point < POINTS; point++) {
      const format = point % 2 === 0 ? "qcow2" : "raw";
      const [ext4, pattern] = [at(`ext4.${format}`), at(`pattern.${format}`)];
      for (const file of [ext4, pattern]) rmSync(file, { force: true });
      if (format === "raw") {
        copyFileSync(at("fresh.img"), ext4);
        writeFileSync(pattern, "");
        truncateSync(pattern, 64 << 20);
      } else {
        execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", at("fresh.img"), ext4]);
        execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", pattern, "64M"]);
      }
      const config = at("crash.cfg");
      writeFileSync(
        config,
        [
          `name = "crash"`,
          `kernel = "${debianKernel()}"`,
          `ramdisk = "${ramdisk}"`,
          `cmdline = "console=hvc0 quiet"`,
          `memory = 192`,
          `disk = ["${ext4},${format},xvda,rw", "${pattern},${format},xvdb,rw"]`,
        ].join("\n"),
      );
      const guest = startGuest([config, "--pcpus", "1", "--host-memory", "448"]);
      await guest.waitFor(/^F \d+/m, 280_000);
      await new Promise((resolve) => setTimeout(resolve, random() * MOST_SECONDS * 1000));
      process.kill(guest.pid, "SIGKILL");
      const { stdout } = await guest.done;
      const [flushed, files] = [lastOf(stdout, /^F (\d+)\r?$/gm), lastOf(stdout, /^E (\d+)\r?$/gm)];
      expect(stdout).not.toMatch(/I\/O error|op failed/i);
      if (format === "qcow2")
        for (const file of [ext4, pattern]) {
          const { status, stdout: said } = spawnSync("qemu-img", ["check", file], { encoding: "utf8" });
          // 3: clusters are counted that nobody uses, which is no damage.
          expect([0, 3], said).toContain(status);
        }
      const lost = lostOf(readFileSync(convert(pattern, format, at("pattern.check"))), flushed);
      expect(lost, `point ${point}, ${format}, seed ${SEED}`).toBeNull();
      checkFileSystem(convert(ext4, format, at("ext4.check")), files);
      sums.points++;
      sums.blocks += flushed;
      sums.files += files;
      if (LOG) appendFileSync(LOG, `point ${point} ${format}: ${flushed} blocks, ${files} files\n`);
    }
    console.log(`${sums.points} points, ${sums.blocks} blocks and ${sums.files} files flushed, none lost`);
    expect(existsSync(at("fresh.img"))).toBe(true);
  });
});
