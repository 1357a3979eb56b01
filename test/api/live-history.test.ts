/** The host's ten minutes of figures: a copy develops as the original does, and asking often does not make it longer. */
import { describe, expect, it } from "vitest";
import { HISTORY_POINTS, LIVE_SECONDS, LiveHistory } from "../../core/api/history/live.ts";
import type { StatisticsSnapshot } from "../../core/api/schema.ts";
import { fromBytes, toBytes } from "../../core/api/transport/frame.ts";

type Domain = StatisticsSnapshot["domains"][number];
const uuid = (domid: number): string => `00000000-0000-4000-8000-${String(domid).padStart(12, "0")}`;

/** Domain n has used n percent of a pCPU in each second. */
function snapshot(second: number, domids: readonly number[]): StatisticsSnapshot {
  const domains = domids.map((domid) => ({
    domid,
    uuid: uuid(domid),
    cpuTime: second * domid * 1e7,
    memoryPages: 256 * domid,
    maxPages: 512 * domid,
    memoryTargetMiB: domid,
    staticMaxMiB: null,
    hypercalls: second * 10,
    events: second * 20,
    pageFaults: null,
    instructions: second * 1e6,
    exits: [second, 0, second * 3],
    vcpus: [
      {
        vcpu: 0,
        online: true,
        cpuTime: second * domid * 1e7,
        runstates: { running: second * 1e7, runnable: 0, blocked: second * 9e8 },
      },
    ],
  }));
  return {
    time: second * 1e9,
    freeMemoryMiB: 100,
    totalMemoryMiB: 512,
    pcpus: [{ pcpu: 0, idleTime: second * 5e8 }],
    domains: domains as unknown as Domain[],
  } as unknown as StatisticsSnapshot;
}
/** Returns everything that it knows, as text. */
const known = (history: LiveHistory): string =>
  JSON.stringify([
    [...history.time.values],
    [...history.freeMemory.values],
    history.pcpus.map(({ values }) => [...values]),
    [...history.domains].map(([domid, domain]) => [domid, domain.uuid, domain.all().map(({ values }) => [...values])]),
  ]);
const overTheWire = (history: LiveHistory): LiveHistory => {
  const copy = new LiveHistory();
  copy.load(fromBytes(toBytes(history.dump())) as ReturnType<LiveHistory["dump"]>);
  return copy;
};

describe("the live history", () => {
  it("is the same in a window that comes later, and stays so with what follows", () => {
    const host = new LiveHistory();
    for (let second = 1; second <= 100; second++) host.add(snapshot(second, second < 50 ? [0, 1] : [0, 2]));
    const window = overTheWire(host);
    expect(window.domains.get(2)!.cpu.last).toBeCloseTo(2);
    expect(known(window)).toBe(known(host));
    for (let second = 101; second <= 130; second++)
      for (const each of [host, window]) each.add(snapshot(second, second < 115 ? [0, 2] : [0, 2, 3]));
    expect(known(window)).toBe(known(host));
  });

  it("is empty at first, and a copy of that too", () => {
    const window = overTheWire(new LiveHistory());
    expect(window.time.last).toBeNaN();
    window.add(snapshot(1, [0]));
    window.add(snapshot(2, [0]));
    expect(window.time.last).toBe(2);
  });

  it("leaves out what comes sooner than a second: a client that asks all the time shortens nobody's ten minutes", () => {
    const host = new LiveHistory();
    for (let second = 1; second <= 20; second += 0.01) host.add(snapshot(second, [0]));
    const times = [...host.time.values].filter(Number.isFinite);
    expect(times.length).toBeLessThan(30);
  });

  it("keeps as many points as ten minutes have seconds, and forgets domains that are long gone", () => {
    const host = new LiveHistory();
    host.add(snapshot(0.5, [0, 7]));
    for (let second = 1; second <= 2 * LIVE_SECONDS; second++) host.add(snapshot(second, [0]));
    expect(host.dump().points).toBe(HISTORY_POINTS);
    expect([...host.domains.keys()]).toEqual([0]);
  });
});
