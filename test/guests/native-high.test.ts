/** A native driver domain and those that it serves, all of whose memory lies above 2 GiB of the largest host's. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { config } from "./driver.ts";
import { driverHost, sha256 } from "./driver-host.ts";
import { guestsMissing } from "./images.ts";

const missing = guestsMissing();
const patience = 120_000;
const { ask, image, made, nativeDriver, says, types } = driverHost("native-high", patience, { memoryMiB: 3584 });

describe.skipIf(missing !== null)(`a native driver domain above 2 GiB${missing ? ` (${missing})` : ""}`, () => {
  it(
    "serves a disk and an interface, dies, and serves them again",
    async () => {
      const bytes = Buffer.from(Array.from({ length: 8 << 20 }, (_, i) => (i * i) >> 5));
      const file = image("high.img", bytes);
      // It has the lower half. It never runs.
      const filler = config("filler", [], [], {}, []).replace(/memory = \d+/, "memory = 2200");
      await ask("create", { config: filler, paused: true } as never);
      const driver = await nativeDriver("high", [file], 'on_crash = "restart"');
      const script = [
        'echo "READ $(sha256sum /dev/xvdb | cut -d" " -f1)"',
        "busybox ip addr add 10.0.2.99/24 dev eth0; busybox ip link set eth0 up",
        "until busybox ping -c 3 10.0.2.2; do :; done; echo FIRST",
        "read go",
        "dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null",
        "dd if=/tmp/data of=/dev/xvdb bs=64k conv=fsync 2>/dev/null && echo WRITTEN",
        'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
        "until busybox ping -c 3 10.0.2.2; do :; done; echo SECOND",
        "exec setsid -c sh",
      ];
      const { domid } = await ask("create", {
        config: config("user", script, ["xen-blkfront", "xen-netfront"], {}, [
          "disk = ['vdev=xvdb,backend=high,target=/dev/xvda']",
          "vif = ['backend=high,mac=00:16:3e:00:00:07']",
        ]),
      });
      expect((await says(domid, /READ (\w{64})\s/))[1]).toBe(sha256(bytes));
      await says(domid, /3 packets received[^]*FIRST/);
      const rings = (await ask("wiring", { domid })).devices.flatMap(({ rings }) => rings);
      const frames = rings.flatMap(({ grants }) => grants.map(({ mfn }) => mfn));
      expect(frames.length).toBeGreaterThan(2);
      for (const mfn of frames) expect(mfn).toBeGreaterThan(0x80000);
      const since = made.length;
      await ask("sysrq", { domid: driver, key: "c" });
      await expect.poll(() => made.slice(since), { timeout: patience }).toEqual(["high"]);
      await types(domid, "go");
      const written = (await says(domid, /WRITTEN\s+DATA (\w{64})\s/))[1];
      expect(sha256(readFileSync(file).subarray(0, 4 << 20))).toBe(written);
      await says(domid, /3 packets received[^]*SECOND/);
      expect(await ask("checkInvariants")).toBe(0);
      for (const each of [domid, driver]) await ask("destroy", { domid: each });
      expect(await ask("checkInvariants")).toBe(0);
    },
    3 * patience,
  );
});
