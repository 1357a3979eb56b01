/** Memory on demand, as the control domain sets it up: which frames are marked, which are in reserve, and what the calls report. */
import { beforeAll, expect, test } from "vitest";
import {
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_MEM_FLAGS,
  MEMORY_RESERVATION_NR_EXTENTS,
  POD_TARGET_DOMID,
  POD_TARGET_POD_CACHE_PAGES,
  POD_TARGET_POD_ENTRIES,
  POD_TARGET_TARGET_PAGES,
  XENMAPSPACE_grant_table,
  XENMEMF_populate_on_demand,
  XENMEM_decrease_reservation,
  XENMEM_get_pod_target,
  XENMEM_increase_reservation,
  XENMEM_set_pod_target,
} from "../../../core/abi/memory.ts";
import { GNTST_bad_page, GNTST_eagain } from "../../../core/abi/grant_table.ts";
import { EINVAL, ENOMEM } from "../../../core/abi/errno.ts";
import { DOM0, Host, dom0Page } from "./host.ts";
import { ARGS, PvhDomain } from "./pvh-domain.ts";

const MOST = 0x2000;

interface Target {
  result: number;
  reserve: number;
  onDemand: number;
}
function podTarget(host: Host, operation: number, domid: number, target = 0): Target {
  host.core.become(DOM0);
  const at = dom0Page(host);
  host.bytes.fill(0, at, at + 64);
  host.set64(at + POD_TARGET_TARGET_PAGES, target);
  host.set16(at + POD_TARGET_DOMID, domid);
  const result = Number(host.core.doMemoryOp(BigInt(operation), BigInt(at)));
  const [reserve, onDemand] = [POD_TARGET_POD_CACHE_PAGES, POD_TARGET_POD_ENTRIES].map((field) =>
    Number(host.get64(at + field)),
  );
  return { result, reserve: reserve!, onDemand: onDemand! };
}
const now = (host: Host): Target => podTarget(host, XENMEM_get_pod_target, 1);
const aim = (host: Host, target: number): Target => podTarget(host, XENMEM_set_pod_target, 1, target);
const mark = (d: PvhDomain, gfn: bigint, order = 0): bigint => d.populate(gfn, 1n, order, XENMEMF_populate_on_demand);

function checked(host: Host): void {
  host.core.become(DOM0);
  expect(host.core.checkMemory(), host.log()).toBe(0);
}

beforeAll(() => Host.boot(64), 300_000);

test("an extent is marked whole or not at all", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1);
  expect(d.populate(0x204n, 1n)).toBe(1n);
  expect(mark(d, 0x200n, 3)).toBe(0n);
  expect(d.entry(0x200n)).toBe(0n);
  expect(now(host)).toEqual({ result: 0, reserve: 0, onDemand: 0 });
  expect(mark(d, 0x208n, 3)).toBe(1n);
  expect(now(host).onDemand).toBe(8);
  checked(host);
  // A marked frame is not lost either when a grant of it is mapped while there is no memory to put there.
  expect(d.add(XENMAPSPACE_grant_table, 0n, 0x1000n)).toBe(0n);
  d.grant(0x1000n, 8, 1, 5n);
  expect(d.reserve(XENMEM_decrease_reservation, 0x20cn)).toBe(1n);
  expect(d.map(1, 8, 0x20cn).status).toBe(0);
  expect(now(host).onDemand).toBe(7);
  expect(d.populate(0x208n, 1n, 3)).toBe(0n);
  expect(now(host).onDemand).toBe(7);
  checked(host);
});

test("the reserve grows with the target, never beyond what is on demand, and is not taken away by a lower one", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1, 64n, MOST);
  const has = host.core.totPages(1);
  expect(aim(host, MOST)).toEqual({ result: 0, reserve: 0, onDemand: 0 });
  expect(mark(d, 0x1000n, 9)).toBe(1n);
  expect(aim(host, has + 100).reserve).toBe(100);
  expect(aim(host, has + 50)).toEqual({ result: 0, reserve: 100, onDemand: 512 });
  expect(aim(host, 0).reserve).toBe(100);
  expect(aim(host, has + 1000).reserve).toBe(512);
  // When frames that are marked are given back, what is in reserve for them goes too.
  for (let gfn = 0x1000n; gfn < 0x1100n; gfn++) expect(d.reserve(XENMEM_decrease_reservation, gfn)).toBe(1n);
  expect(now(host)).toEqual({ result: 0, reserve: 256, onDemand: 256 });
  checked(host);
});

test("what is set and asked is refused alike", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1, 64n, 0x100000);
  expect(mark(d, 0x1000n)).toBe(1n);
  expect(aim(host, 0x100001).result).toBe(-EINVAL);
  for (let i = 0n; i < 40n; i++) expect(mark(d, 0x2000n + 512n * i, 9)).toBe(1n);
  expect(aim(host, 0x100000).result).toBe(-ENOMEM);
  for (const operation of [XENMEM_set_pod_target, XENMEM_get_pod_target])
    expect(podTarget(host, operation, DOM0).result).toBe(-EINVAL);
  checked(host);
});

test("only populate_physmap knows the flag", async () => {
  const host = await Host.boot(64);
  host.core.become(DOM0);
  const at = dom0Page(host);
  host.bytes.fill(0, at, at + 64);
  host.set64(at + MEMORY_RESERVATION_NR_EXTENTS, 1);
  host.set32(at + MEMORY_RESERVATION_MEM_FLAGS, XENMEMF_populate_on_demand);
  host.set16(at + MEMORY_RESERVATION_DOMID, DOM0);
  expect(host.core.doMemoryOp(BigInt(XENMEM_increase_reservation), BigInt(at))).toBe(1n);
});

test("whoever maps a grant does not look through all memory for frames that are all zero, and takes none from a vCPU", async () => {
  const host = await Host.boot(64);
  const frames = 1024n;
  const d = new PvhDomain(host, 1, frames, MOST);
  const last = frames - 1n;
  // Only the last word tells that such a frame is not zero.
  const fill = (word: number): void => {
    for (let gfn = 0n; gfn < last; gfn++) host.set64(d.mfn(gfn) * 4096 + 4088, gfn === ARGS ? 1 : word);
  };
  fill(1);
  expect(d.add(XENMAPSPACE_grant_table, 0n, 0x1800n)).toBe(0n);
  expect(mark(d, 0x1000n)).toBe(1n);
  d.grant(0x1800n, 8, 1, 0x1000n);
  expect(now(host)).toEqual({ result: 0, reserve: 0, onDemand: 1 });
  const tries: number[] = [];
  while (tries.length < 100 && tries.at(-1) !== 0) tries.push(d.map(1, 8, 0x1400n).status);
  // The zero frame is the last one, and each try has come nearer to it.
  expect(tries.at(-1)).toBe(0);
  expect(tries.length).toBeGreaterThan(4);
  expect(new Set(tries.slice(0, -1))).toEqual(new Set([GNTST_eagain]));
  checked(host);

  // What others have looked at may be zero by now.
  expect(mark(d, 0x1001n)).toBe(1n);
  d.grant(0x1800n, 9, 1, 0x1001n);
  for (let i = 0; i < 4; i++) expect(d.map(1, 9, 0x1401n).status).toBe(GNTST_eagain);
  // Nothing is being looked for where the guest has no memory at all.
  d.grant(0x1800n, 10, 1, 0x1fffn);
  expect(d.map(1, 10, 0x1402n).status).toBe(GNTST_bad_page);
  fill(0);
  let outcome = host.core.writeFault(1, 0x1001n);
  for (let i = 0; i < 100 && outcome === SEARCHING; i++) outcome = host.core.writeFault(1, 0x1001n);
  expect(outcome).toBe(0);
  checked(host);
});
/** What populate() in core/hypervisor/p2m/on_demand.ts returns as long as it has not looked everywhere. */
const SEARCHING = 3;

test("teardown counts it down", async () => {
  const host = await Host.boot(64);
  const d = new PvhDomain(host, 1);
  const has = host.core.totPages(1);
  expect(mark(d, 0x1000n, 9)).toBe(1n);
  expect(mark(d, 0x1207n)).toBe(1n);
  expect(aim(host, has + 300).reserve).toBe(300);
  host.core.become(DOM0);
  host.core.dropVcpu(1);
  for (let i = 0; host.core.relinquishMemory(1); i++) if (i > 1000) throw new Error("teardown does not end");
  expect(now(host)).toEqual({ result: 0, reserve: 0, onDemand: 0 });
  d.destroy();
  checked(host);
});
