/** Disks and networks whose backends are in a native driver domain: a domain that is a thread of the application's, as dom0 is (type="native"). */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { config } from "./driver.ts";
import { driverHost, sha256 } from "./driver-host.ts";
import { guestsMissing } from "./images.ts";

const missing = guestsMissing();
const patience = 90_000;
const drivers = driverHost("native-driver", patience);
const { ask, folder, made, nodes, notices, says, shown, types } = drivers;
const startDriver = drivers.nativeDriver;

/** Returns how many packets the domain's interface has got from its present backend. */
async function packets(domid: number): Promise<number> {
  const { devices } = await ask("wiring", { domid });
  return devices.find(({ kind }) => kind === "vif")?.traffic?.inCount ?? 0;
}

/** How many files for what is written to disposable disks this process has open. They have no names. */
function scratchFiles(): number {
  const target = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // That was the folder itself.
      return "";
    }
  };
  return readdirSync("/proc/self/fd").filter((fd) => target(fd).includes(".scratch")).length;
}

/** Returns the frames of a capture in pcap's format with nanoseconds. */
function framesOf(file: string): Buffer[] {
  const bytes = readFileSync(file);
  expect(bytes.readUInt32LE(0)).toBe(0xa1b23c4d);
  const frames: Buffer[] = [];
  for (let at = 24; at + 16 <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    frames.push(bytes.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}

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

  it(
    "keeps what is written to a disposable disk while the disk is there, however it ends, and leaves the image as it is",
    async () => {
      const bytes = Buffer.from(Array.from({ length: 8 << 20 }, (_, i) => (i * i) >> 7));
      const image = drivers.image("kept.img", bytes);
      const endings = ['on_crash = "restart"', 'on_reboot = "restart"'];
      const driver = await startDriver("thrower", [image], ...endings);
      const told = 'echo "HAS-$1 $(dd if=/dev/$2 bs=1M iflag=direct 2>/dev/null | sha256sum | cut -d" " -f1)"';
      const script = [
        `tell() { ${told}; }`,
        // It begins and ends within a page and within a block of the scratch file.
        "dd if=/dev/zero of=/dev/xvdb bs=1536 seek=7 count=1001 conv=notrunc,fsync 2>/dev/null",
        "tell first xvdb; read go; tell second xvdb; read go; tell third xvdb",
        "while test -e /dev/xvdb; do usleep 20000; done; echo DISK-GONE",
        "until dd if=/dev/xvdc of=/dev/null bs=512 count=1 2>/dev/null; do usleep 20000; done; tell new xvdc",
        "exec setsid -c sh",
      ];
      const disk = "vdev=xvdb,backend=thrower,disposable,target=/dev/xvda";
      const { domid } = await ask("create", {
        config: config("careless", script, ["xen-blkfront"], {}, [`disk = ['${disk}']`]),
      });
      const expected = Buffer.from(bytes);
      expected.fill(0, 7 * 1536, 1008 * 1536);
      expect((await says(domid, /HAS-first (\w{64})\s/))[1]).toBe(sha256(expected));
      expect(scratchFiles()).toBe(1);
      for (const [word, end] of [
        ["second", () => ask("sysrq", { domid: driver, key: "c" })],
        ["third", () => ask("shutdown", { domid: driver, reason: "reboot" })],
      ] as const) {
        const since = made.length;
        await end();
        await expect.poll(() => made.slice(since), { timeout: patience }).toEqual(["thrower"]);
        await types(domid, "go");
        expect((await says(domid, new RegExp(`HAS-${word} (\\w{64})\\s`)))[1]).toBe(sha256(expected));
      }
      expect(sha256(readFileSync(image))).toBe(sha256(bytes));
      expect(scratchFiles()).toBe(1);
      await ask("deviceDetach", { domid, key: "disk", device: "xvdb" });
      await says(domid, /DISK-GONE/);
      await expect.poll(scratchFiles, { timeout: patience }).toBe(0);
      await ask("deviceAttach", { domid, key: "disk", folder, spec: disk.replace("xvdb", "xvdc") });
      expect((await says(domid, /HAS-new (\w{64})\s/))[1]).toBe(sha256(bytes));
      // The disk is detached while its driver domain is down: what was written to it goes at once, and the next one has nothing of it.
      expect(scratchFiles()).toBe(1);
      const since = made.length;
      await ask("sysrq", { domid: driver, key: "c" });
      const isThere = async () => (await ask("list")).some(({ domid: each }) => each === driver);
      await expect.poll(isThere, { timeout: patience, interval: 10 }).toBe(false);
      expect(made.length).toBe(since);
      await ask("deviceDetach", { domid, key: "disk", device: "xvdc" });
      await expect.poll(scratchFiles, { timeout: patience }).toBe(0);
      await expect.poll(() => made.slice(since), { timeout: patience }).toEqual(["thrower"]);
      await ask("deviceAttach", { domid, key: "disk", folder, spec: disk.replace("xvdb", "xvdd") });
      // It dies for good while the disk is attached.
      await expect.poll(scratchFiles, { timeout: patience }).toBe(1);
      await ask("destroy", { domid: driver });
      await expect.poll(scratchFiles, { timeout: patience }).toBe(0);
      await ask("destroy", { domid });
      expect(sha256(readFileSync(image))).toBe(sha256(bytes));
      expect(await ask("checkInvariants")).toBe(0);
    },
    3 * patience,
  );

  it(
    "shows its network, and has its traffic captured",
    async () => {
      const driver = await startDriver("switch", [], 'on_crash = "restart"');
      const script = [
        "busybox ip addr add 10.0.2.98/24 dev eth0; busybox ip link set eth0 up",
        "(while :; do busybox ping -A -q -c 100 -w 5 10.0.2.2 >/dev/null; done) &",
        "exec setsid -c sh",
      ];
      const { domid } = await ask("create", {
        config: config("talker", script, ["xen-netfront"], {}, ["vif = ['backend=switch,mac=00:16:3e:00:00:17']"]),
      });
      const network = async () => (await ask("networkList")).find(({ backend }) => backend === driver);
      const vif = `vif${domid}.0`;
      const members = async () => (await network())?.ports.map(({ name, addresses }) => [name, addresses]);
      await expect.poll(members, { timeout: patience }).toContainEqual([vif, ["00:16:3e:00:00:17"]]);
      const [file, other] = [path.join(folder, "switch.pcap"), path.join(folder, "other.pcap")];
      const wanted = { backend: driver, network: "xenbr0", port: vif, file };
      await ask("networkCapture", wanted);
      for (const [what, why] of [
        [wanted, "there is a file of that name"],
        [{ ...wanted, file: other, network: "lab0" }, "There is no bridge lab0; there are xenbr0."],
        [{ ...wanted, file: other, backend: domid }, `Domain ${domid} is no native driver domain.`],
        [{ ...wanted, file: "here.pcap" }, "it must be a whole path"],
      ] as const)
        await expect(ask("networkCapture", what)).rejects.toThrow(why);
      const captured = async (): Promise<number> => (await network())?.captures[0]?.frames ?? -1;
      await expect.poll(captured, { timeout: patience }).toBeGreaterThan(20);
      // The host's own bridge of the same name is another one.
      expect((await ask("networkList")).find(({ backend }) => backend === 0)).toMatchObject({ captures: [] });
      await ask("networkCaptureEnd", { file });
      expect((await network())!.captures).toEqual([]);
      await expect(ask("networkCaptureEnd", { file })).rejects.toThrow("There is no capture");
      const frames = framesOf(file);
      expect(frames.length).toBeGreaterThan(20);
      // ICMP over IPv4, from or to the guest.
      const own = Buffer.from("00163e000017", "hex");
      const pings = frames.filter((frame) => frame.readUInt16BE(12) === 0x800 && frame[23] === 1);
      expect(pings.length).toBeGreaterThan(10);
      for (const frame of pings) expect([0, 6].some((at) => frame.subarray(at, at + 6).equals(own))).toBe(true);
      // One that is asked of a paused domain is refused, and does not begin later: its name is free for the next one.
      const paused = path.join(folder, "paused.pcap");
      await ask("pause", { domid: driver });
      await expect(ask("networkCapture", { ...wanted, file: paused })).rejects.toThrow("it may be paused");
      await ask("unpause", { domid: driver });
      await ask("networkCapture", { ...wanted, file: paused });
      expect((await network())!.captures.map((each) => each.file)).toEqual([paused]);
      await ask("networkCaptureEnd", { file: paused });
      // A capture ends with the thread; what it has is a whole file.
      const last = path.join(folder, "last.pcap");
      await ask("networkCapture", { ...wanted, port: null, file: last });
      await expect.poll(captured, { timeout: patience }).toBeGreaterThan(20);
      const since = made.length;
      await ask("sysrq", { domid: driver, key: "c" });
      await expect.poll(() => made.slice(since), { timeout: patience }).toEqual(["switch"]);
      await expect.poll(async () => (await network())?.captures, { timeout: patience }).toEqual([]);
      expect(framesOf(last).length).toBeGreaterThan(10);
      await ask("destroy", { domid });
      await ask("destroy", { domid: driver });
      expect(await ask("checkInvariants")).toBe(0);
    },
    2 * patience,
  );
});
