/**
 * A disk's frontend that wants to do harm through each kind of ring: both layouts, one to four queues of 1 to 16 pages. Its indices jump, its grants are
 * withdrawn or name other frames, and its nodes are written anew, while its requests are under way; it closes, begins again, or its device is taken
 * away, before they have ended. XENARIUM_SEED=n tries others, XENARIUM_TRIES=n more connections.
 */
import { writeFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_INDIRECT,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
  BLKIF_OP_WRITE_BARRIER,
} from "../../../../core/abi/io_blkif.ts";
import { LAYOUTS } from "../../../../core/dom0/backends/blk/protocol.ts";
import { DEVICE_KINDS } from "../../../../core/dom0/backends/kinds.ts";
import { ringSize } from "../../../../core/dom0/xenbus/back-ring.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { seeded } from "../../../random.ts";
import { pvElf } from "../../elf-files.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import { fakeHost, type FakeHost } from "../../xenbus/host.ts";

const SEED = Number(process.env.XENARIUM_SEED ?? 20261130);
const TRIES = Number(process.env.XENARIUM_TRIES ?? 100);
const PATIENCE = 20_000;
const SECTORS = 512;
const [DATA, PAGES] = [200, 32];
const DEVICE = "vbd/51712";
const folder = temporaryFolder("rings");
const images = ["hostile.img", "sibling.img"].map((name) => path.join(folder, name));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let host: FakeHost;
let domid: number;
let random: (below: number) => number;
const uncaught: string[] = [];
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const state = (device = DEVICE): string | null =>
  host.store.read(`/local/domain/0/backend/${device.replace("/", `/${domid}/`)}/state`);

beforeEach(async () => {
  const next = seeded(SEED);
  random = (below) => Math.floor(next() * below);
  for (const image of images) writeFileSync(image, Buffer.alloc(SECTORS * 512, image.length));
  host = fakeHost(DEVICE_KINDS, { onHandlerError: (_, error) => uncaught.push(String(error)) });
  const config = `name = "rings"\nkernel = "k"\nmemory = 4\ndisk = ['${images[0]},,xvda,w', '${images[1]},,xvdb,w']\n`;
  ({ domid } = (await host.service.handle("create", { config, files: { k: pvElf() } })) as { domid: number });
});
afterEach(() => host.events.stop());

async function reach(wanted: RegExp, device = DEVICE): Promise<void> {
  for (const last = Date.now() + PATIENCE; !wanted.test(state(device) ?? ""); await turn())
    if (Date.now() > last) throw new Error(`the state is ${state(device)}, not ${String(wanted)}`);
}

const OPERATIONS = [BLKIF_OP_READ, BLKIF_OP_WRITE, BLKIF_OP_WRITE_BARRIER, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_OP_DISCARD];

/** The words of a request; most are as a driver makes them. */
function request(id: number): number[] {
  const operation = random(12) ? pick(OPERATIONS) : BLKIF_OP_INDIRECT;
  const count = operation === BLKIF_OP_INDIRECT ? random(40) : random(operation <= BLKIF_OP_WRITE_BARRIER ? 12 : 2);
  const head =
    operation === BLKIF_OP_INDIRECT ? operation | (random(2) << 8) | (count << 16) : operation | (count << 8);
  const ref = (): number => (random(60) ? DATA + random(PAGES) : pick([0, 7, 511, 512, 2 ** 32 - 1]));
  const words = [
    head,
    ...(id === 2 ? [0] : []),
    random(2 ** 32),
    0,
    random(20) ? random(SECTORS - 96) : random(2 ** 32),
    0,
  ];
  while (words.length < id + 4 + 2 * 11) {
    const first = random(8);
    words.push(ref(), random(400) ? first | ((first + random(8 - first)) << 8) : random(2 ** 16));
  }
  if (random(400) === 0) words[random(words.length)] = random(2 ** 32);
  return words;
}

it(
  `hurts its own disk only, through ${TRIES} connections of every kind (seed ${SEED})`,
  async () => {
    const { frames, grantFrame } = host.xen.domains.get(domid)!;
    const own = [...frames];
    const secret = own.slice(700, 720).map((mfn) => mfn * 4096);
    for (const address of secret) host.xen.bytes(address, 4096).fill(0x5a);
    const sibling = new HandFrontend(host.xen, host.hypercalls, host.store, domid, "vbd/51728", {
      first: 30,
      slotBytes: 112,
    });
    const page = sibling.grant(280);
    await reach(/2/, "vbd/51728");
    sibling.connect({ "ring-ref": sibling.refs[0]!, protocol: "x86_64-abi" });
    await reach(/4/, "vbd/51728");
    const at = `/local/domain/${domid}/device/${DEVICE}`;
    const grant = (ref: number, mfn: number, flags: number): void => {
      host.xen.view.setUint32(grantFrame * 4096 + 8 * ref + 4, mfn, true);
      host.xen.view.setUint16(grantFrame * 4096 + 8 * ref, flags, true);
    };
    const seen = { connected: 0, failed: 0, answered: 0, removed: 0, asked: 0, siblings: 0 };
    for (let round = 0; round < TRIES; round++) {
      if (!/2/.test(state() ?? "")) {
        host.store.write(`${at}/state`, 6);
        await reach(/6/);
        host.store.write(`${at}/state`, 1);
        await reach(/2/);
      }
      for (let i = 0; i < PAGES; i++) {
        const mfn = own[DATA + i + 400]!;
        grant(DATA + i, mfn, 1);
        // Any of them may be a page of descriptors.
        for (let word = 0; word < 80; word += 2) {
          host.xen.view.setUint32(mfn * 4096 + 4 * word, random(100) ? DATA + random(PAGES) : random(2 ** 32), true);
          host.xen.view.setUint32(mfn * 4096 + 4 * word + 4, random(200) ? 7 << 8 : random(2 ** 16), true);
        }
      }
      const protocol = pick(Object.keys(LAYOUTS));
      const { slotBytes, id } = LAYOUTS[protocol]!;
      const [order, count] = [random(5), 1 + random(4)];
      const queues = Array.from(
        { length: count },
        (_, i) =>
          new HandFrontend(host.xen, host.hypercalls, host.store, domid, DEVICE, {
            ...{ pages: 1 << order, first: 5 * i, slotBytes },
          }),
      );
      const nodes: Record<string, string | number> = {
        protocol,
        "multi-queue-num-queues": count,
        "ring-page-order": order,
        "feature-persistent": random(2),
      };
      queues.forEach((queue, i) => {
        queue.clear();
        queue.port = host.hypercalls.ports.allocUnbound(domid, 0);
        const below = count === 1 ? "" : `queue-${i}/`;
        nodes[`${below}event-channel`] = queue.port;
        queue.refs.forEach((ref, n) => (nodes[`${below}ring-ref${order === 0 ? "" : n}`] = ref));
        // Two queues may be one, and the indices of a ring may be anything.
        if (random(25) === 0) nodes[`${below}${order === 0 ? "ring-ref" : "ring-ref0"}`] = pick(queues[0]!.refs);
        if (random(25) === 0) host.xen.view.setUint32(queue.pages[0]! + 8, random(2 ** 32), true);
      });
      host.store.writeAll(at, nodes);
      host.store.write(`${at}/state`, 3);
      // What is written while it connects belongs to no ring that is there.
      if (random(6) === 0) {
        if (random(2)) await turn();
        host.store.write(`${at}/${pick(Object.keys(nodes))}`, pick([0, 1, 5, 9999, "x", queues[0]!.refs[0]!]));
      }
      await reach(/[456]/);
      if (state() === "4") seen.connected++;
      for (let batch = random(6); batch >= 0 && state() === "4"; batch--) {
        const queue = pick(queues);
        const room = ringSize(1 << order, slotBytes) - ((queue.word(0) - queue.responses) >>> 0);
        for (let left = random(Math.min(room, 200) + 1); left > 0; left--, seen.asked++) queue.put(...request(id));
        if (random(40)) queue.push();
        else queue.push(random(2) ? queue.word(0) + random(2 ** 11) : random(2 ** 32));
        if (random(3) === 0) host.events.deliver();
        // While they are under way.
        if (random(4) === 0) grant(DATA + random(PAGES), pick([own[740]!, own[5]!, 1]), pick([0, 0, 1, 5]));
        if (random(10) === 0) grant(pick(queue.refs), own[741]!, pick([0, 1]));
        if (random(10) === 0) host.store.write(`${at}/${pick(Object.keys(nodes))}`, random(9999));
        if (random(8) === 0) for (const each of queues) host.xen.guestNotify(domid, each.port);
        if (random(3)) await turn();
        seen.answered += queue.responses > 0 && queue.responses < 2 ** 20 ? 1 : 0;
      }
      if (state() === "5") seen.failed++;
      // It does not wait for what is under way.
      if (random(3) === 0) {
        for (let flap = random(20); flap >= 0; flap--) {
          host.store.write(`${at}/state`, pick([1, 2, 3, 4, 5, 6]));
          if (random(3) === 0) await turn();
        }
        await turn();
      }
      if (random(8) === 0) {
        await host.service.handle("deviceDetach", { domid, key: "disk", device: "xvda", force: true });
        const spec = `${images[0]},,xvda,w`;
        await host.service.handle("deviceAttach", { domid, key: "disk", spec, folder });
        seen.removed++;
      }
      if (random(5) === 0) {
        const value = 1 + random(255);
        host.xen.bytes(page, 4096).fill(value);
        const before = sibling.responses;
        sibling.put(BLKIF_OP_WRITE | (1 << 8), 0, 1, 0, 8, 0, 280, 7 << 8);
        sibling.push();
        for (const last = Date.now() + PATIENCE; sibling.responses !== before + 1; await turn())
          if (Date.now() > last) throw new Error("the sibling has no answer");
        expect((sibling.slot(before % 32)[2]! << 0) >> 16).toBe(0);
        seen.siblings++;
      }
    }
    for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(TRIES / 300);
    for (const address of secret) expect(host.xen.bytes(address, 4096).every((byte) => byte === 0x5a)).toBe(true);
    expect(images.map((image) => statSync(image).size)).toEqual(images.map(() => SECTORS * 512));
    expect(uncaught).toEqual([]);
    await host.service.handle("destroy", { domid });
    await expect.poll(() => host.xen.grantMaps.size).toBe(0);
  },
  60_000 + 400 * TRIES,
);
