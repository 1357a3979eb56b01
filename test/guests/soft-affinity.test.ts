/** Soft affinity, as Xen's credit scheduler honours it: a vCPU runs where it prefers while there is room, and elsewhere otherwise. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { dist } from "../dist.ts";
import { onConsole } from "./on-console.ts";

const kernel = path.resolve(import.meta.dirname, "../../dist/assets/guests/mini.elf");
const WAIT = { timeout: 30_000 };

describe("soft affinity", () => {
  let host: PoweredHost;
  const { says, types } = onConsole(() => host);
  beforeAll(async () => {
    host = new PoweredHost({ memoryMiB: 256, pcpus: 2, imageFolder: dist });
    await host.start();
  });
  afterAll(() => host?.powerOff());

  /** A guest of one vCPU that computes without end. */
  async function busy(name: string): Promise<number> {
    const config = `name = "${name}"\nkernel = "${kernel}"\nmemory = 32\nvcpus = 1\n`;
    const { domid } = await host.toolstack.request("create", { config });
    await says(domid, /mini> /);
    await types(domid, "load 1");
    await expect.poll(async () => (await vcpu(domid)).stateString, WAIT).toBe("r--");
    return domid;
  }
  const vcpu = async (domid: number) => (await host.toolstack.request("vcpuList", { domid }))[0]!;
  const affinity = (domid: number, cpus: string, soft: string) =>
    host.toolstack.request("setAffinity", { domid, vcpu: 0, cpus, soft });
  const pcpuOf = async (domid: number): Promise<number | null> => (await vcpu(domid)).pcpu;

  it("brings a vCPU to a pCPU that it prefers and that is idle, and keeps nobody from running", async () => {
    const first = await busy("first");
    for (const pcpu of [1, 0, 1]) {
      await affinity(first, "all", String(pcpu));
      await expect.poll(() => pcpuOf(first), WAIT).toBe(pcpu);
    }
    // Another is pinned to the pCPU that the first prefers. It never gives way, while the first runs on the other pCPU rather than wait.
    const second = await busy("second");
    await affinity(second, "1", "all");
    await expect.poll(() => pcpuOf(second), WAIT).toBe(1);
    await expect.poll(() => pcpuOf(first), WAIT).toBe(0);
    const before = (await vcpu(first)).cpuTimeSeconds;
    await expect.poll(async () => (await vcpu(first)).cpuTimeSeconds, WAIT).toBeGreaterThan(before + 0.3);
    // The pCPU is free again, and the vCPU returns by itself.
    await host.toolstack.request("pause", { domid: second });
    await expect.poll(() => pcpuOf(first), WAIT).toBe(1);
    // A preference for pCPUs where it may not run at all counts as none.
    await affinity(first, "0", "1");
    await expect.poll(() => pcpuOf(first), WAIT).toBe(0);
    expect(await host.toolstack.request("checkInvariants")).toBe(0);
  });
});
