/** Boots that failed once, and hosts of which half lies above 2 GiB. All others are in test/long/boots.long.ts. */
import { describe, expect, it } from "vitest";
import { debianKernel, guestsMissing, initramfs } from "./images.ts";
import { runGuest } from "./run.ts";
import { warnings } from "./warnings.ts";

const missing = guestsMissing();

describe.skipIf(missing !== null)(`Debian boots without a warning${missing ? ` (${missing})` : ""}`, () => {
  it.each([
    // Its frames lie below the low half of the addresses at which its kernel maps them.
    [256, 1400, 1],
    // dom0's structures, and all of the guest, lie above 2 GiB.
    [640, 3500, 2],
    // The largest host, with a guest that lies on both sides of 2 GiB.
    [2600, 3584, 2],
  ])(
    "with %i MiB on a host of %i MiB, %i vCPUs",
    async (memory, host, vcpus) => {
      const result = await runGuest([
        ...["--kernel", debianKernel(), "--ramdisk", initramfs("ready"), "--cmdline", "console=hvc0 loglevel=8"],
        ...["--memory", String(memory), "--host-memory", String(host), "--vcpus", String(vcpus), "--timeout", "170"],
      ]);
      expect(result.stdout, result.stderr).toMatch(/GUEST-READY/);
      expect(warnings(result.stdout)).toEqual([]);
      expect(result.status).toBe(0);
    },
    200_000,
  );
});
