/**
 * The trace of a PVH domain's accesses to ports and to what is no memory: each record has place, width, value and instruction, and the trace changes
 * nothing of what the guest sees.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { traceCalls, type TraceCall } from "../../../core/api/trace/calls.ts";
import { ACCESSES } from "../../../core/api/trace/names.ts";
import { EXIT_VMCALL } from "../../../core/machine/cpu/exits.ts";
import { Tracer } from "../../../core/toolstack/trace/tracer.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

const HOLE = 0x30000000n;
const ONES = [0xffn, 0xffffn, 0xffffffffn, 0xffffffffffffffffn] as const;
/** What guest/accesses.c does: at which label, what kind of access, where, how wide, and the value (null: any value). */
const EXPECTED: [label: string, name: string, address: bigint, width: number, value: bigint | null][] = [
  ["inb", "port read", 0x71n, 1, ONES[0]],
  ["inw", "port read", 0x3f8n, 2, ONES[1]],
  ["inl", "port read", 0xcf8n, 4, ONES[2]],
  ["outb", "port write", 0x80n, 1, 0x5an],
  ["outw", "port write", 0x1f0n, 2, 0x1234n],
  ["outl", "port write", 0xcf8n, 4, 0x80000010n],
  ["outs", "port write", 0x3f9n, 1, 1n],
  ["outs", "port write", 0x3f9n, 1, 2n],
  ["outs", "port write", 0x3f9n, 1, 3n],
  ["ins", "port read", 0x1f0n, 2, ONES[1]],
  ["outshole", "device read", HOLE + 0x60n, 1, ONES[0]],
  ["outshole", "port write", 0x3f9n, 1, ONES[0]],
  ["inshole", "device write", HOLE + 0x61n, 1, ONES[0]],
  ["inshole", "port read", 0x1f0n, 1, ONES[0]],
  ["read1", "device read", HOLE + 1n, 1, ONES[0]],
  ["read2", "device read", HOLE + 2n, 2, ONES[1]],
  ["read4", "device read", HOLE + 4n, 4, ONES[2]],
  ["read8", "device read", HOLE + 8n, 8, ONES[3]],
  ["push", "device read", HOLE + 0x48n, 8, ONES[3]],
  ["apic", "device read", 0xfee00030n, 4, null],
  ["write1", "device write", HOLE + 1n, 1, 0x5an],
  ["write2", "device write", HOLE + 2n, 2, 0x1234n],
  ["write4", "device write", HOLE + 4n, 4, 0x12345678n],
  ["write8", "device write", HOLE + 8n, 8, 0x1122334455667788n],
  // It is one read and one write.
  ["add", "device read", HOLE + 0x10n, 4, ONES[2]],
  ["add", "device write", HOLE + 0x10n, 4, 4n],
  ["wide", "device read", HOLE + 0x20n, 8, ONES[3]],
  ["wide", "device read", HOLE + 0x28n, 8, ONES[3]],
  ...[0, 1, 2, 3].map(
    (i) => ["copy", "device read", HOLE + 0x100n + BigInt(4 * i), 4, ONES[2]] as (typeof EXPECTED)[number],
  ),
  ["traced", "device read", HOLE + 0x44n, 4, ONES[2]],
];
const SAID = [
  "PORTS in ffffffff ins ffff",
  "READ ff ffff ffffffff ffffffffffffffff ffffffffffffffff version 50014",
  "COPIED ffffffff",
  "TRAPS 4",
  "DONE",
];
const expectedOf = (name: string): number => EXPECTED.filter((each) => each[1] === name).length;

describe.skipIf(!haveCompiler)("a PVH domain's accesses", () => {
  let host: PvhHost;
  let tracer: Tracer;
  beforeAll(async () => {
    host = await PvhHost.open();
    tracer = new Tracer(host.host);
  }, 120_000);
  afterAll(() => host.close());

  /** What the hypervisor has counted, by the names of the calls. */
  const counts = (calls: number[]): Record<string, number> =>
    Object.fromEntries([...ACCESSES].map(([number, name]) => [name, calls[number]!]));
  const addressOf = (said: string[], label: string): bigint =>
    BigInt(`0x${said.find((line) => line.startsWith(`AT ${label} `))!.split(" ")[2]}`);
  /** Traces a guest from its first instruction to its end, or to the point where it waits. */
  async function traced(
    words: string,
  ): Promise<{ domid: number; accesses: TraceCall[]; lost: number; calls: number[] }> {
    const domid = await host.start(`accesses ${words}`, { paused: true });
    const heard = { domid, accesses: [] as TraceCall[], lost: 0, calls: [] as number[] };
    const stop = await tracer.listen(domid, ({ records, lost, calls }) => {
      const taken = traceCalls(records);
      heard.accesses.push(...taken.filter(({ access }) => access !== null));
      heard.lost += lost + taken.reduce((sum, call) => sum + call.lost, 0);
      if (calls.length > 0) heard.calls = calls;
    });
    await host.host.toolstack.request("unpause", { domid });
    await host.until("its end", () => host.said(domid).some((line) => /^(DONE|TABLE)$/.test(line)));
    heard.calls = tracer.counts(domid).calls;
    await stop();
    return heard;
  }

  it("are recorded in their order, each with place, width, direction, value and instruction", async () => {
    const { domid, accesses, lost, calls } = await traced("wait rounds=1000");
    const said = host.said(domid);
    expect(said.slice(-SAID.length), host.log.slice(-2000)).toEqual(SAID);
    expect(lost).toBe(0);
    const found = accesses.map(({ name, access, parameters, rip, vcpu }) => {
      const value = BigInt(parameters.find(([what]) => what === "value")![1]);
      return { name, ...access!, value, rip, vcpu };
    });
    const first = found.slice(0, EXPECTED.length);
    expect(first).toEqual(
      EXPECTED.map(([label, name, address, width, value], i) => ({
        name,
        space: name.startsWith("port") ? "port" : "device",
        isWrite: name.endsWith("write"),
        address,
        width,
        value: value ?? first[i]?.value,
        rip: addressOf(said, label),
        vcpu: 0,
      })),
    );
    // A loop, also after it was translated: each of its accesses is recorded once.
    const rest = found.slice(EXPECTED.length);
    expect(rest.length).toBe(1000);
    for (const { name, address, rip } of rest)
      expect([name, address, rip]).toEqual(["device read", HOLE + 0x40n, addressOf(said, "loop")]);
    expect(counts(calls)).toEqual({
      "port read": expectedOf("port read"),
      "port write": expectedOf("port write"),
      "device read": expectedOf("device read") + 1000,
      "device write": expectedOf("device write"),
    });
    await host.host.toolstack.request("destroy", { domid });
    expect(await host.violations()).toBe(0);
  });

  it("are counted and not recorded while nobody looks, and the guest sees the same", async () => {
    const domid = await host.start("accesses wait rounds=1000");
    await host.until("its end", () => host.said(domid).includes("DONE"));
    expect(host.said(domid).slice(-SAID.length), host.log.slice(-2000)).toEqual(SAID);
    let recorded = 0;
    const stop = await tracer.listen(domid, ({ records }) => (recorded += records.length));
    expect(counts(tracer.counts(domid).calls)).toEqual({
      "port read": expectedOf("port read"),
      "port write": expectedOf("port write"),
      "device read": expectedOf("device read") + 1000,
      "device write": expectedOf("device write"),
    });
    await stop();
    expect(recorded).toBe(0);
    const { toolstack } = host.host;
    const counted = await toolstack.request("domainCounts", { domid });
    expect(counts(counted.calls)["device write"]).toBe(expectedOf("device write"));
    // The guest has made its last hypercall, each of them by a VMCALL. It now spins, and it has had no page fault.
    expect(counted.exits[EXIT_VMCALL]).toBe(counted.hypercalls);
    expect(counted.hypercalls).toBeGreaterThan(SAID.length);
    expect(counted.pageFaults).toBe(0);
    expect(counted.created).toBeLessThan(counted.time);
    expect(counted.cpuTime).toBeLessThanOrEqual(counted.time - counted.created);
    await expect(toolstack.request("domainCounts", { domid: 999 })).rejects.toThrow(/There is no domain 999/);
    await host.host.toolstack.request("destroy", { domid });
  });

  it("that come faster than they are read are counted, and the guest goes on", async () => {
    const rounds = 50_000;
    const { domid, accesses, lost, calls } = await traced(`wait rounds=${rounds}`);
    expect(counts(calls)["device read"]).toBe(expectedOf("device read") + rounds);
    expect(lost).toBeGreaterThan(0);
    expect(accesses.length + lost).toBeGreaterThanOrEqual(rounds);
    await host.host.toolstack.request("destroy", { domid });
    expect(await host.violations()).toBe(0);
  });

  it("go on while the trace is turned on and off", async () => {
    const { toolstack } = host.host;
    await toolstack.request("traceBuffers");
    const domid = await host.start("accesses wait rounds=1000000000000");
    await host.until("its loop", () => host.said(domid).includes("TRAPS 4"));
    const accessesOf = async (): Promise<number> =>
      Object.values(counts((await toolstack.request("domainCounts", { domid })).calls)).reduce((sum, n) => sum + n, 0);
    for (let turns = 0; turns < 200; turns++) {
      await toolstack.request("traceDomain", { domid, on: true });
      await toolstack.request("traceDomain", { domid, on: false });
    }
    const before = await accessesOf();
    await expect.poll(accessesOf).toBeGreaterThan(before);
    expect(host.log).not.toMatch(new RegExp(`d${domid}v0 (reads|writes) where it has no memory`));
    await toolstack.request("destroy", { domid });
    expect(await host.violations()).toBe(0);
  });

  it("by page tables in no memory end the domain, as without a trace", async () => {
    const { domid } = await traced("table");
    expect((await host.ended(domid)).reason).toBe("crash");
    expect(host.log).toMatch(
      new RegExp(`d${domid}v0 (reads|writes) where it has no memory: guest-physical 0*30000000`),
    );
    expect(await host.violations()).toBe(0);
  });
});
