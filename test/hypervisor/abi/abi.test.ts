/**
 * A PV kernel of our own (main.c and the files it calls) tries what the PV interface promises and prints what it sees. xen-4.17.txt has what it
 * prints under real Xen; `npx vite-node test/hypervisor/abi/real-xen.ts` makes that file.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { dist } from "../../dist.ts";
import { temporaryFolder } from "../../temporary.ts";
import { ABSENT, abiKernel, checks, compilerMissing, notAsRealXen, readInXen } from "./kernel.ts";

const real = checks(readFileSync(path.join(import.meta.dirname, "xen-4.17.txt"), "latin1"));

/** How late the guest's time of day was, in ms, when its output arrived here. */
const wallClockLate: number[] = [];

/** Boots the kernel as a domain of Xenarium. Returns what its checks printed. */
async function ours(more = ""): Promise<Map<string, string>> {
  const kernel = abiKernel(temporaryFolder("abi"));
  const boot = {
    ...DEFAULT_BOOT_CONFIG,
    entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }],
  };
  const host = new PoweredHost({ memoryMiB: 512, pcpus: 2, boot, imageFolder: dist });
  let log = "";
  host.on("serial", ({ pieces }) => {
    const text = Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1");
    log += text;
    for (const [, wall] of text.matchAll(/WALL clock: (0x[0-9a-f]+)\r?\n/g))
      wallClockLate.push(Date.now() - Number(BigInt(wall!) / 1000n) / 1000);
  });
  await host.start();
  try {
    const { toolstack } = host;
    const stopped = new Promise<string>((resolve) => toolstack.on("stopped", ({ reason }) => resolve(reason)));
    const config =
      more +
      'name = "abi"\nkernel = "abi.elf"\nmemory = 64\nmaxmem = 96\non_crash = "destroy"\non_reboot = "destroy"\non_poweroff = "destroy"\n' +
      'on_watchdog = "destroy"\n';
    const files = { "abi.elf": readFileSync(kernel) };
    await toolstack.request("create", { config, files, paused: false });
    expect(await stopped).toBe("watchdog");
    expect(await toolstack.request("checkInvariants"), log).toBe(0);
  } finally {
    await host.powerOff();
  }
  const said = checks(log);
  expect(said.get("end"), log.slice(-3000)).toBe("of the checks");
  return said;
}

describe.skipIf(compilerMissing())("the PV interface beside real Xen 4.17 (needs gcc, make)", () => {
  let said: Map<string, string>;
  beforeAll(async () => {
    said = await ours();
  }, 60_000);

  it("has the checks that real Xen answered", () => {
    const names = [...real.keys()].filter((name) => notAsRealXen[name]?.value !== ABSENT);
    expect([...said.keys()].filter((name) => !(name in readInXen))).toEqual(names);
  });

  it("answers as real Xen does", () => {
    const differences = [...real, ...Object.entries(readInXen)]
      .filter(([name, value]) => (said.get(name) ?? ABSENT) !== (notAsRealXen[name]?.value ?? value))
      .map(([name, value]) => `${name}: ${said.get(name)}, real Xen: ${value}`);
    expect(differences).toEqual([]);
  });

  it("has the time of day that this computer has", () => {
    expect(wallClockLate.length).toBeGreaterThan(0);
    // Output takes some time to arrive here, so the output that arrived fastest says most.
    expect(Math.min(...wallClockLate)).toBeGreaterThan(-3);
    expect(Math.min(...wallClockLate)).toBeLessThan(250);
  });

  it("with msr_relaxed, reads of registers that only the host has give 0, and writes do nothing", async () => {
    const relaxed = await ours("msr_relaxed = 1\n");
    const other = [...said].filter(([name, value]) => relaxed.get(name) !== value).map(([name]) => name);
    const registers = ["00000174", "00000175", "00000176", "000001d9", "c0000081", "c0000082", "c0000084"];
    const written = registers.filter((register) => said.has(`wrmsr 0 ${register}`));
    expect(written).toEqual(["00000174", "000001d9", "c0000082"]);
    const wrote = written.flatMap((register) => ["same", "1", "0"].map((what) => `wrmsr ${what} ${register}`));
    expect(other).toEqual([...registers.map((register) => `rdmsr ${register}`), ...wrote]);
    for (const name of other) expect(relaxed.get(name)).toBe("0x0");
  }, 60_000);

  it("has no exception that isn't one any more", () => {
    const idle = Object.entries(notAsRealXen).filter(
      ([name, { value }]) => real.get(name) === value || !real.has(name),
    );
    expect(idle).toEqual([]);
  });
});
