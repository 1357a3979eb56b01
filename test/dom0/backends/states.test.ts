/**
 * Frontends that write states in no order, and nodes that are missing, too large, of another device or of no device, with many queues and pages, while
 * requests are under way: each device can be used afterwards, and nothing of the guest's is held when it has gone. XENARIUM_SEED=n tries others,
 * XENARIUM_TRIES=n more writes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DEVICE_KINDS } from "../../../core/dom0/backends/kinds.ts";
import { temporaryFolder } from "../../temporary.ts";
import { pvElf } from "../elf-files.ts";
import { HandFrontend } from "../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../xenbus/host.ts";
import { seeded } from "../../random.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261130);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 4000);
const folder = temporaryFolder("states");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let host: FakeHost;
let domid: number;
let random: (below: number) => number;
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const uncaught: string[] = [];

beforeEach(async () => {
  const next = seeded(SEED);
  random = (below) => Math.floor(next() * below);
  const image = path.join(folder, "disk.img");
  writeFileSync(image, Buffer.alloc(1 << 20));
  mkdirSync(path.join(folder, "share"), { recursive: true });
  host = fakeHost(DEVICE_KINDS, { onHandlerError: (_, error) => uncaught.push(String(error)) });
  const config = `name = "states"
kernel = "k"
memory = 8
disk = ['${image},,xvda,w']
vif = ['mac=00:16:3e:00:00:00']
vfb = ["vnc=0"]
p9 = ["tag=share,security_model=none,path=${folder}/share"]
channel = ["name=c,connection=pty"]
`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
});
afterEach(() => host.events.stop());

const NUMBERS = ["event-channel", "event-channel-tx", "event-channel-rx", "event-channel-0", "event-channel-1", "port"];
const REFS = ["ring-ref", "ring-ref0", "ring-ref1", "ring-ref2", "ring-ref3", "tx-ring-ref", "rx-ring-ref"];
const PAGES = ["page-ref", "page-gref"];
const COUNTS = ["multi-queue-num-queues", "ring-page-order", "num-rings", "feature-persistent", "request-rx-copy"];
const WORDS = ["protocol", "version", "feature-update", "request-abs-pointer", "feature-sg", "queue-0", "queue-1"];

it(`a guest that writes states and nodes in no order leaves devices that work, and holds nothing (seed ${SEED}, ${TRIES} writes)`, async () => {
  const devices = ["vbd/51712", "vif/0", "vfb/0", "vkbd/0", "9pfs/0", "console/1"];
  const front = new HandFrontend(host.xen, host.hypercalls, host.store, domid, devices[0]!, {
    pages: 16,
    slotBytes: 112,
  });
  const { frames } = host.xen.domains.get(domid)!;
  const own = [...frames];
  const fresh = (): number => host.hypercalls.ports.allocUnbound(domid, 0);
  const ports = [0, 0xffffffff, ...Array.from({ length: 6 }, fresh)];
  const refs = (): number => pick([...front.refs, 0, 1, 999, 0xffffffff]);
  const value = (name: string): string | number => {
    if (random(40) === 0) return pick(["", "-1", "x".repeat(4000), "1e9", "\\0", "99999999999", "0x10"]);
    if (NUMBERS.includes(name)) return pick(ports);
    if (REFS.includes(name)) return refs();
    if (PAGES.includes(name)) return pick([own[500]!, own[501]!, 0, 0xfffff, 0xffffffff, refs()]);
    if (COUNTS.includes(name)) return random(6);
    if (name === "protocol") return pick(["x86_64-abi", "x86_32-abi", "arm-abi"]);
    return pick([0, 1, "1", "2"]);
  };
  const names = [...NUMBERS, ...REFS, ...PAGES, ...COUNTS, ...WORDS];
  const states = new Map<string, Set<string | null>>(devices.map((device) => [device, new Set()]));
  const stateOf = (device: string): string | null => {
    const [kind, id] = device.split("/");
    return host.store.read(`/local/domain/0/backend/${kind}/${domid}/${id}/state`);
  };
  for (let i = 0; i < TRIES; i++) {
    const device = pick(devices);
    const at = `/local/domain/${domid}/device/${device}`;
    const queue = random(4) === 0 ? `queue-${random(5)}/` : "";
    const act = random(17);
    if (act < 5) host.store.write(`${at}/state`, pick([1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 7, 8, 0, 9]));
    else if (act < 14) {
      const name = pick(names);
      host.store.write(`${at}/${queue}${name}`, value(name));
    } else if (act === 14) host.store.remove(`${at}/${pick([...names, "state"])}`);
    else {
      // A fresh port, and a ring full of whatever was there.
      ports[2 + random(6)] = fresh();
      const page = pick(front.pages);
      for (let word = 0; word < 64; word++) host.xen.view.setUint32(page + 4 * random(1024), random(2 ** 32), true);
      if (random(2)) host.xen.bytes(page, 64).fill(0);
      for (const port of ports) if (port > 2 && port < 4096) host.xen.guestNotify(domid, port);
    }
    if (act === 16) {
      // What a driver writes, for two queues of two pages each, or one. What was written before may not go with it.
      const [port, ref] = [fresh(), front.refs];
      const own = { "multi-queue-num-queues": 1 + random(2), "ring-page-order": random(2), "num-rings": 1 };
      const rings = { "ring-ref": ref[0]!, "ring-ref0": ref[0]!, "ring-ref1": ref[1]!, "tx-ring-ref": ref[2]! };
      const more = { "rx-ring-ref": ref[3]!, "event-channel": port, "event-channel-0": port, port };
      host.store.writeAll(at, {
        ...own,
        ...rings,
        ...more,
        version: "1",
        protocol: "x86_64-abi",
        "request-rx-copy": 1,
      });
      for (let q = 0; q < 2; q++)
        host.store.writeAll(`${at}/queue-${q}`, {
          ...{ "ring-ref": ref[4 + q]!, "ring-ref0": ref[4 + q]!, "ring-ref1": ref[6 + q]! },
          "event-channel": fresh(),
        });
      for (const page of front.pages.slice(0, 8)) host.xen.bytes(page, 4096).fill(0);
      for (const name of ["event-channel-tx", "event-channel-rx"]) host.store.remove(`${at}/${name}`);
      host.store.write(`${at}/state`, 3);
      ports[2 + random(6)] = port;
      await turn();
    }
    if (random(3) === 0) await turn();
    states.get(device)!.add(stateOf(device));
  }
  // Each of them was connected at times, or at least offered, and failed at times.
  for (const device of devices) expect([...states.get(device)!], device).toEqual(expect.arrayContaining(["2", "5"]));
  for (const device of ["vbd/51712", "vif/0", "console/1"]) expect(states.get(device), device).toContain("4");
  // The disk begins again as if nothing had been.
  host.store.remove(front.path + "/multi-queue-num-queues");
  host.store.write(`${front.path}/ring-page-order`, 0);
  for (const [state, answer] of [
    [6, "6"],
    [1, "2"],
  ] as const) {
    host.store.write(`${front.path}/state`, state);
    await expect.poll(() => stateOf("vbd/51712")).toBe(answer);
  }
  const single = new HandFrontend(host.xen, host.hypercalls, host.store, domid, "vbd/51712", {
    first: 6,
    slotBytes: 112,
  });
  single.connect({ "ring-ref": single.refs[0]!, "feature-persistent": 0, protocol: "x86_64-abi" });
  await expect.poll(() => stateOf("vbd/51712")).toBe("4");
  await host.service.handle("destroy", { domid });
  expect(uncaught).toEqual([]);
  await expect.poll(() => host.xen.grantMaps.size).toBe(0);
});
