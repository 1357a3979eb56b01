/** A vCPU that a PVH guest of Debian's kernel does not have when it boots is plugged in, and taken away again. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const PRESENT = "/sys/devices/system/cpu/present";
let host: HostService;
const { ask, says, shown } = onConsole(() => host, 200_000);

describe.skipIf(missing !== null)(`vCPUs of a PVH guest${missing ? ` (${missing})` : ""}`, () => {
  beforeAll(async () => {
    host = builtHost({ memoryMiB: 384, pcpus: 2 });
    await host.powerOn();
  });
  afterAll(() => host.powerOff(1000));

  it("come and go as xl vcpu-set says", async () => {
    const script = [
      `while [ "$(cat ${PRESENT})" != 0-2 ]; do sleep 1; done`,
      "echo 1 > /sys/devices/system/cpu/cpu2/online; echo MORE $(nproc)",
      `while [ "$(cat ${PRESENT})" != 0-1 ]; do sleep 1; done`,
      "echo LESS $(nproc)",
      "while :; do sleep 9; done",
    ].join("\n");
    const config =
      `name = "hot"\ntype = "pvh"\nkernel = "${debianKernel()}"\nramdisk = "${initramfs("ready", script)}"\n` +
      `memory = 192\nvcpus = 2\nmaxvcpus = 3\nextra = "console=hvc0"\n`;
    const { domid } = await ask("create", { config, configName: "/hot.cfg" });
    await says(domid, /type=PVH cpus=2/);
    await ask("setVcpus", { domid, vcpus: 3 });
    await says(domid, /MORE 3/);
    await ask("setVcpus", { domid, vcpus: 2 });
    await says(domid, /LESS 2/);
    expect(await shown(domid)).not.toMatch(/WARNING:|BUG:|Call Trace/);
  }, 500_000);
});
