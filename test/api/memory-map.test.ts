/** The frame table and the scheduler's switches as the API reports them, on a real host with a guest. They must equal Xen's own counts. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ApiClient } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { MOST_MESSAGE_BYTES, type FrameMap } from "../../core/api/schema.ts";
import { toBytes } from "../../core/api/transport/frame.ts";
import { builtHost } from "../built-host.ts";
import { connectInMemory } from "./in-memory.ts";

let host: HostService;
let client: ApiClient;
let guest: number;

beforeAll(async () => {
  host = builtHost();
  await host.powerOn();
  client = connectInMemory(host).client;
  guest = (await client.request("createBundled", { vcpus: 2 })).domid;
  await type("");
});
afterAll(async () => {
  client.close();
  await host.powerOff(0);
});

/** Types a line at the guest's prompt and waits for the next prompt. */
async function type(line: string): Promise<void> {
  let text = "";
  const ended = client.on("console", ({ domid, bytes }) => {
    if (domid === guest) text += Buffer.from(bytes).toString();
  });
  const { log } = await client.request("consoleAttach", { domid: guest });
  if (line) {
    await client.request("consoleInput", { domid: guest, bytes: Buffer.from(`${line}\r`) });
  } else text = Buffer.from(log).toString() + text;
  await vi.waitFor(() => expect(text).toMatch(/mini> $/), { timeout: 20_000, interval: 20 });
  ended();
  await client.request("consoleDetach", { domid: guest });
}

function frames(map: FrameMap): Uint8Array {
  const found = new Uint8Array(map.frames);
  let mfn = 0;
  for (let at = 0; at < map.runs.length;) {
    const index = map.runs[at++]!;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = map.runs[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    found.fill(index, mfn, mfn + length);
    mfn += length;
  }
  expect(mfn).toBe(map.frames);
  return found;
}
const sum = (map: FrameMap, wanted: (entry: FrameMap["palette"][number]) => boolean): number =>
  map.palette.filter(wanted).reduce((total, each) => total + each.frames, 0);
const HEAP_OF_XEN = ["shared", "grant-table"];

describe("the frame map", () => {
  it("has totals that equal Xen's own counts, and runs that equal the totals", async () => {
    const map = await client.request("frameMap");
    const { domains } = await client.request("statistics");
    const info = await client.request("hostInfo");
    expect(map.frames).toBe(256 * 256);
    expect(Math.floor(sum(map, ({ kind }) => kind === "free") / 256)).toBe(info.freeMemoryMiB);
    for (const { domid, memoryPages } of domains)
      expect(sum(map, (each) => each.domid === domid && !HEAP_OF_XEN.includes(each.kind))).toBe(memoryPages);
    expect(sum(map, () => true)).toBe(map.frames);
    const counted = new Array<number>(map.palette.length).fill(0);
    for (const index of frames(map)) counted[index]!++;
    expect(counted).toEqual(map.palette.map((each) => each.frames));
    // One table of each kind that begins the guest's address space, and its vCPUs' kernel.
    for (const kind of ["l1", "l2", "l3", "l4", "writable", "shared", "grant-table", "granted"] as const)
      expect(
        sum(map, (each) => each.domid === guest && each.kind === kind),
        kind,
      ).toBeGreaterThan(0);
    expect(sum(map, ({ kind }) => kind === "machine")).toBe(16 * 256);
    expect(sum(map, ({ kind }) => kind === "frame-table")).toBe((256 * 256 * 32) / 4096);
    expect(toBytes(map).length).toBeLessThan(MOST_MESSAGE_BYTES);
  });

  it("gives back what a domain had", async () => {
    const before = await client.request("frameMap");
    const { domid } = await client.request("createBundled", { vcpus: 1 });
    expect(sum(await client.request("frameMap"), (each) => each.domid === domid)).toBeGreaterThan(8192);
    await client.request("destroy", { domid });
    await expect
      .poll(async () => sum(await client.request("frameMap"), (each) => each.domid === domid), { timeout: 10_000 })
      .toBe(0);
    const free = (map: FrameMap): number => sum(map, ({ kind }) => kind === "free");
    // The hypervisor keeps structures of a destroyed domain for two seconds, so these frames come back later.
    await expect
      .poll(async () => free(before) - free(await client.request("frameMap")), { timeout: 10_000 })
      .toBeLessThan(64);
  });

  it("shows a frame as what it is when one looks into it", async () => {
    const map = await client.request("frameMap");
    const index = map.palette.findIndex(({ domid, kind }) => domid === guest && kind === "l4");
    const mfn = frames(map).indexOf(index);
    const frame = await client.request("inspectFrame", { mfn });
    expect(frame).toMatchObject({ mfn, domid: guest, type: "PGT_l4_page_table" });
    expect(frame.typeReferences).toBeGreaterThan(0);
    expect(frame.references).toBeGreaterThanOrEqual(1);
    expect(frame.typeFlags).toContain("PGT_validated");
    expect(frame.pfn).toBeLessThan(8192);
    expect(await client.request("inspectFrame", { mfn: 0 })).toMatchObject({ owner: "Xen", domid: null, pfn: null });
    await expect(client.request("inspectFrame", { mfn: 65536 })).rejects.toThrow("memory ends before frame 65536");
  });
});

describe("switches", () => {
  it("tell what came onto the pCPU, in order, and that the CPU time is theirs", async () => {
    const cpuTime = async (): Promise<number> =>
      (await client.request("statistics")).domains.find(({ domid }) => domid === guest)!.cpuTime;
    const outer = await cpuTime();
    const { time } = await client.request("switches", { since: 0 });
    const inner = await cpuTime();
    await type("load 1");
    await expect.poll(async () => (await cpuTime()) - inner, { timeout: 20_000 }).toBeGreaterThan(100e6);
    const used = (await cpuTime()) - inner;
    const { time: end, pcpus } = await client.request("switches", { since: time });
    const atMost = (await cpuTime()) - outer;
    await type("load 0");
    expect(pcpus.map(({ pcpu }) => pcpu)).toEqual([0]);
    const { records, more } = pcpus[0]!;
    expect(more).toBe(false);
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let last = 0;
    let ran = 0;
    for (let at = 0; at < records.length; at += 16) {
      const from = Number(view.getBigUint64(at, true));
      expect(from).toBeGreaterThanOrEqual(last);
      last = from;
      const until = at + 16 < records.length ? Number(view.getBigUint64(at + 16, true)) : end;
      if (view.getUint32(at + 8, true) === guest) ran += Math.max(0, until - Math.max(from, time));
      else expect([view.getUint32(at + 8, true), view.getUint32(at + 12, true)]).toEqual([0xffffffff, 0xffffffff]);
    }
    expect(records.length).toBeGreaterThan(16);
    // Both figures come from the same scheduler, one measured inside and one around the time that is examined. A reading of a clock lies between
    // them.
    expect(used).toBeGreaterThan(0);
    expect(ran).toBeGreaterThan(used - 1e6);
    expect(ran).toBeLessThan(atMost + 1e6);
  });

  it("runstates of a vCPU add up to its life", async () => {
    const { time, domains } = await client.request("statistics");
    const { vcpus } = domains.find(({ domid }) => domid === guest)!;
    for (const { runstates, cpuTime } of vcpus) {
      const { running, runnable, blocked, offline } = runstates!;
      expect(running).toBeGreaterThan(0);
      expect(Math.abs(running - cpuTime)).toBeLessThan(50e6);
      expect(running + runnable + blocked + offline).toBeLessThanOrEqual(time);
    }
  });
});
