/**
 * Two hostile PV domains work together against the memory code with random page-table updates, pins, reservations and grants, from nonsense to nearly
 * valid calls. The host must never trap, a domain that does nothing wrong must not notice anything, the checker must find every reference accounted
 * for, and all memory must come back.
 */
import { expect, test } from "vitest";
import { DOM0, Host, PvDomain, SELF, destroy, dom0Page } from "./host.ts";

const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
const CALLS = Number(process.env["FUZZ_CALLS"] ?? 150_000);

/** The xorshift32 generator. */
function random(seed: number): (below: number) => number {
  let x = seed | 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

test(`${CALLS} random memory and grant hypercalls, seed ${SEED}`, async () => {
  const host = await Host.boot(64);
  const { core } = host;
  dom0Page(host);
  const before = core.freePages();
  const r = random(SEED);
  const sibling = new PvDomain(host, 3, 64);
  host.bytes.fill(0x5a, sibling.address(20), sibling.address(21));
  let guests = [new PvDomain(host, 1, 96, 64), new PvDomain(host, 2, 96, 64)];
  const counts = new Map<bigint, number>();

  const anyMfn = (): bigint => {
    switch (r(12)) {
      case 0:
        return BigInt(r(64 * 256));
      case 1:
        return BigInt(r(2 ** 31)) * BigInt(r(2 ** 31));
      case 2:
        return BigInt(sibling.mfns[r(sibling.mfns.length)]!);
      default: {
        const g = guests[r(2)]!;
        return BigInt(g.mfns[r(r(3) ? 32 : g.mfns.length)]!);
      }
    }
  };
  const anyFlags = (): bigint => {
    const flags = [1n, 3n, 5n, 7n, 0n, 0x67n, 0x25n, 0x63n][r(8)]!;
    return r(10) ? flags : flags | (1n << BigInt(r(64)));
  };
  const anyEntry = (): bigint => (r(6) ? (anyMfn() << 12n) | anyFlags() : 0n);
  const anyVa = (g: PvDomain): bigint => (r(12) ? g.va(r(100)) : BigInt(r(2 ** 31)) << BigInt(r(34)));
  const anyDomid = (): number => [SELF, 1, 2, 3, 0, 9, 0x7ff1, 0x7ff2][r(8)]!;

  for (let call = 0; call < CALLS; call++) {
    const g = guests[r(2)]!;
    const other = guests[g === guests[0] ? 1 : 0]!;
    g.become();
    // The arguments lie in a frame that the guest itself may have unmapped meanwhile. Then the call faults, as it should.
    const at = g.address(g.args);
    const va = g.va(g.args);
    host.bytes.fill(0, at, at + 256);
    let result = 0n;
    switch (r(16)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const n = 1 + r(3);
        for (let i = 0; i < n; i++) {
          host.set64(at + i * 16, (anyMfn() << 12n) | BigInt(r(r(8) ? 32 : 512) * 8 + r(r(8) ? 3 : 8)));
          host.set64(at + i * 16 + 8, anyEntry());
        }
        result = core.doMmuUpdate(va, r(20) ? n : r(2 ** 20), r(2) ? va + 2048n : 0n, r(4) ? SELF : anyDomid());
        break;
      }
      case 4:
      case 5:
      case 6: {
        host.set32(at, r(30) ? r(21) : r(2 ** 32));
        host.set64(at + 8, r(4) ? anyMfn() : anyVa(g));
        host.set64(at + 16, r(2) ? anyMfn() : BigInt(r(9000)));
        result = core.doMmuextOp(va, 1, 0n, r(4) ? SELF : anyDomid());
        break;
      }
      case 7:
        result = core.doUpdateVaMapping(anyVa(g), anyEntry(), r(3) ? BigInt(r(8)) : BigInt(r(2 ** 31)));
        break;
      case 8:
      case 9: {
        const command = [0, 1, 6, 11, 2, 3, 4, 5, 9, 12, 14, 15, 17, 23, 24, 26, 28, 33][r(18)]!;
        host.set64(at, va + 1024n);
        host.set64(at + 8, r(10) ? r(6) : BigInt(r(2 ** 31)));
        host.set32(at + 16, r(10) ? r(3) : r(64));
        host.set32(at + 20, r(10) ? 0 : r(2 ** 20));
        host.set16(at + 24, anyDomid());
        host.bytes.copyWithin(at + 32, at, at + 32);
        if (command !== 11 && r(2)) host.set16(at, anyDomid());
        for (let i = 0; i < 8; i++) host.set64(at + 1024 + i * 8, anyMfn());
        result = core.doMemoryOp(BigInt(command) | (r(10) ? 0n : BigInt(r(64)) << 6n), va);
        break;
      }
      case 10:
      case 11:
      case 12: {
        // The other domain makes a grant, and this one maps it.
        other.become();
        host.set16(other.address(other.args), SELF);
        host.set32(other.address(other.args) + 4, 1);
        host.set64(other.address(other.args) + 16, other.va(other.args) + 512n);
        core.doGrantTableOp(2, other.va(other.args), 1);
        const frame = Number(host.get64(other.address(other.args) + 512));
        if (frame > 0 && frame < 64 * 256 && core.pageOwner(frame) === other.domid) {
          const ref = r(40);
          host.set32(frame * 4096 + ref * 8 + 4, Number(BigInt.asUintN(32, anyMfn())));
          host.set16(frame * 4096 + ref * 8 + 2, r(6) ? g.domid : r(4));
          if (!(host.get16(frame * 4096 + ref * 8) & 24) || !r(8)) host.set16(frame * 4096 + ref * 8, r(8));
        }
        g.become();
        host.set64(at, r(2) ? (BigInt(g.mfns[3]!) << 12n) | BigInt(r(512) * 8) : anyVa(g));
        host.set32(at + 8, r(10) ? [2, 18, 6, 22, 3, 1, 19][r(7)]! : r(2 ** 32));
        host.set32(at + 12, r(10) ? r(40) : r(2 ** 32));
        host.set16(at + 16, r(8) ? other.domid : anyDomid());
        result = core.doGrantTableOp(0, va, 1);
        break;
      }
      case 13: {
        host.set64(at, r(2) ? (BigInt(g.mfns[3]!) << 12n) | BigInt(r(512) * 8) : anyVa(g));
        host.set64(at + 8, r(2) ? 0n : anyMfn() << 12n);
        host.set32(at + 16, r(10) ? r(48) : r(2 ** 32));
        if (!r(4)) host.set64(at + 8, anyVa(g));
        result = core.doGrantTableOp(r(4) ? 1 : 7, va, 1);
        break;
      }
      case 14: {
        host.set64(at, r(2) ? BigInt(r(40)) : anyMfn());
        host.set16(at + 8, anyDomid());
        host.set16(at + 10, r(5000));
        host.set64(at + 16, r(2) ? BigInt(r(40)) : anyMfn());
        host.set16(at + 24, anyDomid());
        host.set16(at + 26, r(5000));
        host.set16(at + 32, r(600));
        host.set16(at + 34, r(5));
        result = core.doGrantTableOp(5, va, 1);
        break;
      }
      default: {
        for (let i = 0; i < 64; i += 4) host.set32(at + i, r(3) ? r(40) : r(2 ** 32));
        if (r(2)) host.set16(at, anyDomid());
        result = core.doGrantTableOp(r(14), va, r(10) ? 1 : r(2 ** 32));
      }
    }
    const kind = result >= 0n ? 0n : result;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (call % 5000 === 4999) {
      core.become(DOM0);
      expect(core.checkMemory(), `after call ${call}\n${host.log()}`).toBe(0);
      // Domains wear out: after some time they have given away the frames that they need to do harm.
      destroyBoth();
      guests = [new PvDomain(host, 1, 96, 64), new PvDomain(host, 2, 96, 64)];
    }
  }

  function destroyBoth(): void {
    core.become(DOM0);
    for (const domid of [1, 2]) {
      core.dropVcpu(domid);
      while (core.relinquishMemory(domid));
    }
    // Each domain may have held frames that the other one granted.
    for (const domid of [1, 2]) {
      expect(core.memoryDomainGone(domid), `domain ${domid} stays\n${host.log()}`).toBe(1);
    }
    for (const domid of [1, 2]) core.forgetDomain(domid);
  }

  // Calls succeeded often, and they failed often.
  expect(counts.get(0n)).toBeGreaterThan(CALLS / 10);
  expect(counts.get(-22n)).toBeGreaterThan(CALLS / 50);
  expect(host.bytes.subarray(sibling.address(20), sibling.address(21)).every((byte) => byte === 0x5a)).toBe(true);
  destroyBoth();
  destroy(host, 3);
  expect(core.checkMemory(), host.log()).toBe(0);
  // All that is missing at the end is what the test itself keeps: three frames of Domain and Vcpu structures for every domain it made, and the two
  // pages of memory/scratch.ts.
  const made = 1 + 2 * (1 + Math.floor(CALLS / 5000));
  expect(before - core.freePages()).toBeLessThanOrEqual(made * 3 + 2);
});

test("the checker finds a reference too many, and one too few", async () => {
  const host = await Host.boot(64);
  const { core } = host;
  const g = new PvDomain(host, 1, 40);
  const mfn = g.mfns[20]!;
  expect(core.checkMemory()).toBe(0);
  core.getPage(BigInt(mfn), 1);
  expect(core.checkMemory()).toBe(1);
  core.getPageType(mfn, 7);
  expect(core.checkMemory()).toBe(2);
  core.putPageType(mfn);
  core.putPage(mfn);
  core.putPageType(mfn);
  expect(core.checkMemory()).toBe(1);
  expect(host.log()).toContain("type references of");
});
