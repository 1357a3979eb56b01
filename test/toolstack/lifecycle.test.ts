import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { XEN_DOMCTL_destroydomain } from "../../core/abi/domctl.ts";
import { EBUSY } from "../../core/abi/errno.ts";
import { HYPERVISOR_domctl } from "../../core/abi/xen.ts";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { assembleDom0 } from "../../core/toolstack/assemble.ts";
import { EventChannels } from "../../core/dom0/kernel/events.ts";
import { GrantMap } from "../../core/dom0/kernel/grants.ts";
import { Hypercalls, SCRATCH_FRAMES } from "../../core/dom0/kernel/hypercalls.ts";
import { FrameAllocator, PhysicalMemory } from "../../core/dom0/kernel/memory.ts";
import { ForeignFrames, ownFrames } from "../../core/dom0/kernel/native.ts";
import { NativeThreads } from "../../core/dom0/native/threads.ts";
import type { LocalXenstore } from "../../core/dom0/xenstore/local.ts";
import type { ToolstackEventName, ToolstackEvents, ToolstackRequests } from "../../core/toolstack/messages.ts";
import type { Service } from "../../core/toolstack/service.ts";
import { FakeHypervisor } from "../dom0/fake-hypervisor.ts";
import { pvElf } from "../dom0/elf-files.ts";

/** Whatever dom0 puts off until it has looked at its events has been done when this resolves. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

let xen: FakeHypervisor;
let events: EventChannels;
let service: Service;
let store: LocalXenstore;
let heard: { event: ToolstackEventName; data: unknown }[];
const kernel = pvElf();

beforeEach(() => {
  xen = new FakeHypervisor(64);
  const memory = new PhysicalMemory(xen.memory);
  const own = ownFrames(xen);
  const frames = new FrameAllocator(own.first, own.count, [own.first, own.first + 1]);
  const hypercalls = new Hypercalls(xen, memory, frames.allocate(SCRATCH_FRAMES) * 4096);
  events = new EventChannels(hypercalls, xen.dom0SharedInfo, (port, error) => {
    throw new Error(`port ${port}: ${String(error)}`);
  });
  void events.run(xen.eventWord);
  heard = [];
  const foreign = new ForeignFrames(hypercalls);
  ({ service, store } = assembleDom0({
    kernel: {
      domid: 0,
      startInfo: 0,
      memory,
      frames,
      hypercalls,
      events,
      grants: new GrantMap(hypercalls),
      foreign,
      now: () => 0,
    },
    kinds: DEVICE_KINDS,
    consoleLogBytes: 4096,
    statistics: null,
    emit: (event, data) => void heard.push({ event, data }),
  }));
});
afterEach(() => events.stop());

const create = async (extra = "", name = "tiny"): Promise<{ domid: number }> =>
  (await service.handle("create", {
    config: `name = "${name}"\nkernel = "tiny.elf"\nmemory = 4\ncmdline = "hello"\n${extra}`,
    files: { "tiny.elf": kernel },
  })) as { domid: number };
const of = (event: ToolstackEventName): unknown[] =>
  heard.filter((item) => item.event === event).map(({ data }) => data);

describe("create", () => {
  it("hands the hypervisor a domain that could run", async () => {
    const { domid } = await create("vcpus = 2\ncpu_weight = 300\ncap = 50\ntsc_mode = 'native'");
    const domain = xen.domains.get(domid)!;
    expect(domain.frames.size).toBe(1024);
    expect([domain.weight, domain.cap, domain.tscMode, domain.flags & 8]).toEqual([300, 50, 2, 0]);
    expect([...xen.mapped.values()].every((count) => count === 0)).toBe(true);
    const context = domain.contexts.get(0)!;
    expect(context.readUInt16LE(656)).toBe(0xe033);
    expect(context.readBigUInt64LE(4984 + 24)).toBe(BigInt(domain.pinned[0]!) << 12n);
    // Reads the guest's memory as the guest sees it, through the page tables that were built.
    const read = (address: bigint, length: number): Buffer => {
      let mfn = domain.pinned[0]!;
      for (const shift of [39n, 30n, 21n, 12n])
        mfn = Number(
          (xen.view.getBigUint64(mfn * 4096 + Number((address >> shift) & 511n) * 8, true) >> 12n) & 0xffffffffn,
        );
      return Buffer.from(xen.bytes(mfn * 4096 + Number(address & 4095n), length));
    };
    expect(read(0xffffffff80100000n, 6).toString()).toBe("kernel");
    const info = context.readBigUInt64LE(624);
    expect(read(info, 14).toString()).toBe("xen-3.0-x86_64");
    expect(read(info + 128n, 6).toString()).toBe("hello\0");
    expect(read(info + 32n, 8).readBigUInt64LE()).toBe(1024n);
    const p2m = read(info + 104n, 8).readBigUInt64LE();
    expect(domain.frames.has(Number(read(p2m + 8n * 77n, 8).readBigUInt64LE()))).toBe(true);
    expect(store.read(`/local/domain/${domid}/name`)).toBe("tiny");
    expect(store.read(`/local/domain/${domid}/cpu/1/availability`)).toBe("online");
    expect(store.permissions(`/local/domain/${domid}/control/shutdown`)).toEqual([`n${domid}`]);
    expect(store.read(`/local/domain/${domid}/console/ring-ref`)).toBe(String(read(info + 72n, 8).readBigUInt64LE()));
  });

  it("leaves nothing behind when it fails", async () => {
    const free = xen.freeFrames;
    await expect(create("memory = 2000")).rejects.toThrow(/wants 2000 MiB.*the host has \d+ MiB free/);
    await expect(create('ramdisk = "nowhere"')).rejects.toThrow(
      /ramdisk .*nowhere can't be read: there is no such file/,
    );
    await expect(create("memory = 1")).rejects.toThrow(/too few/);
    await expect(create('cpus = "7"')).rejects.toThrow(/the host has 2/);
    await expect(service.handle("create", { config: "name='x'" })).rejects.toMatchObject({ code: "EINVAL" });
    await expect(
      service.handle("create", { config: 'name="x"\nkernel="k"', files: { k: Buffer.from("#!/bin/sh\n") } }),
    ).rejects.toThrow(/k: This is a script/);
    expect(xen.domains.size).toBe(1);
    // The fake hypervisor keeps a shared_info frame for each attempt.
    expect(free - xen.freeFrames).toBeLessThanOrEqual(2);
    expect(xen.grantMaps.size).toBe(0);
    expect(store.list("/local/domain")).toEqual(["0"]);
    expect(store.list("/vm")).toEqual([]);
  });

  it("is taken down when it is cancelled on the way", async () => {
    const cancelled = { code: "ECANCELED", message: "tiny was cancelled before it was created." };
    const building = expect(create()).rejects.toMatchObject(cancelled);
    await service.handle("createCancel", { name: "tiny" });
    await building;
    expect(xen.domains.size).toBe(1);
    expect(store.list("/local/domain")).toEqual(["0"]);
    expect(heard.some(({ event }) => event === "created")).toBe(false);
    await expect(service.handle("createCancel", { name: "tiny" })).rejects.toMatchObject({ code: "ESRCH" });
    await create();
  });

  it("has its name to itself while it is built: no other domain is created or renamed to it", async () => {
    const { domid } = await create("", "other");
    const building = create("", "late");
    const taken = { code: "EEXIST", message: "A domain named late exists already; names are unique on a host." };
    await expect(service.handle("rename", { domid, name: "late" })).rejects.toMatchObject(taken);
    await expect(create("", "late")).rejects.toMatchObject(taken);
    await building;
    await service.handle("rename", { domid, name: "other" });
    const names = ((await service.handle("list", {})) as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(["Domain-0", "other", "late"]);
  });

  it("waits for a dozen devices at once without a warning, and is taken down when it is cancelled meanwhile", async () => {
    const warned: Error[] = [];
    const hear = (warning: Error): void => void warned.push(warning);
    process.on("warning", hear);
    const vifs = (spec: string): string => `vif = [${Array(12).fill(`'${spec}'`).join(", ")}]`;
    const { domid } = await create(vifs(""));
    expect(store.list(`/local/domain/${domid}/device/vif`)).toHaveLength(12);
    // A domain without a backend: a domain whose devices are to be there waits.
    const waiting = expect(create(vifs("backend=tiny"), "late")).rejects.toMatchObject({ code: "ECANCELED" });
    while (store.read(`/local/domain/${domid}/backend/vif/${domid + 1}/11/state`) === null) await turn();
    await service.handle("createCancel", { name: "late" });
    await waiting;
    expect(store.list("/local/domain")).toEqual(["0", String(domid)]);
    await turn();
    process.off("warning", hear);
    expect(warned).toEqual([]);
  });

  it("tells the user when a domain that had to lose its thread first can't be destroyed then", async () => {
    const { domid } = await create();
    const ending = vi.spyOn(NativeThreads.prototype, "end").mockResolvedValue();
    const call = xen.native_hypercall.bind(xen);
    const refusing = vi.spyOn(xen, "native_hypercall").mockImplementation((nr, ...args) => {
      const isDestroy =
        nr === HYPERVISOR_domctl && xen.view.getUint32(Number(args[0]), true) === XEN_DOMCTL_destroydomain;
      return isDestroy ? -BigInt(EBUSY) : call(nr, ...args);
    });
    try {
      await service.handle("destroy", { domid });
      await expect.poll(() => of("notice")).toHaveLength(1);
    } finally {
      ending.mockRestore();
      refusing.mockRestore();
    }
    expect(of("notice")).toEqual([
      {
        severity: "error",
        domid,
        message: `Domain ${domid} could not be destroyed: The hypervisor refused: domctl destroydomain of domain ${domid}: EBUSY.`,
      },
    ]);
  });

  it("keeps names unique, also while building", async () => {
    const both = await Promise.allSettled([create(), create()]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(create()).rejects.toThrow(/named tiny exists already/);
  });
});

describe("what follows a stop", () => {
  it.each([
    [0, "", "destroy"],
    [3, "", "destroy"],
    [1, "on_reboot = 'destroy'", "destroy"],
    [3, "on_crash = 'preserve'", "preserve"],
  ])("reason %i with %j", async (reason, extra, action) => {
    const { domid } = await create(extra);
    xen.stop(domid, reason);
    await expect.poll(() => of("stopped")).toMatchObject([{ domid, action }]);
    // A domain that crashed is held until what it was doing has been read.
    await expect.poll(() => xen.domains.has(domid)).toBe(action === "preserve");
    if (action === "destroy") {
      expect(xen.grantMaps.size).toBe(0);
      expect(store.read(`/local/domain/${domid}/name`)).toBe(null);
      expect(of("destroyed")).toMatchObject([{ domid }]);
    }
  });

  it("keeps one that crashed beside its successor, which takes over name and UUID", async () => {
    const { domid } = await create("on_crash = 'rename-restart'");
    const { uuid } = of("created")[0] as { uuid: string };
    xen.stop(domid, 3);
    await expect.poll(() => of("created").length, { timeout: 10_000 }).toBe(2);
    expect(of("created")[1]).toMatchObject({ name: "tiny", uuid });
    const old = xen.domains.get(domid)!;
    const other = store.read(`/local/domain/${domid}/vm`)!.replace("/vm/", "");
    expect(other).not.toBe(uuid);
    expect(old.handle.toString("hex")).toBe(other.replaceAll("-", ""));
    expect(store.read(`/vm/${other}/name`)).toBe("tiny-1");
    expect(store.read(`/vm/${other}/image/kernel`)).toBe("tiny.elf");
    expect(store.read(`/vm/${uuid}/name`)).toBe("tiny");
    await service.handle("destroy", { domid });
    expect(store.read(`/vm/${other}/uuid`)).toBeNull();
    expect(store.read(`/vm/${uuid}/uuid`)).toBe(uuid);
  });

  it("restarts on reboot, with a pause against loops", async () => {
    const began = performance.now();
    const { domid } = await create();
    xen.stop(domid, 1);
    await expect.poll(() => of("destroyed").length).toBe(1);
    await expect.poll(() => of("created").length, { timeout: 10_000 }).toBe(2);
    // This comes no sooner than a second after the first one.
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(of("stopped")).toMatchObject([{ reason: "reboot", action: "restart" }]);
  });

  it("keeps the console's log after the domain", async () => {
    const { domid } = await create();
    const port = Number(store.read(`/local/domain/${domid}/console/port`));
    const page = Number(store.read(`/local/domain/${domid}/console/ring-ref`)) * 4096;
    await service.handle("consoleAttach", { domid });
    const say = (text: string): void => {
      const producer = xen.view.getUint32(page + 3084, true);
      Buffer.from(text).forEach((byte, i) => xen.view.setUint8(page + 1024 + ((producer + i) % 2048), byte));
      xen.view.setUint32(page + 3084, producer + text.length, true);
    };
    for (let i = 0; i < 5; i++) {
      say(`${i}`.repeat(1000));
      xen.guestNotify(domid, port);
      await expect.poll(() => xen.view.getUint32(page + 3080, true)).toBe(1000 * (i + 1));
    }
    say("last words");
    xen.stop(domid, 3);
    await expect.poll(() => xen.domains.has(domid)).toBe(false);
    const log = (await service.handle("consoleAttach", { domid })) as { log: Uint8Array; start: number; end: number };
    expect(log.end).toBe(5010);
    expect(log.log.length).toBe(4096);
    expect(Buffer.from(log.log).toString().endsWith("4444last words")).toBe(true);
    expect(of("console").map((data) => (data as { bytes: Uint8Array }).bytes.length)).toEqual([
      1000, 1000, 1000, 1000, 1000, 10,
    ]);
    await expect(service.handle("consoleInput", { domid, bytes: Buffer.from("x") })).rejects.toThrow(/gone/);
  });

  it("sends a console's output for as long as one of those who attached is there", async () => {
    const { domid } = await create();
    const port = Number(store.read(`/local/domain/${domid}/console/port`));
    const page = Number(store.read(`/local/domain/${domid}/console/ring-ref`)) * 4096;
    let said = 0;
    /** Lets the guest write one byte, and returns how many were sent in all. */
    const say = async (): Promise<number> => {
      xen.view.setUint8(page + 1024 + said, 0x61);
      xen.view.setUint32(page + 3084, ++said, true);
      xen.guestNotify(domid, port);
      await expect.poll(() => xen.view.getUint32(page + 3080, true)).toBe(said);
      return of("console").length;
    };
    expect(await say()).toBe(0);
    await service.handle("consoleAttach", { domid });
    await service.handle("consoleAttach", { domid });
    expect(await say()).toBe(1);
    await service.handle("consoleDetach", { domid });
    expect(await say()).toBe(2);
    await service.handle("consoleDetach", { domid });
    expect(await say()).toBe(2);
    // Nobody is attached any more: one who leaves again takes nothing from the next.
    await service.handle("consoleDetach", { domid });
    await service.handle("consoleAttach", { domid });
    expect(await say()).toBe(3);
  });

  it("paces input by the room in the ring", async () => {
    const { domid } = await create();
    const port = Number(store.read(`/local/domain/${domid}/console/port`));
    const page = Number(store.read(`/local/domain/${domid}/console/ring-ref`)) * 4096;
    await service.handle("consoleInput", { domid, bytes: Buffer.alloc(3000, 0x61) });
    let taken = 0;
    for (let i = 0; i < 10; i++) {
      const producer = xen.view.getUint32(page + 3076, true);
      expect(producer - taken).toBeLessThanOrEqual(1024);
      taken = producer;
      xen.view.setUint32(page + 3072, taken, true);
      if (taken === 3000) break;
      xen.guestNotify(domid, port);
      await expect.poll(() => xen.view.getUint32(page + 3076, true)).toBeGreaterThan(taken);
    }
    expect(taken).toBe(3000);
    // The indices make no sense. Nothing must be written, and nothing must break.
    xen.view.setUint32(page + 3072, 0x80000000, true);
    xen.view.setUint32(page + 3084, 0x70000000, true);
    xen.guestNotify(domid, port);
    await service.handle("consoleInput", { domid, bytes: Buffer.from("x") });
    await turn();
    expect(xen.view.getUint32(page + 3076, true)).toBe(3000);
  });
});

describe("what a domain is to be made of again", () => {
  const definition = async (domid: number): Promise<string> =>
    ((await service.handle("definition", { domid })) as { config: string }).config;

  it("has the name and the devices that it has by now, and the files that were given with it", async () => {
    const { domid } = await create("# mine\nvif = ['bridge=xenbr0']");
    await service.handle("rename", { domid, name: 'a "b"' });
    expect(await definition(domid)).toMatch(/^name = "a \\"b\\""\nkernel = "tiny.elf"\n[^]*# mine\n/);
    const attach = (key: string, spec: string): Promise<unknown> =>
      service.handle("deviceAttach", { domid, key, spec, folder: "/images" });
    await attach("vif", "bridge=xenbr0");
    const [first, second] = (
      (await service.handle("list", {})) as { config: { devices: { front: { mac: string } }[] } }[]
    )
      .at(-1)!
      .config.devices.map(({ front }) => front.mac);
    expect(await definition(domid)).toContain(`vif = ['bridge=xenbr0', "bridge=xenbr0,mac=${second},devid=1"]`);
    // The second device is still the second one.
    await service.handle("deviceDetach", { domid, key: "vif", device: "0", force: true });
    expect(await definition(domid)).toContain(`vif = ["bridge=xenbr0,mac=${second},devid=1"]`);
    expect(first).not.toBe(second);
    await service.handle("deviceDetach", { domid, key: "vif", device: "1", force: true });
    expect(await definition(domid)).not.toContain("vif");
    expect(await service.handle("definitionFiles", { domid })).toEqual({ "tiny.elf": kernel });
    const other = `name = "else"\nkernel = "tiny.elf"\nmemory = 4\n`;
    await service.handle("updateConfig", { domid, config: other, files: { more: new Uint8Array(1) } });
    expect(await definition(domid)).toBe(other.replace('"else"', '"a \\"b\\""'));
    expect(Object.keys((await service.handle("definitionFiles", { domid })) as object)).toEqual(["tiny.elf", "more"]);
    await expect(definition(4711)).rejects.toMatchObject({ code: "ESRCH" });
  });

  it("is known by the UUID that who creates it says", async () => {
    const uuid = "11111111-2222-3333-4444-555555555555";
    const made = await service.handle("create", {
      config: 'name = "tiny"\nkernel = "tiny.elf"\nmemory = 4\n',
      files: { "tiny.elf": kernel },
      uuid,
    });
    expect(made).toMatchObject({ uuid });
  });
});

describe("requests", () => {
  it("pauses, unpauses, renames, asks to shut down, destroys; lists it all", async () => {
    const { domid } = await create();
    await service.handle("pause", { domid });
    expect(await service.handle("list", {})).toMatchObject([
      { domid: 0, name: "Domain-0", type: "native" },
      { domid, name: "tiny", stateString: "--p---", memoryMiB: 4 },
    ]);
    await service.handle("unpause", { domid });
    await expect(service.handle("unpause", { domid })).rejects.toMatchObject({
      code: "EINVAL",
      message: "tiny is not paused.",
    });
    await service.handle("rename", { domid, name: "small" });
    await expect(service.handle("rename", { domid, name: "a\nb" })).rejects.toThrow(/can't be a name/);
    expect(await service.handle("resolve", { domain: "small" })).toBe(domid);
    await service.handle("shutdown", { domid, reason: "poweroff" });
    expect(store.read(`/local/domain/${domid}/control/shutdown`)).toBe("poweroff");
    await service.handle("destroy", { domid });
    expect(await service.handle("list", {})).toMatchObject([{ domid: 0 }]);
    await expect(service.handle("destroy", { domid })).rejects.toMatchObject({ code: "ESRCH" });
    await expect(service.handle("destroy", { domid: 0 })).rejects.toMatchObject({ code: "EPERM" });
    await expect(service.handle("nonsense" as never, {})).rejects.toMatchObject({ code: "ENOSYS" });
  });

  it("watches xenstore for the application", async () => {
    await service.handle("xenstoreWatch", { path: "/local/domain", token: "t" });
    const told = (token: string): ToolstackEvents["xenstore"][] =>
      (of("xenstore") as ToolstackEvents["xenstore"][]).filter((event) => event.token === token);
    // The watch first reports that it was set.
    await expect.poll(() => told("t")).toHaveLength(1);
    heard.length = 0;
    const { domid } = await create();
    await expect.poll(() => told("t")).toHaveLength(1);
    const events = told("t");
    // Dozens of nodes that change together are one event.
    expect(events[0]).toMatchObject({ token: "t", more: false });
    expect(events[0]!.paths).toContain(`/local/domain/${domid}/name`);
    await service.handle("xenstoreUnwatch", { token: "t" });
    await service.handle("xenstoreWatch", { path: `/local/domain/${domid}/data`, token: "other" });
    await service.handle("xenstoreWrite", { path: `/local/domain/${domid}/data/x`, value: "1" });
    await expect.poll(() => told("other").flatMap(({ paths }) => paths)).toContain(`/local/domain/${domid}/data/x`);
    expect(told("t")).toHaveLength(1);
    expect(await service.handle("xenstoreRead", { path: `/local/domain/${domid}/name` })).toMatchObject({
      value: "tiny",
      permissions: ["n0", `r${domid}`],
    });
    await expect(service.handle("xenstoreRead", { path: "/none" })).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("reads, searches and edits xenstore for the application, and says whose nodes they are", async () => {
    const { domid } = await create();
    const data = `/local/domain/${domid}/data`;
    await service.handle("xenstoreWrite", { path: `${data}/colour`, value: "Turquoise" });
    await service.handle("xenstoreMkdir", { path: `${data}/empty` });
    await service.handle("xenstoreSetPermissions", { path: `${data}/empty`, permissions: ["n0", `b${domid}`] });
    expect(await service.handle("xenstoreNodes", { paths: [data, "/none", `${data}/empty`] })).toMatchObject({
      nodes: [{ children: ["colour", "empty"] }, null, { permissions: ["n0", `b${domid}`], children: [] }],
    });
    expect(await service.handle("xenstoreSearch", { text: "turQ", below: "/" })).toEqual({
      matches: [{ path: `${data}/colour`, value: "Turquoise", permissions: [`n${domid}`] }],
      more: false,
    });
    const accounts = (await service.handle("xenstoreAccounts", {})) as ToolstackRequests["xenstoreAccounts"]["result"];
    expect(accounts.quota.nodes).toBe(1000);
    expect(accounts.domains.map((each) => each.domid)).toEqual([0, domid]);
    expect(accounts.domains.reduce((sum, { nodes }) => sum + nodes, 0)).toBe(accounts.nodes);
    expect(accounts.domains[0]!.committed).toBeGreaterThan(0);
    await service.handle("xenstoreRemove", { path: data });
    await expect(service.handle("xenstoreRead", { path: `${data}/colour` })).rejects.toMatchObject({ code: "ENOENT" });
    for (const [request, args] of [
      ["xenstoreWrite", { path: "/a//b", value: "" }],
      ["xenstoreRemove", { path: "/" }],
      ["xenstoreWrite", { path: "/a", value: "x".repeat(4096) }],
      ["xenstoreSetPermissions", { path: "/nowhere", permissions: ["n0"] }],
    ] as const)
      await expect(service.handle(request, args)).rejects.toThrow(/^\S.* .*\.$/);
  });
});
