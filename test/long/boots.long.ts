/**
 * The boot matrix: Debian's kernels, sizes of guest and host, numbers of vCPUs. Each boot must come to GUEST-READY, use all of its memory and vCPUs,
 * and print nothing that it does not print on real Xen. XENARIUM_BOOTS runs only those whose name contains its text.
 */
import { createCipheriv, createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { guestsMissing, initramfs } from "../guests/images.ts";
import { runGuest } from "../guests/run.ts";
import { warnings } from "../guests/warnings.ts";
import { temporaryFolder } from "../temporary.ts";
import { KERNELS, kernel, type Flavour } from "./kernels.ts";

const FLAVOURS: Flavour[] = ["amd64", "cloud-amd64"];
/** MiB of the guest and of the host, as far as it fits beside dom0. */
const SIZES = [
  [128, 1024],
  [256, 1024],
  [512, 1024],
  [128, 1400],
  [256, 1400],
  [512, 1400],
  [1000, 1400],
  [256, 1500],
  [1024, 1500],
  [256, 2600],
  [1300, 2600],
  [2000, 2600],
  [256, 3500],
  [2000, 3500],
  [3000, 3500],
] as const;
/** The numbers of vCPUs, besides the boots with one vCPU on every size. */
const VCPUS = [
  [2, 256, 1400],
  [4, 512, 1500],
  [8, 512, 2600],
  [2, 3000, 3500],
] as const;

const only = process.env.XENARIUM_BOOTS ?? "";
const missing = guestsMissing();

/** Touches most of the memory through a tmpfs, and starts programs on every vCPU. */
const SCRIPT = [
  "mount -t tmpfs -o size=90% tmpfs /tmp",
  "free=$(grep MemAvailable /proc/meminfo | grep -o '[0-9]*')",
  "dd if=/dev/zero of=/tmp/fill bs=1024k count=$((free / 1024 * 7 / 10)) 2>/dev/null",
  "echo FILLED $(ls -l /tmp/fill | grep -o '[0-9]\\{6,\\}' | head -n 1)",
  "n=$(nproc); i=0",
  "while [ $i -lt $n ]; do (j=0; while [ $j -lt 60 ]; do /bin/uname -r >/dev/null; j=$((j+1)); done) & i=$((i+1)); done; wait",
  "echo BOOT-DONE cpus=$n total=$(grep MemTotal /proc/meminfo | grep -o '[0-9]*')",
  "poweroff -f",
].join("\n");

async function boot(file: string, memory: number, host: number, vcpus: number): Promise<void> {
  const result = await runGuest([
    ...["--kernel", file, "--ramdisk", initramfs("ready", SCRIPT), "--cmdline", "console=hvc0 loglevel=8"],
    ...["--memory", String(memory), "--host-memory", String(host), "--vcpus", String(vcpus), "--timeout", "600"],
    ...["--pcpus", String(Math.min(vcpus, 4))],
  ]);
  expect(result.stdout, result.stderr).toMatch(/BOOT-DONE/);
  expect(warnings(result.stdout)).toEqual([]);
  expect(result.stdout).toMatch(new RegExp(`BOOT-DONE cpus=${vcpus} `));
  expect(Number(/FILLED (\d+)/.exec(result.stdout)?.[1])).toBeGreaterThan(20 * 2 ** 20);
  expect(result.status).toBe(0);
}

describe.skipIf(missing !== null)(`boots${missing ? ` (${missing})` : ""}`, () => {
  for (const source of KERNELS)
    for (const flavour of FLAVOURS)
      for (const [vcpus, memory, host] of [...SIZES.map((size) => [1, ...size] as const), ...VCPUS]) {
        const name = `${source.version} ${flavour} ${memory} MiB on ${host} MiB, ${vcpus} vCPUs`;
        it.skipIf(!name.includes(only))(name, () => boot(kernel(source, flavour), memory, host, vcpus));
      }

  it.skipIf(!"large initrd".includes(only))("a large initrd: 222 MB in 1300 MiB", async () => {
    const [source] = KERNELS;
    const result = await runGuest([
      ...["--kernel", kernel(source!, "amd64"), "--ramdisk", largeInitrd(222_000_000)],
      ...["--memory", "1300", "--host-memory", "2600", "--cmdline", "console=hvc0", "--timeout", "600"],
    ]);
    expect(result.stdout, result.stderr).toMatch(/GUEST-READY/);
    expect(result.stdout).toMatch(/SUM-RIGHT/);
    expect(warnings(result.stdout)).toEqual([]);
    expect(result.status).toBe(0);
  });
});

/** Makes an initial RAM disk of at least that many bytes. Its program checks that they arrived whole. */
function largeInitrd(bytes: number): string {
  const data = noise(bytes);
  const sum = createHash("sha256").update(data).digest("hex");
  const folder = temporaryFolder("initrd");
  const file = path.join(folder, "noise");
  writeFileSync(file, data);
  return initramfs("ready", `echo "${sum}  /bin/noise" | sha256sum -c && echo SUM-RIGHT\npoweroff -f`, { noise: file });
}
/** Bytes that no compression makes smaller. They are the same each time. */
function noise(bytes: number): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16)).update(Buffer.alloc(bytes));
}
