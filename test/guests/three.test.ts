import { describe, expect, it } from "vitest";
import { PoweredHost } from "../../core/toolstack/power.ts";
import { dist } from "../dist.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";

const missing = guestsMissing();
const GUESTS = 3;
/** Work whose result is known, by busybox: the sum of 1..3000. */
const SCRIPT = "i=0; s=0; while [ $i -lt 3000 ]; do i=$((i+1)); s=$((s+i)); done; echo SUM=$s; poweroff -f";

describe.skipIf(missing !== null)(`three Debian guests at once${missing ? ` (${missing})` : ""}`, () => {
  it("all boot, compute and power off, and give their memory back", async () => {
    const host = new PoweredHost({ memoryMiB: 1024, pcpus: 2, imageFolder: dist });
    await host.start();
    try {
      const { toolstack } = host;
      const freeFrames = async (): Promise<number> =>
        (await toolstack.request("frameMap")).palette.find(({ kind }) => kind === "free")!.frames;
      const free = await freeFrames();
      const text = new Map<number, string>();
      toolstack.on("console", ({ domid, bytes }) =>
        text.set(domid, (text.get(domid) ?? "") + Buffer.from(bytes).toString("latin1")),
      );
      const ended = new Map<number, string>();
      const all = new Promise<void>((resolve) =>
        toolstack.on("stopped", ({ domid, reason }) => {
          ended.set(domid, reason);
          if (ended.size === GUESTS) resolve();
        }),
      );
      const domids: number[] = [];
      for (let i = 0; i < GUESTS; i++) {
        const config = [
          `name = "debian${i}"`,
          `kernel = "${debianKernel()}"`,
          `ramdisk = "${initramfs("ready", SCRIPT)}"`,
          `memory = 192`,
          `extra = "console=hvc0"`,
        ].join("\n");
        const { domid } = await toolstack.request("create", { config, paused: true });
        await toolstack.request("consoleAttach", { domid });
        domids.push(domid);
      }
      for (const domid of domids) await toolstack.request("unpause", { domid });
      await all;
      for (const domid of domids) {
        expect(text.get(domid)).toMatch(/GUEST-INFO hypervisor=xen type=PV cpus=1/);
        expect(text.get(domid)).toMatch(/SUM=4501500/);
        expect(ended.get(domid)).toBe("poweroff");
      }
      expect(await toolstack.request("checkInvariants")).toBe(0);
      // The hypervisor's heap keeps a few frames for the structures of the next domains.
      await expect.poll(async () => free - (await freeFrames()), { timeout: 10_000 }).toBeLessThan(64);
    } finally {
      await host.powerOff();
    }
  }, 180_000);
});
