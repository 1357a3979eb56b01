/** Measures the CPU time that `xenarium serve` uses with Linux guests that do nothing. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { GuestTypeName } from "../../core/dom0/kernel/hypercalls.ts";
import { ApiClient } from "../../core/api/client.ts";
import { connectLocal } from "../../core/api/transport/local-client.ts";
import { debianKernel, initramfs } from "../guests/images.ts";
import { cpuSeconds } from "../process.ts";

const cli = path.resolve(import.meta.dirname, "../../dist/cli.js");
const GUESTS = 3;
const PCPUS = 2;
const BOOT_LIMIT_MS = 240_000;
/** Kernels postpone some work until a few seconds after their boot. */
const SETTLE_MS = 10_000;

export interface Idle {
  seconds: number;
  /** Percent of one core. */
  percent: number;
}

export async function measureIdle({
  seconds = 20,
  settleMs = SETTLE_MS,
  type = "pv" as GuestTypeName,
} = {}): Promise<Idle> {
  const folder = mkdtempSync(path.join(tmpdir(), "xenarium-idle-"));
  const guests = Array.from({ length: GUESTS }, (_, n) => path.join(folder, `idle${n}.cfg`));
  guests.forEach((file, n) =>
    writeFileSync(
      file,
      [
        `name = "idle${n}"`,
        `type = "${type}"`,
        `kernel = "${debianKernel()}"`,
        `ramdisk = "${initramfs("ready", "sleep 100000")}"`,
        "memory = 192",
        'extra = "console=hvc0 quiet"',
      ].join("\n"),
    ),
  );
  const menu = path.join(folder, "menu.cfg");
  const autostart = guests.map((file) => `autostart "${file}"`);
  writeFileSync(menu, ['menuentry "idle" {', "  xen console=com1", "}", ...autostart, ""].join("\n"));
  const socket = path.join(folder, "host.sock");
  const child = spawn(process.execPath, [cli, "serve", "--boot-config", menu, "--pcpus", String(PCPUS)], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, XENARIUM_SOCKET: socket, XENARIUM_STATE: folder },
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    await booted(socket, ended);
    await sleep(settleMs);
    const before = cpuSeconds(child.pid!);
    const start = performance.now();
    await sleep(seconds * 1000);
    const measured = (performance.now() - start) / 1000;
    return { seconds: measured, percent: (100 * (cpuSeconds(child.pid!) - before)) / measured };
  } finally {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(late);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Reads the consoles' logs until all have shown GUEST-READY. Nobody is connected after that. */
async function booted(socket: string, ended: Promise<void>): Promise<void> {
  let gone = false;
  void ended.then(() => (gone = true));
  const limit = performance.now() + BOOT_LIMIT_MS;
  for (;;) {
    if (gone) throw new Error("xenarium serve ended before its guests had booted");
    if (performance.now() > limit) throw new Error(`the guests had not booted after ${BOOT_LIMIT_MS / 1000} s`);
    await sleep(1000);
    const ready = await readyGuests(socket).catch(() => 0);
    if (ready === GUESTS) return;
  }
}

async function readyGuests(socket: string): Promise<number> {
  const client = new ApiClient(await connectLocal(socket));
  try {
    let ready = 0;
    for (const { domid } of await client.request("consoleLogs", {})) {
      const { log } = await client.request("consoleAttach", { domid });
      if (Buffer.from(log).includes("GUEST-READY")) ready++;
    }
    return ready;
  } finally {
    client.close();
  }
}

export function idleReport({ seconds, percent }: Idle): string {
  return [
    `\`xenarium serve\` with ${GUESTS} idle Linux guests on ${PCPUS} pCPUs used ${percent.toFixed(1)} % of one core`,
    `over ${seconds.toFixed(0)} s.`,
  ].join(" ");
}
