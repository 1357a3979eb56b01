/** Compares what the Inspect requests say about real guests with what the guests say themselves. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { Arguments, RequestName, Results, ServerMessage } from "../../core/api/schema.ts";
import { Session } from "../../core/api/session.ts";
import { Disassembler } from "../../core/toolstack/inspect/disassembly.ts";
import { endsWithCall } from "../../core/toolstack/inspect/guest-code.ts";
import { debianKernel, guestsMissing, initramfs } from "../guests/images.ts";
import { builtHost } from "../built-host.ts";
import { bundledGuest } from "../dist.ts";
import { onConsole } from "../guests/on-console.ts";

const guests = guestsMissing();
/** Longer than a loaded machine needs. */
const SOON = { timeout: 15_000 };
let host: HostService;
let session: Session;
const sent = new Map<number, ServerMessage>();
let next = 1;

async function ask<N extends RequestName>(name: N, args: Arguments<N>): Promise<Results[N]> {
  const id = next++;
  await session.receive({ id, request: name, args });
  const answer = sent.get(id)!;
  if ("error" in answer) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  return (answer as { result: Results[N] }).result;
}
/** Sends requests as a client that follows no rule. */
const dare = (name: string, args: unknown): Promise<unknown> => ask(name as RequestName, args as never);

const input = (domid: number, text: string): Promise<unknown> =>
  host.toolstack.request("consoleInput", { domid, bytes: new TextEncoder().encode(text) });
const { shown: output } = onConsole(() => host);

/** Waits until the domain has written the text. */
async function said(domid: number, text: string, seconds: number): Promise<void> {
  const isSaid = async (): Promise<void> => expect(await output(domid)).toContain(text);
  await vi.waitFor(isSaid, { timeout: seconds * 1000, interval: 100 });
}

/** Returns the loaded segments of an ELF file. */
function segments(bytes: Buffer): { address: bigint; bytes: Buffer }[] {
  const at = Number(bytes.readBigUInt64LE(32));
  return Array.from({ length: bytes.readUInt16LE(56) }, (_, n) => at + n * bytes.readUInt16LE(54))
    .filter((header) => bytes.readUInt32LE(header) === 1)
    .map((header) => {
      const offset = Number(bytes.readBigUInt64LE(header + 8));
      const size = Number(bytes.readBigUInt64LE(header + 32));
      return { address: bytes.readBigUInt64LE(header + 16), bytes: bytes.subarray(offset, offset + size) };
    });
}
const hex = (value: bigint): string => `0x${value.toString(16)}`;

beforeAll(async () => {
  host = builtHost({ memoryMiB: 512, firstGuest: true });
  await host.powerOn();
  session = new Session(host, {
    send: (message) => "id" in message && void sent.set(message.id, message),
    backlog: 0,
    end: () => {},
    mayNameFiles: false,
  });
  await said(1, "mini> ", 30);
});
afterAll(async () => {
  session.end();
  await host.powerOff(1000);
});

describe("the bundled guest", () => {
  it("has its vCPU's registers, code that is the kernel's own, and its callers on the stack", async () => {
    const report = await ask("inspectRegisters", { domid: 1, vcpu: 0 });
    expect(report).toMatchObject({ domid: 1, vcpu: 0, online: true, mode: "kernel", bits: 64, ranMeanwhile: false });
    expect(report.general.map(({ name }) => name)).toEqual(expect.arrayContaining(["RAX", "RSP", "R15"]));
    expect(report.control.map(({ name }) => name)).toEqual(["CR0", "CR2", "CR3", "CR3 user", "CR4"]);
    expect(report.vectors.registers.map(({ name, value }) => [name, value.length])).toEqual(
      Array.from({ length: 16 }, (_, n) => [`XMM${n}`, 34]),
    );
    expect(report.vectors.mxcsr.set).toEqual(expect.arrayContaining(["IM", "ZM", "PM"]));
    expect(report.control[0]!.set).toEqual(expect.arrayContaining(["PE", "PG"]));
    expect(report.rflags.set).toContain("IF");
    expect(report.segments[0]).toMatchObject({ name: "CS", selector: 0xe033 });
    // It is blocked in a hypercall, so the instruction before RIP is the SYSCALL of its hypercall page.
    const at = report.code.findIndex(({ address }) => address === report.rip.address);
    expect(report.code[at - 1]).toMatchObject({ text: "syscall", bytes: "0f05" });
    expect(report.stack[0]).toMatchObject({ by: "rip", slot: null });
    expect(report.stack.length).toBeGreaterThan(2);
    // A CALL in the file precedes each of them.
    const loaded = segments(readFileSync(bundledGuest));
    for (const { address } of report.stack.slice(1)) {
      const value = BigInt(address);
      const segment = loaded.find((each) => value > each.address && value < each.address + BigInt(each.bytes.length))!;
      const offset = Number(value - segment.address);
      expect(endsWithCall(segment.bytes.subarray(offset - 7, offset))).toBe(true);
    }
  });

  it("shows a vCPU that works as running, and never the same twice", async () => {
    await input(1, "load 1\r");
    await expect.poll(async () => (await ask("inspectRegisters", { domid: 1, vcpu: 0 })).ranMeanwhile, SOON).toBe(true);
    // The branches of its loop lead to places that its ELF file names.
    await expect
      .poll(
        async () => (await ask("inspectRegisters", { domid: 1, vcpu: 0 })).code.map(({ target }) => target?.symbol),
        SOON,
      )
      .toContainEqual(expect.stringMatching(/^[a-z_]+/));
    await input(1, "load 0\r");
    await expect.poll(async () => (await ask("inspectRegisters", { domid: 1, vcpu: 0 })).blocked, SOON).toBe(true);
  }, 60_000);

  it("has in its memory what its file has, by virtual and by pseudo-physical address", async () => {
    const [first] = segments(readFileSync(bundledGuest));
    const virtual = await ask("inspectMemory", {
      ...{ domid: 1, vcpu: 0, space: "virtual", bytes: 4096 },
      address: hex(first!.address + 0x10n),
    });
    expect(virtual.pieces.map(({ length }) => length)).toEqual([4080, 16]);
    const bytes = Buffer.concat(virtual.pieces.map((piece) => piece.bytes!));
    const wanted = first!.bytes.subarray(0x10, 0x10 + 4096);
    expect(bytes.subarray(0, wanted.length).equals(wanted)).toBe(true);
    // The walk leads to the frame that the machine-to-physical table names.
    const walk = await ask("inspectWalk", { domid: 1, vcpu: 0, address: hex(first!.address + 0x10n) });
    const { pfn, mfn } = walk.steps.at(-1)!.frame!;
    const physical = await ask("inspectMemory", {
      ...{ domid: 1, vcpu: 0, space: "pseudo-physical", bytes: 4080 },
      address: hex(BigInt(pfn!) * 4096n + 0x10n),
    });
    expect(physical.pieces[0]!.mfn).toBe(mfn);
    expect(Buffer.from(physical.pieces[0]!.bytes!).equals(bytes.subarray(0, 4080))).toBe(true);
    const nothing = await ask("inspectMemory", {
      domid: 1,
      vcpu: 0,
      space: "virtual",
      bytes: 64,
      address: "fffffffffffffff0",
    });
    expect(nothing.pieces).toEqual([{ address: "0xfffffffffffffff0", length: 16, bytes: null, mfn: null }]);
    const beyond = await ask("inspectMemory", {
      ...{ domid: 1, vcpu: 0, space: "pseudo-physical", bytes: 32, address: "ffffff000" },
    });
    expect(beyond.pieces[0]).toMatchObject({ bytes: null, mfn: null });
  });

  it("has its page tables walked, each frame with owner, type and counts", async () => {
    const [first] = segments(readFileSync(bundledGuest));
    const walk = await ask("inspectWalk", { domid: 1, vcpu: 0, address: hex(first!.address) });
    expect(walk.root).toMatchObject({ owner: "domain 1", type: "PGT_l4_page_table" });
    expect(walk.root!.typeFlags).toContain("PGT_pinned");
    expect(walk.steps.map(({ level }) => level)).toEqual([4, 3, 2, 1]);
    expect(walk.steps.slice(0, 3).map(({ frame }) => frame?.type)).toEqual([
      "PGT_l3_page_table",
      "PGT_l2_page_table",
      "PGT_l1_page_table",
    ]);
    for (const { frame, flags } of walk.steps) {
      expect(frame).toMatchObject({ domid: 1, owner: "domain 1" });
      expect(frame!.references).toBeGreaterThan(0);
      expect(flags[0]).toEqual({ name: "P", meaning: "Present" });
    }
    // Each entry lies in the table that the entry before it names.
    for (const [n, { address, index }] of walk.steps.entries()) {
      const table = n === 0 ? walk.root!.mfn : walk.steps[n - 1]!.frame!.mfn;
      expect(BigInt(address)).toBe(BigInt(table) * 4096n + BigInt(8 * index));
    }
    expect(walk).toMatchObject({ pageBytes: 4096, rights: { executable: expect.any(Boolean) } });
    const leaf = walk.steps[3]!.frame!;
    expect(await ask("inspectFrame", { mfn: leaf.mfn })).toMatchObject({ mfn: leaf.mfn, pfn: leaf.pfn });
  });

  it("ends a walk where it ends, and says why", async () => {
    const end = async (address: string) => (await ask("inspectWalk", { domid: 1, vcpu: 0, address })).end;
    expect(await end("0x0000800000000000")).toMatch(/not canonical/);
    expect(await end("0x00007fffffffffff")).toMatch(/L4 entry 255 is not present/);
    // Xen's own slot holds the machine-to-physical table, which is read-only and belongs to Xen.
    const m2p = await ask("inspectWalk", { domid: 1, vcpu: 0, address: "ffff800000000000" });
    expect(m2p.steps.at(-1)!.frame).toMatchObject({ owner: "Xen", domid: null });
    expect(m2p.rights).toMatchObject({ writable: false });
    await expect(ask("inspectWalk", { domid: 1, vcpu: 0, address: "0", tables: "user" })).rejects.toThrow(
      /no page tables/,
    );
  });

  it("counts its events by port", async () => {
    // An idle guest has no timer.
    await input(1, "load 1\r");
    const before = await ask("inspectEvents", { domid: 1 });
    const timer = (report: Results["inspectEvents"]) => report.ports.find(({ virq }) => virq === 0)!;
    await expect
      .poll(async () => timer(await ask("inspectEvents", { domid: 1 })).received, SOON)
      .toBeGreaterThan(timer(before).received);
    await input(1, "load 0\r");
    const { port } = (await host.toolstack.request("wiring", { domid: 1 })).devices[0]!.rings[0]!.frontendPort!;
    const console = async () => (await ask("inspectEvents", { domid: 1 })).ports.find((each) => each.port === port)!;
    const was = await console();
    await input(1, "help\r");
    await expect.poll(async () => (await console()).received, SOON).toBeGreaterThan(was.received);
    await expect.poll(async () => (await console()).sent!, SOON).toBeGreaterThan(was.sent!);
    // Both ends count the same number.
    const here = await console();
    const there = (await ask("inspectEvents", { domid: 0 })).ports.find((each) => each.port === here.remotePort)!;
    expect(there).toMatchObject({ received: here.sent, remotePort: port });
  });

  it("has its grants, with who holds them", async () => {
    const { entries, version } = await ask("inspectGrants", { domid: 1 });
    expect(version).toBe(1);
    expect(entries.length).toBeGreaterThanOrEqual(2);
    for (const entry of entries)
      expect(entry).toMatchObject({ kind: "permit_access", domid: 0, use: { holder: 0, hostWrite: 1 } });
  });

  it("is not changed by being looked at", async () => {
    const accessed = async () => {
      const { steps } = await ask("inspectWalk", { domid: 1, vcpu: 0, address: "ffff800000000000" });
      return steps.map(({ value }) => value);
    };
    const before = await accessed();
    for (let n = 0; n < 20; n++)
      await ask("inspectMemory", { domid: 1, vcpu: 0, space: "virtual", bytes: 4096, address: "ffff800000000000" });
    expect(await accessed()).toEqual(before);
    expect(await ask("checkInvariants", {})).toBe(0);
  });
});

describe("a client that asks for nonsense", () => {
  it("is told what is wrong and what is allowed", async () => {
    const vcpu = { domid: 1, vcpu: 0 };
    await expect(dare("inspectRegisters", { domid: 77, vcpu: 0 })).rejects.toThrow(/no domain 77/);
    await expect(dare("inspectRegisters", { domid: 0, vcpu: 0 })).rejects.toThrow(/thread of the host/);
    await expect(dare("inspectRegisters", { domid: 1, vcpu: 99 })).rejects.toThrow(/vCPUs 0 to/);
    await expect(dare("inspectRegisters", { domid: 1, vcpu: 1.5 })).rejects.toThrow(/vcpu/);
    await expect(dare("inspectWalk", { ...vcpu, address: "0x12345678123456789" })).rejects.toThrow(/64 bits/);
    await expect(dare("inspectWalk", { ...vcpu, address: -1 })).rejects.toThrow(/address/);
    await expect(dare("inspectWalk", { ...vcpu, address: "0", tables: "other" })).rejects.toThrow(/tables/);
    await expect(dare("inspectFrame", { mfn: 0xffffffff })).rejects.toThrow(/ends before frame/);
    await expect(dare("inspectFrame", { mfn: 2 ** 40 })).rejects.toThrow(/mfn/);
    const memory = { ...vcpu, address: "0", space: "virtual" };
    for (const bytes of [0, -1, 4097, 2 ** 31, "all", NaN])
      await expect(dare("inspectMemory", { ...memory, bytes })).rejects.toThrow(/bytes/);
    await expect(dare("inspectMemory", { ...memory, space: "machine", bytes: 1 })).rejects.toThrow(/space/);
    await expect(
      dare("inspectMemory", { domid: 0, vcpu: 0, space: "pseudo-physical", address: "0", bytes: 1 }),
    ).rejects.toThrow(/thread/);
    await expect(dare("inspectSymbol", { domid: 1, name: "zebra" })).rejects.toThrow(/no function zebra/);
    await expect(dare("inspectSymbol", { domid: 1, name: "" })).rejects.toThrow(/name/);
    await expect(dare("inspectEvents", { domid: 77 })).rejects.toThrow(/no domain/);
    await expect(dare("inspectGrants", { domid: 77 })).rejects.toThrow(/no domain/);
  });

  it("gets memory of the domain's alone, at any address", async () => {
    let seed = 5n;
    for (let n = 0; n < 300; n++) {
      seed = BigInt.asUintN(64, seed * 6364136223846793005n + 1442695040888963407n);
      const address = (seed >> (seed & 31n)).toString(16);
      const space = n % 2 ? "virtual" : "pseudo-physical";
      await ask("inspectMemory", { domid: 1, vcpu: n & 1, address, space, bytes: Number(seed & 4095n) + 1 }).catch(
        (error: { code: string }) => expect(error.code).toBe("ENODATA"),
      );
      await ask("inspectWalk", { domid: 1, vcpu: 0, address });
    }
    expect(await ask("checkInvariants", {})).toBe(0);
  });

  it("asks a hundred times at once and is answered in turn", async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => ask("inspectRegisters", { domid: 1, vcpu: 0 })));
    expect(all).toHaveLength(100);
    expect(await ask("checkInvariants", {})).toBe(0);
  });
});

describe("disassembly", () => {
  it("begins where reading on meets RIP, and marks what is no instruction", async () => {
    const disassembler = await Disassembler.load();
    const bytes = Uint8Array.from(Buffer.from("90554889e5b8010000000f05c306ffff", "hex"));
    const start = 0xffffffff81000000n;
    const lines = disassembler.around({ start, bytes }, start + 10n, 64, null, { before: 8, after: 8 });
    expect(lines.map(({ text }) => text)).toEqual(["nop", "push rbp", "mov rbp, rsp", "mov eax, 1", "syscall", "ret"]);
    expect(disassembler.around({ start, bytes }, start + 10n, 64, start + 5n, { before: 8, after: 0 })).toHaveLength(2);
    expect(disassembler.around({ start, bytes: new Uint8Array() }, start, 64, null, { before: 8, after: 8 })).toEqual(
      [],
    );
    const bad = disassembler.lines(Uint8Array.from([6, ...Array<number>(20).fill(0x90)]), start, 64);
    expect(bad.slice(0, 2).map(({ text }) => text)).toEqual(["(bad)", "nop"]);
    const branch = disassembler.lines(Uint8Array.from([0xe8, 0xfb, 0xff, 0xff, 0xff]), start, 64);
    expect(branch[0]!.target).toBe(start);
  });
});

describe.skipIf(guests !== null)(`a Linux guest${guests ? ` (${guests})` : ""}`, () => {
  let domid: number;
  beforeAll(async () => {
    const created = await host.toolstack.request("create", {
      config: 'name = "linux"\nkernel = "k"\nramdisk = "r"\ncmdline = "console=hvc0"\nmemory = 256\n',
      files: { k: readFileSync(debianKernel()), r: readFileSync(initramfs("shell")) },
    });
    domid = created.domid;
    await said(domid, "GUEST-READY", 80);
  }, 120_000);

  it("has the symbols of its own kernel, in code and stack", async () => {
    const registers = () => ask("inspectRegisters", { domid, vcpu: 0 });
    await expect.poll(async () => (await registers()).symbols.state, { timeout: 60_000 }).toBe("ready");
    await expect.poll(async () => (await registers()).blocked, SOON).toBe(true);
    const report = await registers();
    expect(report.symbols.count).toBeGreaterThan(40_000);
    // An idle guest waits in SCHEDOP_block.
    const names = report.stack.map(({ symbol }) => symbol?.replace(/\+.*/, ""));
    expect(names).toEqual(expect.arrayContaining(["default_idle_call", "do_idle", "cpu_startup_entry"]));
    const { address } = await ask("inspectSymbol", { domid, name: "do_idle" });
    const idle = report.stack.find(({ symbol }) => symbol?.startsWith("do_idle+"))!;
    expect(hex(BigInt(address) + BigInt(idle.symbol!.slice("do_idle+".length)))).toBe(idle.address);
    expect(report.rip.symbol).toMatch(/^(xen_hypercall|hypercall_page)/);
  }, 120_000);

  it("says the same of an address as its page tables do", async () => {
    // The symbol in /proc/kallsyms leads to the text of the banner in its memory.
    await input(domid, "grep ' linux_banner$' /proc/kallsyms\n");
    await expect.poll(() => output(domid), { timeout: 30_000 }).toMatch(/[0-9a-f]{16} . linux_banner/);
    const address = /([0-9a-f]{16}) . linux_banner/.exec(await output(domid))![1]!;
    const memory = await ask("inspectMemory", { domid, vcpu: 0, space: "virtual", address, bytes: 64 });
    expect(Buffer.from(memory.pieces[0]!.bytes!).toString("latin1")).toMatch(/^Linux version 6\.1/);
    const walk = await ask("inspectWalk", { domid, vcpu: 0, address });
    expect(walk.steps).toHaveLength(4);
    expect(walk.rights).toMatchObject({ executable: false, user: false });
    expect(await ask("checkInvariants", {})).toBe(0);
  }, 60_000);

  it("has its ports with FIFO priorities and IPIs", async () => {
    const { abi, ports } = await ask("inspectEvents", { domid });
    expect(abi).toBe("FIFO");
    const timer = ports.find(({ virq }) => virq === 0)!;
    expect(timer.received).toBeGreaterThan(10);
    // Linux gives its timer the highest priority.
    expect(timer.priority).toBe(0);
    expect(ports.some(({ priority }) => priority === 7)).toBe(true);
  });
});
