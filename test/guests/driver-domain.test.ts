/**
 * Disks and networks whose backends are Linux's own, in another guest: a driver domain with xen-blkback, xen-netback and xl devd. It is PV, or PVH if
 * XENARIUM_DRIVER_TYPE says so (../long/driver-pvh.long.ts).
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { config, driverConfig, driverMissing } from "./driver.ts";
import { driverHost, sha256 } from "./driver-host.ts";

const missing = driverMissing;
const type = process.env.XENARIUM_DRIVER_TYPE ?? "pv";
/** A PVH driver domain maps grants through its second stage, and takes minutes to be ready on a busy computer. */
const patience = type === "pvh" ? 600_000 : 90_000;
const { ask, folder, made, nodes, notices, says, shown, types } = driverHost("driver-domain", patience);
const permissions = async (path: string): Promise<unknown> =>
  (await ask("xenstoreNodes", { paths: [path] })).nodes[0]!.permissions;

async function startDriver(image: string, ...more: string[]): Promise<number> {
  const { domid } = await ask("create", { config: driverConfig([image], `type = "${type}"`, ...more) });
  await says(domid, /DRIVER-READY/);
  return domid;
}

describe.skipIf(missing !== null)(`a driver domain, ${type}${missing ? ` (${missing})` : ""}`, () => {
  it(
    "of Linux's own backends and xl devd serves a disk and a network, which come and go",
    async () => {
      const image = path.join(folder, "store.img");
      const bytes = Buffer.from(Array.from({ length: 8 << 20 }, (_, i) => (i * i) >> 5));
      writeFileSync(image, bytes);
      const driver = await startDriver(image);
      const script = [
        'echo "READ $(sha256sum /dev/xvdb | cut -d" " -f1)"',
        "dd if=/dev/urandom of=/tmp/data bs=1M count=2 2>/dev/null",
        "dd if=/tmp/data of=/dev/xvdb bs=64k conv=fsync 2>/dev/null && echo WRITTEN",
        'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
        "busybox ip addr add 10.0.0.2/24 dev eth0; busybox ip link set eth0 up",
        "until busybox ping -c 3 10.0.0.1; do :; done",
        "while test -e /dev/xvdb; do usleep 20000; done; echo DISK-GONE",
        "until test -e /dev/xvdc; do usleep 20000; done",
        'echo "AGAIN $(dd if=/dev/xvdc bs=1M count=2 2>/dev/null | sha256sum | cut -d" " -f1)"',
        "exec setsid -c sh",
      ];
      const { domid } = await ask("create", {
        config: config("user", script, ["xen-blkfront", "xen-netfront"], {}, [
          "disk = ['vdev=xvdb,backend=driver,target=/dev/xvda']",
          "vif = ['backend=driver,mac=00:16:3e:00:00:07']",
        ]),
      });
      await says(domid, /3 packets received/);
      expect((await says(domid, /READ (\w{64})\s/))[1]).toBe(sha256(bytes));
      const written = (await says(domid, /WRITTEN\s+DATA (\w{64})\s/))[1];
      expect(sha256(readFileSync(image).subarray(0, 2 << 20))).toBe(written);
      for (const [kind, id] of [
        ["vbd", "51728"],
        ["vif", "0"],
      ] as const) {
        const backendPath = `/local/domain/${driver}/backend/${kind}/${domid}/${id}`;
        const both = { id, backendDomid: driver, backendPath, frontendState: 4, backendState: 4 };
        expect(await ask("deviceList", { domid, kind })).toMatchObject([both]);
        // As with libxl, each end owns its own directory, the other may read it, and nobody else may.
        expect(await permissions(backendPath)).toEqual([`n${driver}`, `r${domid}`]);
        expect(await permissions(`/local/domain/${domid}/device/${kind}/${id}`)).toEqual([`n${domid}`, `r${driver}`]);
      }
      const { devices } = await ask("wiring", { domid });
      expect(devices.filter(({ backendName }) => backendName === "driver").map(({ kind }) => kind)).toEqual([
        "vbd",
        "vif",
      ]);
      expect((await ask("wiring", { domid: driver })).devices.map(({ kind, name }) => [kind, name])).toContainEqual([
        "vbd",
        "user",
      ]);

      await ask("deviceDetach", { domid, key: "disk", device: "xvdb" });
      await says(domid, /DISK-GONE/);
      await says(driver, new RegExp(`HOTPLUG remove backend/vbd/${domid}/51728`));
      expect(await nodes(`/local/domain/${driver}/backend/vbd/${domid}`)).toEqual([]);
      await expect(
        ask("deviceAttach", { domid, key: "disk", folder, spec: "x.qcow2,qcow2,xvdc,backend=driver" }),
      ).rejects.toThrow('format is "qcow2"; a disk of another domain\'s is one of its block devices: raw');
      await expect(
        ask("deviceAttach", { domid, key: "disk", folder, spec: "/dev/xvda,,xvdc,backend=nobody" }),
      ).rejects.toThrow("there is no domain nobody to hold its backend");
      await ask("deviceAttach", { domid, key: "disk", folder, spec: `/dev/xvda,,xvdc,backend=${driver}` });
      expect((await says(domid, /AGAIN (\w{64})\s/))[1]).toBe(written);
      await expect(
        ask("checkpoint", { domid, memory: false, file: null, disks: [], record: null } as never),
      ).rejects.toThrow();

      await ask("destroy", { domid });
      await says(driver, new RegExp(`HOTPLUG remove backend/vbd/${domid}/51744`));
      await says(driver, new RegExp(`HOTPLUG offline backend/vif/${domid}/0`));
      await expect.poll(() => nodes(`/local/domain/${driver}/backend/vif/${domid}`), { timeout: patience }).toEqual([]);
      expect(await ask("checkInvariants")).toBe(0);
      await ask("destroy", { domid: driver });
    },
    2 * patience,
  );

  it(
    "that dies starts again under its domid: a quiet disk goes on, a busy one is left, and a busy interface is replaced",
    async () => {
      const image = path.join(folder, "again.img");
      writeFileSync(image, Buffer.alloc(8 << 20));
      const driver = await startDriver(image, 'on_crash = "restart"');
      const script = [
        "dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null",
        'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
        "dd if=/tmp/data of=/dev/xvdb bs=64k count=32 conv=fsync 2>/dev/null && echo FIRST",
        "read go",
        "dd if=/tmp/data of=/dev/xvdb bs=64k count=32 skip=32 seek=32 conv=fsync 2>/dev/null && echo SECOND",
        "echo 3 > /proc/sys/vm/drop_caches",
        'echo "DISK $(dd if=/dev/xvdb bs=1M count=4 2>/dev/null | sha256sum | cut -d" " -f1)"',
        "read go",
        // Three at a time: one has always sent something that is not answered yet when the driver domain dies.
        "lost=0",
        "net() { if busybox ping -c 1 -W 1 10.0.0.1 >/dev/null 2>&1; then test $lost = 0 || echo NET-AGAIN; lost=0",
        "else lost=1; busybox ip addr add 10.0.0.2/24 dev eth0; busybox ip link set eth0 up; fi 2>/dev/null; }",
        "lost=1; until net | grep NET-AGAIN; do :; done; lost=0",
        "for n in 1 2 3; do while :; do net; done & done",
        // From here on something is always under way. Between two writes a process has to start, but the readers ask for more at once.
        "for n in 1 2 3 4; do while dd if=/dev/xvdb of=/dev/null bs=1M iflag=direct 2>/dev/null; do :; done & done",
        "i=0; while dd if=/tmp/data of=/dev/xvdb bs=4k count=1 seek=$i conv=notrunc oflag=direct 2>/dev/null; do i=$((i+1)); echo ACK $i; done",
      ];
      const { domid } = await ask("create", {
        config: config("user", script, ["xen-blkfront", "xen-netfront"], {}, [
          "disk = ['vdev=xvdb,backend=driver,target=/dev/xvda']",
          "vif = ['backend=driver,mac=00:16:3e:00:00:08']",
        ]),
      });
      await says(domid, /FIRST/);
      const data = (await says(domid, /DATA (\w{64})\s/))[1];
      const crashAndReturn = async (): Promise<void> => {
        const before = made.length;
        await types(driver, "echo c > /proc/sysrq-trigger");
        await expect.poll(() => made.slice(before), { timeout: patience }).toEqual(["driver"]);
        expect((await ask("list")).find((each) => each.name === "driver")!.domid).toBe(driver);
        await says(driver, /DRIVER-READY/);
      };
      await crashAndReturn();
      await types(domid, "go");
      await says(domid, /SECOND/);
      expect((await says(domid, /DISK (\w{64})\s/))[1]).toBe(data);
      expect(sha256(readFileSync(image).subarray(0, 4 << 20))).toBe(data);
      expect(await permissions(`/local/domain/${domid}/device/vbd/51728/state`)).toEqual([`n${domid}`, `r${driver}`]);
      await types(domid, "go");
      await says(domid, /NET-AGAIN/);
      await says(domid, /ACK 20/);
      await crashAndReturn();
      expect(notices.filter((message) => message.includes("stays without its backend"))).toHaveLength(1);
      const [disk] = await ask("deviceList", { domid, kind: "vbd" });
      expect(disk).toMatchObject({
        frontendState: 4,
        backendState: 0,
        problem: expect.stringMatching(/destroy/) as string,
      });
      await expect.poll(() => notices.filter((message) => message.includes("attached again")).length).toBe(1);
      await says(domid, /NET-AGAIN[^]*NET-AGAIN/);
      expect(await nodes(`/local/domain/${driver}/backend/vbd/${domid}`)).toEqual([]);
      // What was acknowledged is there: blocks made from the same data, each at its place.
      const acknowledged = Number([...(await shown(domid)).matchAll(/ACK (\d+)/g)].at(-1)![1]);
      const block = readFileSync(image).subarray(0, 4096);
      for (let i = 0; i < acknowledged; i++)
        expect(
          readFileSync(image)
            .subarray(i * 4096, (i + 1) * 4096)
            .equals(block),
          `block ${i}`,
        ).toBe(true);
      expect(await ask("checkInvariants")).toBe(0);
      await ask("destroy", { domid });
      await ask("destroy", { domid: driver });
    },
    4 * patience,
  );
});
