/** A host for the PVH kernels of the tests (guest/), and what these print by console_io. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";
import { madeKernel } from "../made-kernel.ts";

/** False where the kernel can't be built. That is an error in CI, where it must be possible. */
export const haveCompiler = (() => {
  try {
    execFileSync("gcc", ["--version"]);
    return true;
  } catch {
    if (process.env.CI) throw new Error("the PVH kernel needs gcc and make");
    return false;
  }
})();

let built: Buffer | null = null;
export function pvhKernel(): Buffer {
  return (built ??= readFileSync(madeKernel(path.join(import.meta.dirname, "guest"))));
}

export class PvhHost {
  readonly host: PoweredHost;
  /** Xen's log. What guests write by console_io is in it as "(d1) …". */
  log = "";
  readonly #stopped = new Map<number, string>();
  #gone: string | null = null;

  private constructor(host: PoweredHost) {
    this.host = host;
    host.on("serial", ({ pieces }) => {
      this.log += Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1");
    });
    host.on("off", ({ reason, state }) => (this.#gone = reason ?? `off: ${state}`));
  }

  static async open(pcpus = 2, memoryMiB = 512): Promise<PvhHost> {
    const boot = {
      ...DEFAULT_BOOT_CONFIG,
      entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }],
    };
    const opened = new PvhHost(new PoweredHost({ memoryMiB, pcpus, boot, imageFolder: dist }));
    await opened.host.start();
    opened.host.toolstack.on("stopped", ({ domid, reason }) => opened.#stopped.set(domid, reason));
    return opened;
  }

  /** Starts the kernel and returns its domid. */
  async start(
    cmdline: string,
    {
      memoryMiB = 32,
      maxmemMiB = null as number | null,
      vcpus = 1,
      ramdisk = null as Uint8Array | null,
      paused = false,
      cpuid = "host",
    } = {},
  ): Promise<number> {
    const config =
      `name = "pvh${Math.random()}"\ntype = "pvh"\nkernel = "pvh.elf"\nmemory = ${memoryMiB}\nmaxmem = ${maxmemMiB ?? memoryMiB}\nvcpus = ${vcpus}\n` +
      `extra = "${cmdline}"\ncpuid = "${cpuid}"\n${ramdisk ? 'ramdisk = "module"\n' : ""}` +
      `on_crash = "destroy"\non_reboot = "destroy"\non_poweroff = "destroy"\n`;
    const files = { "pvh.elf": pvhKernel(), ...(ramdisk ? { module: ramdisk } : {}) };
    const { domid } = await this.host.toolstack.request("create", { config, files, paused });
    return domid;
  }

  /** Waits until the domain has stopped. Returns the reason, and what the guest printed. */
  async ended(domid: number, seconds = 60): Promise<{ reason: string; said: string[] }> {
    await this.until(`the end of domain ${domid}`, () => this.#stopped.has(domid), seconds);
    // The serial port may be late: what the hypervisor's own ring has will still come.
    const last = (await this.host.toolstack.request("dmesg", {})).trimEnd().split("\n").at(-1)!.trim();
    await this.until(`the line ${last}`, () => this.log.includes(last), seconds);
    return { reason: this.#stopped.get(domid)!, said: this.said(domid) };
  }

  said(domid: number): string[] {
    const prefix = `(d${domid}) `;
    return this.log
      .split(/\r?\n/)
      .filter((line) => line.startsWith(prefix))
      .map((line) => line.slice(prefix.length));
  }

  async until(what: string, condition: () => boolean, seconds = 60): Promise<void> {
    for (const end = Date.now() + seconds * 1000; !condition();) {
      if (this.#gone) throw new Error(`the host is ${this.#gone}\n${this.log.slice(-3000)}`);
      if (Date.now() > end) throw new Error(`${what} did not come within ${seconds} s\n${this.log.slice(-3000)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  violations(): Promise<number> {
    return this.host.toolstack.request("checkInvariants");
  }
  async close(): Promise<void> {
    await this.host.powerOff();
  }
}
