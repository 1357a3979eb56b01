/**
 * Asks real Xen: runs the kernel of this folder as dom0 of Debian's Xen 4.17 in QEMU (by TCG, so that every computer can do it), and writes its
 * output to xen-4.17.txt. The command is `npx vite-node test/hypervisor/abi/real-xen.ts`. The environment variable QEMU names another
 * qemu-system-x86_64 than the one in PATH. It should be version 10 (bookworm-backports), because 7.2 does not set RF in the flags that a fault saves.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { xenHypervisor } from "../../guests/images.ts";
import { abiKernel, checks } from "./kernel.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "xenarium-real-xen-"));
const qemu = process.env.QEMU ?? "qemu-system-x86_64";
const commandLine =
  "com1=115200 console=com1 sync_console loglvl=all guest_loglvl=all dom0_mem=64M dom0_max_vcpus=1 spec-ctrl=no xpti=no";
const machine =
  "-accel tcg -cpu max,vendor=GenuineIntel -machine q35 -m 512 -display none -serial stdio -net none -no-reboot".split(
    " ",
  );
try {
  const { stdout, stderr, error } = spawnSync(
    qemu,
    [...machine, "-kernel", xenHypervisor(), "-append", commandLine, "-initrd", abiKernel(folder)],
    { encoding: "latin1", timeout: 60_000, stdio: ["ignore", "pipe", "pipe"] },
  );
  const said = checks(stdout);
  if (said.get("end") !== "of the checks") {
    console.error(stdout.slice(-4000), stderr, error ?? "");
    throw new Error("the kernel did not come to the end of its checks");
  }
  const lines = [...said].map(([name, value]) => `CHECK ${name}: ${value}\n`).join("");
  writeFileSync(path.join(import.meta.dirname, "xen-4.17.txt"), lines);
  console.log(`${said.size} checks`);
} finally {
  rmSync(folder, { recursive: true });
}
