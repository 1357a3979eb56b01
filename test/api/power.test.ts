/** The host's power when two clients act on it at once. */
import { afterEach, describe, expect, it } from "vitest";
import type { HostServiceOptions } from "../../core/api/host-options.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { DEFAULT_BOOT_CONFIG, entryFor } from "../../core/toolstack/boot-config.ts";
import { builtHost } from "../built-host.ts";

let host: HostService;
function service(options: Partial<HostServiceOptions> = {}): HostService {
  return (host = builtHost(options));
}
afterEach(() => host.powerOff(0));

/** A paused guest does not hear the request to power off, so the grace period runs out. */
async function deaf(): Promise<void> {
  const { domid } = await host.createBundled(1);
  await host.toolstack.request("pause", { domid });
}

describe("power", () => {
  it("off, asked for twice, waits for the same guests", async () => {
    await service().powerOn();
    await deaf();
    const began = performance.now();
    const first = host.powerOff(1000);
    expect(host.state.power).toBe("stopping");
    await host.powerOff(1000);
    expect(performance.now() - began).toBeGreaterThan(900);
    await first;
    expect(host.state).toMatchObject({ power: "off", reason: null });
  });

  it("off without grace pulls the plug of a host that is stopping", async () => {
    await service().powerOn();
    await deaf();
    const began = performance.now();
    const slow = host.powerOff(20_000);
    await host.powerOff(0);
    await slow;
    expect(performance.now() - began).toBeLessThan(5000);
    expect(host.state.power).toBe("off");
  });

  it("off while it starts is no crash", async () => {
    const starting = service().powerOn();
    const refused = expect(starting).rejects.toMatchObject({ data: { code: "ECANCELED" } });
    // A client that asks while the host still reads what it must start has to wait.
    expect(host.state.power).toBe("starting");
    await host.powerOff();
    await refused;
    expect(host.state).toMatchObject({ power: "off", reason: null });
    await host.powerOn();
    expect(host.state.power).toBe("running");
  });

  it("reboot: off with the guests' grace, then on with the same entry; a power-off meanwhile has the last word", async () => {
    const boot = { ...DEFAULT_BOOT_CONFIG, entries: [entryFor("A", ""), entryFor("B", "dom0_mem=32M")] };
    await service({ boot }).powerOn({ bootEntry: 1 });
    await host.createBundled(1);
    expect(await host.reboot()).toMatchObject({ power: "running", bootEntry: 1 });
    expect((await host.toolstack.request("list")).map(({ domid }) => domid)).toEqual([0]);
    await deaf();
    const rebooting = expect(host.reboot(20_000)).rejects.toMatchObject({ data: { code: "ECANCELED" } });
    await expect(host.reboot()).rejects.toMatchObject({ data: { code: "EOFF" } });
    await host.powerOff(0);
    await rebooting;
    expect(host.state).toMatchObject({ power: "off", reason: null });
  });

  it("on with an entry of the boot menu gives Xen that entry's command line, from then on", async () => {
    const boot = {
      entries: [
        { title: "Loud", cmdline: "dom0_mem=64M loglvl=all console=com1" },
        { title: "Small", cmdline: "dom0_mem=32M console=com1" },
      ],
      defaultEntry: 0,
      autostart: ["/nowhere/web.cfg"],
    };
    const notices: string[] = [];
    service({ boot }).on("notice", ({ message }) => void notices.push(message));
    const before = host.state;
    expect(before).toMatchObject({ bootEntries: boot.entries, bootEntry: 0 });
    await expect(host.powerOn({ bootEntry: 2 })).rejects.toMatchObject({
      data: { code: "EINVAL", message: "The boot menu has no entry 2; allowed: 0 (Loud), 1 (Small)." },
    });
    expect(host.state).toEqual(before);
    await host.powerOn({ bootEntry: 1 });
    expect(host.state.bootEntry).toBe(1);
    expect(await host.toolstack.request("hostInfo")).toMatchObject({ xenCommandline: boot.entries[1]!.cmdline });
    expect(notices).toEqual([expect.stringMatching(/Autostart of \/nowhere\/web\.cfg: .*ENOENT/)]);
    expect(host.state.stages.slice(0, 3).map(({ name }) => name)).toEqual(["firmware", "boot menu", "hypervisor"]);
    for (const { name, milliseconds } of host.state.stages) expect(milliseconds, name).toBeGreaterThan(0);
    await host.powerOff(0);
    await host.powerOn();
    expect(host.state.bootEntry).toBe(1);
  });

  it("on with what no machine has changes nothing", async () => {
    const before = service().state;
    await expect(host.powerOn({ memoryMiB: 1 })).rejects.toThrow(/1 MiB/);
    expect(host.state).toEqual(before);
    await host.powerOn();
  });
});
