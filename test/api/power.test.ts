/** The host's power as two clients meet it at once. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { HostService } from "../../core/api/host-service.ts";

const dist = pathToFileURL(`${path.resolve(import.meta.dirname, "../../dist")}/`);
let host: HostService;
function service(): HostService {
  return (host = new HostService({
    imageFolder: dist,
    bundledGuest: new URL("assets/guests/mini.elf", dist),
    memoryMiB: 256,
    pcpus: 1,
  }));
}
afterEach(() => host.powerOff(0));

/** A paused guest hears no request to power off, so the grace runs out. */
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
    await host.powerOff();
    await refused;
    expect(host.state).toMatchObject({ power: "off", reason: null });
    await host.powerOn();
    expect(host.state.power).toBe("running");
  });

  it("on with what no machine has changes nothing", async () => {
    const before = service().state;
    await expect(host.powerOn({ memoryMiB: 1 })).rejects.toThrow(/1 MiB/);
    expect(host.state).toEqual(before);
    await host.powerOn();
  });
});
