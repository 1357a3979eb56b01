/** Disks and networks whose backends are in a native driver domain: a domain that is a thread of the application's, as dom0 is (type="native"). */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { config } from "./driver.ts";
import { guestsMissing } from "./images.ts";
import { onConsole } from "./on-console.ts";

const missing = guestsMissing();
const folder = temporaryFolder("native-driver");
const patience = 90_000;
let host: HostService;
const notices: string[] = [];
/** Names of the domains that were made, in order. */
const made: string[] = [];

const { ask, says, shown, types } = onConsole(() => host, patience);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const nodes = async (path: string): Promise<string[]> => ask("xenstoreList", { path });

/** Creates a native driver domain with these images as /dev/xvda and so on. */
async function startDriver(name: string, images: readonly string[], ...more: string[]): Promise<number> {
  const disks = images.map((image, i) => `'${image},raw,xvd${"abcd"[i]}'`);
  const lines = [`name = "${name}"`, 'type = "native"', "memory = 4", `disk = [${disks.join(", ")}]`, ...more];
  const { domid } = await ask("create", { config: lines.join("\n") });
  await says(domid, /READY/);
  return domid;
}

/** Returns how many packets the domain's interface has got from its present backend. */
async function packets(domid: number): Promise<number> {
  const { devices } = await ask("wiring", { domid });
  return devices.find(({ kind }) => kind === "vif")?.traffic?.inCount ?? 0;
}

beforeAll(async () => {
  host = builtHost({ memoryMiB: 1024 });
  await host.powerOn();
  host.toolstack.on("notice", ({ message }) => notices.push(message));
  host.toolstack.on("created", ({ name }) => made.push(name));
});
afterAll(() => host.powerOff(1000));

describe("a native domain", () => {
  it("starts, is listed, takes memory, is paused, and ends in every way", async () => {
    const image = path.join(folder, "alone.img");
    writeFileSync(image, Buffer.alloc(1 << 20));
    const domid = await startDriver("alone", [image]);
    expect((await ask("list")).find((each) => each.domid === domid)).toMatchObject({
      name: "alone",
      type: "native",
      memoryMiB: 4,
      vcpus: 1,
    });
    expect(await ask("checkInvariants")).toBe(0);
    await ask("pause", { domid });
    await ask("unpause", { domid });
    for (const refused of [
      ask("save", { domid, file: path.join(folder, "alone.saved") }),
      ask("dumpCore", { domid, file: path.join(folder, "alone.core") }),
      ask("inspectRegisters", { domid, vcpu: 0 }),
      ask("deviceAttach", { domid, key: "disk", folder, spec: `${image},raw,xvdb` }),
    ])
      await expect(refused).rejects.toThrow(/native domain|thread of the host/);
    const gone = async (): Promise<void> =>
      expect.poll(async () => (await ask("list")).map(({ name }) => name), { timeout: patience }).toEqual(["Domain-0"]);
    await ask("shutdown", { domid, reason: "poweroff" });
    await gone();
    const again = await startDriver("alone", [image]);
    await ask("destroy", { domid: again });
    await gone();
    const crashing = await startDriver("alone", [image]);
    await ask("sysrq", { domid: crashing, key: "c" });
    await gone();
    expect(notices.at(-1)).toContain("The thread of alone has ended by an error: sysrq: Trigger a crash");
    expect(await nodes("/local/domain")).toEqual(["0"]);
    expect(await ask("checkInvariants")).toBe(0);
  });
});

describe.skipIf(missing !== null)(`a native driver domain${missing ? ` (${missing})` : ""}`, () => {
  it(
    "serves a disk, which comes and goes, to an unmodified Linux",
    async () => {
      const image = path.join(folder, "store.img");
      const bytes = Buffer.from(Array.from({ length: 8 << 20 }, (_, i) => (i * i) >> 5));
      writeFileSync(image, bytes);
      const driver = await startDriver("driver", [image]);
      const script = [
        'echo "READ $(sha256sum /dev/xvdb | cut -d" " -f1)"',
        "dd if=/dev/urandom of=/tmp/data bs=1M count=2 2>/dev/null",
        "dd if=/tmp/data of=/dev/xvdb bs=64k conv=fsync 2>/dev/null && echo WRITTEN",
        'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
        "while test -e /dev/xvdb; do usleep 20000; done; echo DISK-GONE",
        // Linux shows the name a moment before the disk can be opened.
        "until dd if=/dev/xvdc of=/dev/null bs=512 count=1 2>/dev/null; do usleep 20000; done",
        'echo "AGAIN $(dd if=/dev/xvdc bs=1M count=2 2>/dev/null | sha256sum | cut -d" " -f1)"',
        "exec setsid -c sh",
      ];
      const { domid } = await ask("create", {
        config: config("user", script, ["xen-blkfront"], {}, ["disk = ['vdev=xvdb,backend=driver,target=/dev/xvda']"]),
      });
      expect((await says(domid, /READ (\w{64})\s/))[1]).toBe(sha256(bytes));
      const written = (await says(domid, /WRITTEN\s+DATA (\w{64})\s/))[1];
      expect(sha256(readFileSync(image).subarray(0, 2 << 20))).toBe(written);
      expect(await ask("deviceList", { domid, kind: "vbd" })).toMatchObject([
        { id: "51728", backendDomid: driver, frontendState: 4, backendState: 4 },
      ]);
      // What the Devices tab shows of it is what the thread says.
      const disk = (await ask("wiring", { domid })).devices.find(({ kind }) => kind === "vbd")!;
      expect(disk).toMatchObject({ vdev: "xvdb", backendDomid: driver, problem: null, rings: [{ unit: "requests" }] });
      expect(disk.behind!.figures).toContainEqual(expect.objectContaining({ name: "size", value: bytes.length }));
      expect(disk.traffic!.inBytes).toBeGreaterThanOrEqual(bytes.length);
      expect(disk.traffic!.outBytes).toBeGreaterThanOrEqual(2 << 20);
      // The image is the driver domain's: nobody else may write it meanwhile.
      await expect(ask("deviceAttach", { domid, key: "disk", folder, spec: `${image},raw,xvdd` })).rejects.toThrow(
        "is in use as the disk of another device",
      );
      await expect(
        ask("deviceAttach", { domid, key: "disk", folder, spec: "/dev/xvdz,,xvdd,backend=driver" }),
      ).rejects.toThrow("/dev/xvdz is no disk of the driver domain; it has /dev/xvda");
      expect(await ask("checkInvariants")).toBe(0);
      await ask("deviceDetach", { domid, key: "disk", device: "xvdb" });
      await says(domid, /DISK-GONE/);
      await ask("deviceAttach", { domid, key: "disk", folder, spec: "/dev/xvda,,xvdc,backend=driver" });
      expect((await says(domid, /AGAIN (\w{64})\s/))[1]).toBe(written);
      await ask("destroy", { domid });
      await expect.poll(() => nodes(`/local/domain/${driver}/backend/vbd/${domid}`), { timeout: patience }).toEqual([]);
      await ask("destroy", { domid: driver });
      expect(await ask("checkInvariants")).toBe(0);
    },
    2 * patience,
  );

  it(
    "that dies under load starts again under its domid, and every request of its frontends is answered",
    async () => {
      const image = path.join(folder, "again.img");
      writeFileSync(image, Buffer.alloc(8 << 20));
      const driver = await startDriver("again", [image], 'on_crash = "restart"', 'on_reboot = "restart"');
      const before = notices.length;
      const script = [
        "dd if=/dev/urandom of=/tmp/data bs=4k count=1 2>/dev/null",
        'echo "DATA $(sha256sum /tmp/data | cut -d" " -f1)"',
        // Something is always under way: readers of many requests at once, and a writer that says how many blocks were acknowledged. It writes 2000
        // blocks over and over.
        "for n in 1 2 3 4; do (while dd if=/dev/xvdb of=/dev/null bs=1M iflag=direct 2>/dev/null; do :; done; echo READER-FAILED) & done",
        "i=0; while dd if=/tmp/data of=/dev/xvdb bs=4k count=1 seek=$((i%2000)) conv=notrunc oflag=direct 2>/dev/null; do i=$((i+1)); echo ACK $i; done; echo WRITER-FAILED",
      ];
      const { domid } = await ask("create", {
        config: config("loaded", script, ["xen-blkfront"], {}, ["disk = ['vdev=xvdb,backend=again,target=/dev/xvda']"]),
      });
      const data = (await says(domid, /DATA (\w{64})\s/))[1];
      // The last line may have come in part.
      const acknowledged = async (): Promise<number> =>
        Number([...(await shown(domid)).matchAll(/ACK (\d+)\r?\n/g)].at(-1)?.[1] ?? 0);
      for (const round of [1, 2, 3]) {
        const [since, from] = [made.length, await acknowledged()];
        await expect.poll(acknowledged, { timeout: patience }).toBeGreaterThan(from + 10);
        if (round < 3) await ask("sysrq", { domid: driver, key: "c" });
        else await ask("shutdown", { domid: driver, reason: "reboot" });
        await expect.poll(() => made.slice(since), { timeout: patience }).toEqual(["again"]);
        expect((await ask("list")).find((each) => each.name === "again")!.domid).toBe(driver);
        const then = await acknowledged();
        await expect.poll(acknowledged, { timeout: patience }).toBeGreaterThan(then + 10);
        expect(await ask("checkInvariants")).toBe(0);
      }
      expect(await shown(domid)).not.toMatch(/FAILED|I\/O error/);
      expect(notices.slice(before).map((message) => message.replace(/:.*/, ""))).toEqual(
        Array<string>(2).fill("The thread of again has ended by an error"),
      );
      // What was acknowledged is there, each block at its place.
      await ask("pause", { domid });
      const written = Math.min(await acknowledged(), 2000);
      const bytes = readFileSync(image);
      for (let i = 0; i < written; i++)
        expect(bytes.subarray(i * 4096, (i + 1) * 4096).equals(bytes.subarray(0, 4096)), `block ${i}`).toBe(true);
      expect(sha256(bytes.subarray(0, 4096))).toBe(data);
      await ask("destroy", { domid });
      await ask("destroy", { domid: driver });
      expect(await ask("checkInvariants")).toBe(0);
    },
    4 * patience,
  );

  it(
    "has an interface and the network behind it, which are there again after it has died under load",
    async () => {
      const driver = await startDriver("router", [], 'on_crash = "restart"');
      const script = [
        "busybox ip addr add 10.0.2.99/24 dev eth0; busybox ip link set eth0 up",
        "until busybox ping -c 3 10.0.2.2; do :; done; echo FIRST",
        // Something is always on the way: each of these sends the next packet when it has the answer to the last one.
        "for n in 1 2 3 4; do (while :; do busybox ping -A -q -s 1400 -c 500 -w 5 10.0.2.2 >/dev/null; done) & done",
        "read go",
        "until busybox ping -c 3 10.0.2.2; do :; done; echo SECOND",
        "exec setsid -c sh",
      ];
      const { domid } = await ask("create", {
        config: config("netuser", script, ["xen-netfront"], {}, ["vif = ['backend=router,mac=00:16:3e:00:00:07']"]),
      });
      await says(domid, /3 packets received[^]*FIRST/);
      for (let death = 0; death < 5; death++) {
        // Each backend counts from 0.
        await expect.poll(() => packets(domid), { timeout: patience }).toBeGreaterThan(100);
        const since = made.length;
        await ask("sysrq", { domid: driver, key: "c" });
        await expect.poll(() => made.slice(since), { timeout: patience }).toEqual(["router"]);
      }
      await types(domid, "go");
      await says(domid, /3 packets received[^]*SECOND/);
      await ask("destroy", { domid });
      await ask("destroy", { domid: driver });
      expect(await ask("checkInvariants")).toBe(0);
    },
    3 * patience,
  );
});
