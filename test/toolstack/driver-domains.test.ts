/** Driver domains that are slow, lie, die in the middle, are renamed, or depend on each other: the part of the toolstack, on the fake hypervisor. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEVICE_KINDS } from "../../core/dom0/backends/kinds.ts";
import { HandFrontend } from "../dom0/xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../dom0/xenbus/host.ts";
import { Returning } from "../../core/toolstack/returning.ts";
import type { DomainWiring } from "../../core/toolstack/wiring-report.ts";
import { pvElf } from "../dom0/elf-files.ts";

const kernel = pvElf();
let host: FakeHost;

beforeEach(() => {
  host = fakeHost(DEVICE_KINDS);
});
afterEach(() => {
  vi.restoreAllMocks();
  host.events.stop();
});

const ask = (request: string, args: object): Promise<unknown> => host.service.handle(request as never, args as never);
const configOf = (name: string, lines: string[]): string =>
  [`name = "${name}"`, `kernel = "tiny.elf"`, `memory = 4`, ...lines].join("\n");
async function create(name: string, ...lines: string[]): Promise<number> {
  const made = await ask("create", { config: configOf(name, lines), files: { "tiny.elf": kernel } });
  return (made as { domid: number }).domid;
}
const DISK = "51728";
const backendOf = (driver: number, front: number, kind = "vbd", id = DISK): string =>
  `/local/domain/${driver}/backend/${kind}/${front}/${id}`;
const stateOf = (path: string): string | null => host.store.read(`${path}/state`);
/** Plays the driver domain: says that its backend is ready as soon as the directory exists. */
async function isReady(path: string): Promise<void> {
  await expect.poll(() => stateOf(path), { timeout: 5000 }).toBe("1");
  host.store.write(`${path}/state`, 2);
}
async function createServed(name: string, driver: number, driverName: string, ...lines: string[]): Promise<number> {
  const front = driver + 1;
  const made = create(name, `disk = ['vdev=xvdb,backend=${driverName},target=/dev/xvda']`, ...lines);
  await isReady(backendOf(driver, front));
  expect(await made).toBe(front);
  return front;
}
const attach = (domid: number, spec: string, key = "disk"): Promise<unknown> =>
  ask("deviceAttach", { domid, key, spec, folder: "/" });
const detach = (domid: number, device: string, force = false, key = "disk"): Promise<unknown> =>
  ask("deviceDetach", { domid, key, device, force });
const notices = (): string[] =>
  host.heard.filter(({ event }) => event === "notice").map(({ data }) => (data as { message: string }).message);
const created = (name: string): number[] =>
  host.heard
    .filter(({ event, data }) => event === "created" && (data as { name: string }).name === name)
    .map(({ data }) => (data as { domid: number }).domid);

describe("a device of a driver domain's", () => {
  it("whose domain has gone is detached at once, and nothing comes to be where its directory was", async () => {
    const driver = await create("driver");
    const front = await createServed("front", driver, "driver");
    await ask("destroy", { domid: driver });
    const began = performance.now();
    await detach(front, "xvdb");
    expect(performance.now() - began).toBeLessThan(5000);
    expect(host.store.list("/local/domain")).toEqual(["0", String(front)]);
    expect(await ask("deviceList", { domid: front, kind: "vbd" })).toEqual([]);
  });

  it("is closed before it is taken away by force", async () => {
    const driver = await create("driver");
    const front = await createServed("front", driver, "driver");
    const back = backendOf(driver, front);
    const gone = detach(front, "xvdb", true);
    await expect.poll(() => [stateOf(back), host.store.read(`${back}/online`)]).toEqual(["5", "0"]);
    host.store.remove(back);
    await gone;
  });

  it("is attached, detached and attached faster than its backend follows, each in its turn", async () => {
    const driver = await create("driver");
    const front = await create("front");
    const back = backendOf(driver, front);
    const spec = "vdev=xvdb,backend=driver,target=/dev/xvda";
    const first = attach(front, spec);
    const taken = detach(front, "xvdb");
    const second = attach(front, spec);
    await isReady(back);
    await first;
    await expect.poll(() => stateOf(back)).toBe("5");
    host.store.write(`${back}/state`, 6);
    host.store.remove(back);
    await taken;
    await isReady(back);
    await second;
    expect(await ask("deviceList", { domid: front, kind: "vbd" })).toHaveLength(1);
    const { config } = (await ask("definition", { domid: front })) as { config: string };
    expect(config.match(/backend=driver/g)).toHaveLength(1);
  });

  it("leaves nothing in the domain that had its backend when its own domain goes, or it is detached", async () => {
    const driver = await create("driver");
    const left = (): string[] =>
      ["backend/vbd", "error/backend/vbd"].flatMap((at) => host.store.list(`/local/domain/${driver}/${at}`));
    const front = await createServed("front", driver, "driver");
    const back = backendOf(driver, front);
    const writeError = (): void => host.store.write(`${back.replace("/backend/", "/error/backend/")}/error`, "spoiled");
    writeError();
    expect(left()).toEqual([String(front), String(front)]);
    await ask("destroy", { domid: front });
    // This is what `xl devd` does. It leaves the directories above it.
    host.store.remove(back);
    await expect.poll(left).toEqual([]);
    const other = await create("other");
    const spec = "vdev=xvdb,backend=driver,target=/dev/xvda";
    const attached = attach(other, spec);
    await isReady(backendOf(driver, other));
    await attached;
    host.store.write(`/local/domain/${driver}/error/backend/vbd/${other}/${DISK}/error`, "spoiled");
    const gone = detach(other, "xvdb");
    await expect.poll(() => stateOf(backendOf(driver, other))).toBe("5");
    host.store.remove(backendOf(driver, other));
    await gone;
    expect(left()).toEqual([]);
  });

  it("that says why it failed says so in one line of text", async () => {
    const driver = await create("driver");
    const front = await create("front");
    const back = backendOf(driver, front);
    host.store.write(
      `/local/domain/${driver}/error/backend/vbd/${front}/${DISK}/error`,
      `\x1b]0;owned\x07\r\n\x9b2J${"x".repeat(1500)}`,
    );
    const failed = attach(front, "vdev=xvdb,backend=driver,target=/dev/xvda").catch((error: Error) => error.message);
    await expect.poll(() => stateOf(back)).toBe("1");
    host.store.write(`${back}/state`, 5);
    const message = (await failed) as string;
    expect(message).toContain("owned");
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(message.length).toBeLessThan(400);
  });
});

describe("the devices of a driver domain that starts again", () => {
  it("go on from one native domain to the next whatever is on the way, and else only if nothing is", async () => {
    const driver = await create("driver");
    const made = createServed("front", driver, "driver", "vif = ['backend=driver,mac=00:16:3e:00:00:01']");
    await isReady(backendOf(driver, driver + 1, "vif", "0"));
    const front = await made;
    const goOn = (isNative: boolean): Record<string, boolean> =>
      Object.fromEntries(
        host.driverDomains.served(driver, isNative).map(({ address, canGoOn }) => [address.kind, canGoOn]),
      );
    const frontend = (kind: string, id: string): HandFrontend =>
      new HandFrontend(host.xen, host.hypercalls, host.store, front, `${kind}/${id}`, {
        first: kind === "vbd" ? 0 : 1,
      });
    expect(goOn(false)).toEqual({ vbd: true, vif: true });
    const disk = frontend("vbd", DISK);
    disk.connect({ "ring-ref": disk.refs[0]! });
    const net = frontend("vif", "0");
    net.connect({ "tx-ring-ref": net.refs[0]! });
    for (const each of [disk, net]) {
      each.put(1, 2);
      each.push();
    }
    expect(goOn(false)).toEqual({ vbd: false, vif: false });
    expect(goOn(true)).toEqual({ vbd: true, vif: true });
  });

  it("are left or replaced, each with the reason, if one that isn't native has something on the way", async () => {
    const driver = await create("driver", 'on_crash = "restart"');
    const made = createServed("front", driver, "driver", "vif = ['backend=driver,mac=00:16:3e:00:00:01']");
    await isReady(backendOf(driver, driver + 1, "vif", "0"));
    const front = await made;
    const frontends = [
      ["vbd", DISK],
      ["vif", "0"],
    ] as const;
    for (const [kind, id] of frontends) {
      const first = kind === "vbd" ? 0 : 1;
      const each = new HandFrontend(host.xen, host.hypercalls, host.store, front, `${kind}/${id}`, { first });
      each.connect({ [kind === "vbd" ? "ring-ref" : "tx-ring-ref"]: each.refs[0]! });
      each.put(1, 2);
      each.push();
    }
    // The guest's driver watches its backend until it has seen that its device is gone, and no other device comes before.
    const vif = backendOf(driver, front, "vif", "0");
    const frontend = `/local/domain/${front}/device/vif/0`;
    let isWatched = true;
    const unwatched = vi.spyOn(host.store, "unwatched").mockImplementation(async (_, matches) => {
      if (matches(`${vif}/state`)) await vi.waitUntil(() => !isWatched, { timeout: 8000 });
      return true;
    });
    host.xen.stop(driver, 3);
    await expect.poll(() => created("driver"), { timeout: 5000 }).toEqual([driver, driver]);
    await expect.poll(() => unwatched.mock.calls.length, { timeout: 5000 }).toBeGreaterThan(0);
    expect([host.store.read(frontend), stateOf(vif)]).toEqual([null, null]);
    isWatched = false;
    await expect.poll(() => stateOf(vif), { timeout: 5000 }).toBe("1");
    expect(stateOf(frontend)).toBe("1");
    expect(host.store.read(`${frontend}/mac`)).toBe("00:16:3e:00:00:01");
    expect(host.store.read(`${frontend}/tx-ring-ref`)).toBeNull();
    await expect.poll(notices).toHaveLength(2);
    expect(notices().find((message) => message.includes("Block device"))).toMatch(
      /stays without its backend\. .*destroy/,
    );
    expect(notices().find((message) => message.includes("interface"))).toMatch(/attached again/);
    // The disk stays as it was, and who looks at it is told why.
    const [disk] = (await ask("deviceList", { domid: front, kind: "vbd" })) as { problem: string | null }[];
    expect(disk).toMatchObject({
      frontendState: 3,
      backendState: 0,
      problem: expect.stringMatching(/on their way.*destroy/),
    });
    const { devices } = (await ask("wiring", { domid: front })) as DomainWiring;
    expect(devices.find(({ kind }) => kind === "vbd")!.problem).toBe(disk!.problem);
    expect(devices.find(({ kind }) => kind === "vif")!.problem).toBeNull();
  });

  it("say that their backend has gone with its domain", async () => {
    const driver = await create("driver");
    const front = await createServed("front", driver, "driver");
    const problem = async (): Promise<string | null> =>
      ((await ask("deviceList", { domid: front, kind: "vbd" })) as { problem: string | null }[])[0]!.problem;
    expect(await problem()).toBeNull();
    // What an earlier connection failed by is over when the next one works.
    const back = backendOf(driver, front);
    host.store.write(`${back.replace("/backend/", "/error/backend/")}/error`, "spoiled");
    for (const [state, said] of [
      [5, "spoiled"],
      [4, null],
    ] as const) {
      host.store.write(`${back}/state`, state);
      expect(await problem()).toBe(said);
    }
    await ask("destroy", { domid: driver });
    expect(await problem()).toMatch(/^Domain \d+, which had its backend, has gone/);
  });

  it("are not written for a domain that goes again meanwhile", async () => {
    const driver = await create("driver", 'on_crash = "restart"');
    const front = await create("front", "vif = []");
    const attached = attach(front, "backend=driver,mac=00:16:3e:00:00:01", "vif");
    await isReady(backendOf(driver, front, "vif", "0"));
    await attached;
    const busy = (): void => {
      const net = new HandFrontend(host.xen, host.hypercalls, host.store, front, "vif/0", { first: 1 });
      net.connect({ "tx-ring-ref": net.refs[0]! });
      net.put(1, 2);
      net.push();
    };
    busy();
    let letGo: (isGone: boolean) => void = () => {};
    vi.spyOn(host.store, "unwatched").mockImplementation(() => new Promise((resolve) => (letGo = resolve)));
    host.xen.stop(driver, 3);
    await expect.poll(() => created("driver"), { timeout: 5000 }).toHaveLength(2);
    await ask("destroy", { domid: driver });
    letGo(true);
    await expect.poll(notices, { timeout: 5000 }).toHaveLength(1);
    expect(notices()[0]).toMatch(/stays without its backend.*gone again.*attach it again/);
    expect(host.store.list("/local/domain")).toEqual(["0", String(front)]);
  });
});

describe("an interface that had packets on the way when its driver domain ended", () => {
  /** Returns the driver domain and the domain that has the interface. */
  const busyInterface = async (): Promise<[driver: number, front: number]> => {
    const driver = await create("driver");
    const front = await create("front", "vif = []");
    const attached = attach(front, "backend=driver,mac=00:16:3e:00:00:01", "vif");
    await isReady(backendOf(driver, front, "vif", "0"));
    await attached;
    const net = new HandFrontend(host.xen, host.hypercalls, host.store, front, "vif/0", { first: 1 });
    net.connect({ "tx-ring-ref": net.refs[0]! });
    net.put(1, 2);
    net.push();
    return [driver, front];
  };

  it("is not said to be attached again if the user detaches it at that moment", async () => {
    const [driver, front] = await busyInterface();
    const back = backendOf(driver, front, "vif", "0");
    const served = host.driverDomains.served(driver, false);
    const detached = detach(front, "0", false, "vif");
    await expect.poll(() => stateOf(back)).toBe("5");
    host.driverDomains.attach(served);
    host.store.remove(back);
    await detached;
    // What is asked for now comes after the replacement.
    await expect(detach(front, "0", false, "vif")).rejects.toThrow(/has no/);
    expect([notices(), await ask("deviceList", { domid: front, kind: "vif" })]).toEqual([[], []]);
  });

  it("is attached when the driver domain comes back, if that was gone again when the guest had let go", async () => {
    const [driver, front] = await busyInterface();
    const back = backendOf(driver, front, "vif", "0");
    const frontend = `/local/domain/${front}/device/vif/0`;
    const read = host.store.read.bind(host.store);
    let isGone = true;
    vi.spyOn(host.store, "read").mockImplementation((path, transaction) =>
      isGone && path === `/local/domain/${driver}` ? null : read(path, transaction),
    );
    const again = (): void => {
      const served = host.driverDomains.served(driver, false);
      host.store.remove(back);
      host.driverDomains.attach(served);
    };
    again();
    await expect.poll(notices, { timeout: 5000 }).toHaveLength(1);
    expect([notices()[0], read(frontend)]).toEqual([expect.stringMatching(/gone again/), null]);
    isGone = false;
    again();
    await expect.poll(notices, { timeout: 5000 }).toHaveLength(2);
    expect(notices()[1]).toMatch(/attached again/);
    expect([stateOf(frontend), stateOf(back)]).toEqual(["1", "1"]);
    // When the backend goes for good, what was wrong before is not what is wrong then.
    await ask("destroy", { domid: driver });
    const [device] = (await ask("deviceList", { domid: front, kind: "vif" })) as { problem: string | null }[];
    expect(device!.problem).toMatch(/which had its backend, has gone/);
  });
});

describe("the wiring of a device", () => {
  it("is told as the toolstack knows it, whatever the domains at its ends have written", async () => {
    const driver = await create("driver");
    const front = await createServed("front", driver, "driver");
    host.store.write(`${backendOf(driver, front)}/dev`, "\x1b]0;owned\x07");
    host.store.write(`${backendOf(driver, front)}/state`, "\x1b[2J");
    host.store.write(`/local/domain/${front}/device/vbd/${DISK}/state`, "4".repeat(1000));
    const { devices } = (await ask("wiring", { domid: front })) as DomainWiring;
    const disk = devices.find(({ kind }) => kind === "vbd")!;
    expect([disk.vdev, disk.frontendState, disk.backendState]).toEqual(["xvdb", "?", "?"]);
    expect([disk.backendDomid, disk.backendPath]).toEqual([driver, backendOf(driver, front)]);
  });
});

describe("two interfaces that are attached at the same time", () => {
  it("are two", async () => {
    const front = await create("front");
    const both = await Promise.all([attach(front, "", "vif"), attach(front, "", "vif"), attach(front, "", "vif")]);
    expect(both.map((each) => (each as { id: string }).id)).toEqual(["0", "1", "2"]);
    expect(await ask("deviceList", { domid: front, kind: "vif" })).toHaveLength(3);
    await expect(attach(front, "devid=1", "vif")).rejects.toThrow(/another interface 1/);
  });
});

describe("a driver domain", () => {
  it("that is renamed is found again by those whose backends it has", async () => {
    const driver = await create("driver");
    const made = createServed("front", driver, "driver", "vif = ['backend=driver,mac=00:16:3e:00:00:01']");
    await isReady(backendOf(driver, driver + 1, "vif", "0"));
    const front = await made;
    await ask("rename", { domid: driver, name: "storage" });
    const { config } = (await ask("definition", { domid: front })) as { config: string };
    expect(config).not.toContain("backend=driver");
    expect(config.match(/backend=storage/g)).toHaveLength(2);
    // Another domain that has the name now is not the same domain.
    await create("driver");
    host.xen.stop(front, 1);
    await expect.poll(() => host.heard.filter(({ event }) => event === "destroyed")).toHaveLength(1);
    for (const [kind, id] of [
      ["vbd", DISK],
      ["vif", "0"],
    ] as const)
      host.store.remove(backendOf(driver, front, kind, id));
    await isReady(backendOf(driver, front));
    await isReady(backendOf(driver, front, "vif", "0"));
    await expect.poll(() => created("front")).toHaveLength(2);
    await expect(ask("rename", { domid: driver, name: "a,b" })).rejects.toThrow(/front.*comma/);
    // A name made of digits would name another domain, and 0 the control domain.
    await expect(ask("rename", { domid: driver, name: "0" })).rejects.toThrow(/front.*no number/);
  });

  it("that restarts is waited for by a domain that restarts meanwhile", async () => {
    const lower = await create("lower");
    const driver = await createServed("driver", lower, "lower");
    const front = await createServed("front", driver, "driver");
    const held = backendOf(lower, driver);
    const waits = vi.spyOn(Returning.prototype, "backendsOf");
    host.xen.stop(front, 1);
    host.xen.stop(driver, 1);
    await expect.poll(() => stateOf(held)).toBe("5");
    host.store.remove(held);
    // The driver domain is not made before its own disk is there. The disk comes only when the other domain already waits for the driver domain.
    await expect.poll(() => stateOf(held), { timeout: 5000 }).toBe("1");
    const asks = (): number => waits.mock.calls.findIndex(([{ name }]) => name === "front");
    await expect.poll(asks, { timeout: 5000 }).toBeGreaterThanOrEqual(0);
    expect(waits.mock.settledResults[asks()], "it still waits").toBeUndefined();
    expect(notices()).toEqual([]);
    host.store.write(`${held}/state`, 2);
    await expect.poll(() => created("driver"), { timeout: 5000 }).toHaveLength(2);
    await isReady(backendOf(driver, front));
    await expect.poll(() => created("front"), { timeout: 5000 }).toHaveLength(2);
    expect(notices()).toEqual([]);
  });

  it.each(["names", "domids"])(
    "that restarts beside one that it depends on, and that depends on it, by their %s, keeps nobody waiting",
    async (by) => {
      const one = await create("one");
      const two = await createServed("two", one, by === "names" ? "one" : String(one));
      const attached = attach(one, `vdev=xvdb,backend=${by === "names" ? "two" : two},target=/dev/xvda`);
      await isReady(backendOf(two, one));
      await attached;
      host.xen.stop(one, 1);
      host.xen.stop(two, 1);
      // By its domid, the second domain may find the first while that is being made, and then it waits for its backend.
      const most = by === "names" ? 2 : 1;
      await expect.poll(() => notices().length, { timeout: 8000 }).toBeGreaterThanOrEqual(most);
      for (const message of notices()) expect(message).toMatch(/could not be restarted: .*there is no domain /);
    },
  );

  it("whose own disk is another's is built anew when that one has let go, under the same domid", async () => {
    const lower = await create("lower");
    const middle = await createServed("middle", lower, "lower");
    await createServed("top", middle, "middle");
    const back = backendOf(lower, middle);
    host.xen.stop(middle, 1);
    await expect.poll(() => stateOf(back)).toBe("5");
    // This is what `xl devd` does in the end. It comes later than the domain would have been built again if nothing held that back.
    setTimeout(() => host.store.remove(back), 2000);
    const states = new Set<string | null>();
    const end = host.store.watch(back, () => states.add(stateOf(back)));
    await expect.poll(() => stateOf(back), { timeout: 8000 }).toBe("1");
    end();
    expect(states.has(null)).toBe(true);
    await isReady(back);
    await expect.poll(() => created("middle"), { timeout: 5000 }).toEqual([middle, middle]);
    // Nothing was on its way from a frontend that had not begun.
    expect(stateOf(backendOf(middle, middle + 1))).toBe("1");
    expect(notices()).toEqual([]);
  });
});
