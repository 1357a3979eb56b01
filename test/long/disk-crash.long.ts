/**
 * The application is killed (SIGKILL) at random points while a Debian guest writes: files to ext4 on one disk, and numbered blocks without its cache
 * on another. The images must be valid, the file system must be clean once its journal is replayed, and nothing that was flushed may be lost. For
 * each image format the guest is booted once and saved before it touches its disks. Each point restores it, with disks as they were then.
 * XENARIUM_CRASH_POINTS (100) and XENARIUM_SEED choose how many points there are and which.
 */
import { build } from "esbuild";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { dist } from "../dist.ts";
import { lostOf } from "../guests/crash/pattern.ts";
import { debianKernel, guestsMissing, initramfs, kernelModules } from "../guests/images.ts";
import { program } from "../guests/programs.ts";
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
/** The number of files that are on the disk at the same time, and of lines in each. */
const [FILES, LINES] = [20, 3000];

const SCRIPT = `echo SETTLED; read go
mount -t ext4 /dev/xvda /mnt
pattern-writer /dev/xvdb &
i=0
while :; do
  i=$((i+1))
  seq $i $((i+${LINES - 1})) > /mnt/file-$i
  test $i -gt ${FILES} && rm /mnt/file-$((i-${FILES}))
  sync
  echo "E $i"
done`;

const distUrl = dist.href;
const worker = at("host.mjs");
const FORMATS = ["qcow2", "raw"] as const;
type Format = (typeof FORMATS)[number];
const disks = (format: Format): [ext4: string, pattern: string] => [at(`ext4.${format}`), at(`pattern.${format}`)];

async function makeWorker(): Promise<void> {
  const js = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';
  const entryPoints = [path.resolve(import.meta.dirname, "../guests/crash/host.ts")];
  const node = { platform: "node", format: "esm", bundle: true, logLevel: "error" } as const;
  await build({ entryPoints, ...node, banner: { js }, outfile: worker });
}

function makeFresh(): void {
  writeFileSync(at("fresh.img"), "");
  truncateSync(at("fresh.img"), 48 << 20);
  execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", at("fresh.img")]);
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", at("fresh.img"), at("fresh.qcow2")]);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", at("empty.qcow2"), "64M"]);
}

/** Makes both disks what they were when the guest was saved. */
function refresh(format: Format): void {
  const [ext4, pattern] = disks(format);
  for (const file of [ext4, pattern]) rmSync(file, { force: true });
  copyFileSync(at(format === "raw" ? "fresh.img" : "fresh.qcow2"), ext4);
  if (format === "qcow2") return copyFileSync(at("empty.qcow2"), pattern);
  writeFileSync(pattern, "");
  truncateSync(pattern, 64 << 20);
}

/** Boots the guest and saves it. */
function makeGuest(format: Format, ramdisk: string): void {
  refresh(format);
  const [ext4, pattern] = disks(format);
  const config = [
    `name = "crash"`,
    `kernel = "${debianKernel()}"`,
    `ramdisk = "${ramdisk}"`,
    `cmdline = "console=hvc0 no_console_suspend quiet"`,
    `memory = 192`,
    `disk = ["${ext4},${format},xvda,rw", "${pattern},${format},xvdb,rw"]`,
  ];
  writeFileSync(at("crash.cfg"), config.join("\n"));
  // The wait for a guest that never gets there has an end.
  const limits = { stdio: "pipe", timeout: 600_000 } as const;
  execFileSync(process.execPath, [worker, distUrl, "make", at("crash.cfg"), at(`${format}.saved`)], limits);
}

/** Returns what the guest said until the application was killed, at a random moment after the guest's first flush. */
async function killed(format: Format, random: () => number): Promise<string> {
  const child = spawn(process.execPath, [worker, distUrl, "go", at(`${format}.saved`)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [said, wrong] = ["", ""];
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (wrong += text));
  const writes = new Promise<void>((resolve) => {
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      said += text;
      if (/^F \d+/m.test(said)) resolve();
    });
    void ended.then(() => resolve());
  });
  await writes;
  await new Promise((resolve) => setTimeout(resolve, random() * MOST_SECONDS * 1000));
  expect(child.exitCode, `the application ended by itself:\n${said}\n${wrong}`).toBeNull();
  child.kill("SIGKILL");
  await ended;
  return said;
}

function convert(from: string, format: string, to: string): string {
  execFileSync("qemu-img", ["convert", "-f", format, "-O", "raw", from, to]);
  return to;
}

function checkFileSystem(image: string, told: number): void {
  // Replays the journal as a kernel would. After that nothing may be wrong.
  const replay = spawnSync("e2fsck", ["-y", "-E", "journal_only", image], { encoding: "utf8" });
  expect(replay.status, replay.stdout + replay.stderr).toBeLessThan(4);
  const check = spawnSync("e2fsck", ["-f", "-n", image], { encoding: "utf8" });
  expect(check.status, check.stdout + check.stderr).toBe(0);
  const files = at("files");
  rmSync(files, { recursive: true, force: true });
  mkdirSync(files);
  execFileSync("debugfs", ["-R", `rdump / ${files}`, image], { stdio: "pipe" });
  for (let i = Math.max(1, told - FILES + 2); i <= told; i++) {
    const content = readFileSync(path.join(files, `file-${i}`), "utf8");
    const wanted = Array.from({ length: LINES }, (_, line) => `${i + line}\n`).join("");
    expect(content === wanted, `file-${i} of ${told} that were flushed`).toBe(true);
  }
}

const lastOf = (text: string, pattern: RegExp): number => Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);

describe.skipIf(missing !== null)(`kill -9 under a writing guest${missing ? ` (${missing})` : ""}`, () => {
  it(`${POINTS} points: what was flushed is there`, { timeout: 1_500_000 + POINTS * 300_000 }, async () => {
    const ramdisk = initramfs(
      "ready",
      SCRIPT,
      { "pattern-writer": program("test/guests/crash/pattern-writer.c") },
      kernelModules("crc32c_generic", "ext4", "xen-blkfront"),
    );
    await makeWorker();
    makeFresh();
    for (const format of FORMATS) makeGuest(format, ramdisk);
    const random = seeded(SEED);
    const sums = { points: 0, blocks: 0, files: 0 };
    const began = performance.now();
    for (let point = 0; point < POINTS; point++) {
      const format = FORMATS[point % 2]!;
      refresh(format);
      const [ext4, pattern] = disks(format);
      const stdout = await killed(format, random);
      const [flushed, files] = [lastOf(stdout, /^F (\d+)\r?$/gm), lastOf(stdout, /^E (\d+)\r?$/gm)];
      expect(stdout).not.toMatch(/I\/O error|op failed/i);
      if (format === "qcow2")
        for (const file of [ext4, pattern]) {
          const { status, stdout: said } = spawnSync("qemu-img", ["check", file], { encoding: "utf8" });
          // 3 means that clusters are counted which nobody uses. That is no damage.
          expect([0, 3], said).toContain(status);
        }
      const lost = lostOf(readFileSync(convert(pattern, format, at("pattern.check"))), flushed);
      expect(lost, `point ${point}, ${format}, seed ${SEED}`).toBeNull();
      checkFileSystem(convert(ext4, format, at("ext4.check")), files);
      sums.points++;
      sums.blocks += flushed;
      sums.files += files;
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      if (LOG) appendFileSync(LOG, `point ${point} ${format}: ${flushed} blocks, ${files} files, ${seconds} s\n`);
    }
    console.log(`${sums.points} points, ${sums.blocks} blocks and ${sums.files} files flushed, none lost`);
  });
});
