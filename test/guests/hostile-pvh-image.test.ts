/** Images of PVH domains that somebody else has made: each is refused with a sentence or is a domain like any other, and leaves nothing behind. */
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as save from "../../core/abi/hvm_save.ts";
import { HVM_PARAM_CONSOLE_PFN, HVM_PARAM_STORE_PFN } from "../../core/abi/hvm_params.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { entryContext } from "../../core/dom0/builder/pvh/context.ts";
import * as stream from "../../core/dom0/saved/stream.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";
import { writeImage } from "./saved-image.ts";
import { onConsole } from "./on-console.ts";

const file = path.join(temporaryFolder("hostile-pvh"), "pvh.saved");
const [CODE, STORE, CONSOLE] = [1, 2, 3];
let host: HostService;
const { ask } = onConsole(() => host);

function pages(entries: readonly bigint[]): Uint8Array {
  const head = Buffer.alloc(8 + 8 * entries.length);
  head.writeUInt32LE(entries.length, 0);
  entries.forEach((entry, i) => head.writeBigUInt64LE(entry, 8 + 8 * i));
  const data = Buffer.alloc(4096 * entries.length);
  // An endless loop at the beginning of each page.
  entries.forEach((_, i) => data.set([0xeb, 0xfe], 4096 * i));
  return stream.record(stream.REC_PAGE_DATA, head, data);
}
function parameters(...pairs: [number, bigint][]): Uint8Array {
  const body = Buffer.alloc(8 + 16 * pairs.length);
  body.writeUInt32LE(pairs.length, 0);
  pairs.forEach(([index, value], i) => {
    body.writeBigUInt64LE(BigInt(index), 8 + 16 * i);
    body.writeBigUInt64LE(value, 16 + 16 * i);
  });
  return stream.record(stream.REC_HVM_PARAMS, body);
}
const WHOLE_PAGES = [0n, 1n, 2n, 3n];
const RINGS: [number, bigint][] = [
  [HVM_PARAM_STORE_PFN, BigInt(STORE)],
  [HVM_PARAM_CONSOLE_PFN, BigInt(CONSOLE)],
];
/** Where the CPU's record lies in entryContext(). */
const CPU = 2 * save.HVM_SAVE_DESCRIPTOR_SIZE + save.HVM_SAVE_HEADER_SIZE;
function context(change: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = Buffer.from(entryContext(CODE << 12, 0));
  change(bytes);
  return bytes;
}
/** Returns the context with another record before its end. */
function contextWith(code: number, body: Buffer, instance = 0): Buffer {
  const descriptor = Buffer.alloc(save.HVM_SAVE_DESCRIPTOR_SIZE);
  descriptor.writeUInt16LE(code, save.HVM_SAVE_DESCRIPTOR_TYPECODE);
  descriptor.writeUInt16LE(instance, save.HVM_SAVE_DESCRIPTOR_INSTANCE);
  descriptor.writeUInt32LE(body.length, save.HVM_SAVE_DESCRIPTOR_LENGTH);
  const whole = context();
  const end = whole.length - save.HVM_SAVE_DESCRIPTOR_SIZE;
  return Buffer.concat([whole.subarray(0, end), descriptor, body, whole.subarray(end)]);
}
const word = (size: number, at: number, value: bigint): Buffer => {
  const bytes = Buffer.alloc(size);
  bytes.writeBigUInt64LE(value, at);
  return bytes;
};
/** struct hvm_msr with `count` registers, each with index, reserved word and value. */
function msrs(count: number, ...entries: [index: number, reserved: number, value: bigint][]): Buffer {
  const bytes = Buffer.alloc(save.HVM_MSR_SIZE + save.HVM_ONE_MSR_SIZE * entries.length);
  bytes.writeUInt32LE(count, save.HVM_MSR_COUNT);
  entries.forEach(([index, reserved, value], i) => {
    const at = save.HVM_MSR_MSR + save.HVM_ONE_MSR_SIZE * i;
    bytes.writeUInt32LE(index, at + save.HVM_ONE_MSR_INDEX);
    bytes.writeUInt32LE(reserved, at + save.HVM_ONE_MSR_RSVD);
    bytes.writeBigUInt64LE(value, at + save.HVM_ONE_MSR_VAL);
  });
  return bytes;
}
const SPEC_CTRL = 0x48;
const DR2_ADDRESS_MASK = 0xc001101a;
interface Image {
  pages?: readonly bigint[];
  rings?: [number, bigint][];
  context?: Buffer | null;
}
function write(image: Image): void {
  const { pages: entries = WHOLE_PAGES, rings = RINGS, context: bytes = context() } = image;
  const records = [stream.headers(4, 17, "pvh")];
  // A record has at most 8 MiB.
  for (let from = 0; from < entries.length; from += 1000) records.push(pages(entries.slice(from, from + 1000)));
  if (bytes) records.push(stream.record(stream.REC_HVM_CONTEXT, bytes));
  writeImage(file, "pvh", [...records, parameters(...rings), stream.record(stream.REC_END)], "pvh");
}
const freeFrames = async (): Promise<number> =>
  (await ask("frameMap", {})).palette
    .filter(({ kind }) => kind === "free")
    .reduce((sum, { frames }) => sum + frames, 0);

beforeAll(async () => {
  host = builtHost();
  await host.powerOn();
});
afterAll(() => host.powerOff(1000));

describe("an image of a PVH domain", () => {
  it("that is whole is restored", async () => {
    write({});
    const { domid } = await ask("restore", { file });
    await ask("destroy", { domid });
  });

  it("that has registers of other processors, all zero, is restored", async () => {
    const zero: [number, number, bigint][] = [
      [SPEC_CTRL, 0, 0n],
      [DR2_ADDRESS_MASK, 0, 0n],
    ];
    write({ context: contextWith(save.CPU_MSR_CODE, msrs(2, ...zero)) });
    const { domid } = await ask("restore", { file });
    await ask("destroy", { domid });
  });

  const refusedContext = /the hypervisor refused domctl sethvmcontext/;
  const refusedMsrs = (bytes: Buffer, errno: string): [Image, RegExp] => [
    { context: contextWith(save.CPU_MSR_CODE, bytes) },
    new RegExp(`the hypervisor refused domctl sethvmcontext.*: ${errno}`),
  ];
  it.each<[string, Image, RegExp]>([
    ["a page twice", { pages: [0n, 1n, 2n, 3n, 1n] }, /it has page 1 twice/],
    ["a page of a type", { pages: [0n, 1n | (1n << 60n), 2n, 3n] }, /page 1 has type 1/],
    ["a page far out", { pages: [0n, 1n, 2n, 3n, 1n << 40n] }, /it has page 1099511627776/],
    ["too many pages", { pages: Array.from({ length: 4200 }, (_, i) => BigInt(i)) }, /more than the 4096 pages/],
    ["no context", { context: null }, /it has no HVM context/],
    ["no rings", { rings: [] }, /it does not say where xenstore's ring is/],
    ["a ring that is not there", { rings: [RINGS[0]!, [HVM_PARAM_CONSOLE_PFN, 9n]] }, /the console's ring is page 9/],
    [
      "paging without protection",
      { context: context((b) => b.writeUInt32LE(0x80000000, CPU + save.HVM_HW_CPU_CR0)) },
      refusedContext,
    ],
    [
      "an unknown bit in CR4",
      { context: context((b) => b.writeUInt32LE((1 << 31) >>> 0, CPU + save.HVM_HW_CPU_CR4)) },
      refusedContext,
    ],
    [
      "an unknown bit in EFER",
      { context: context((b) => b.writeUInt32LE(2, CPU + save.HVM_HW_CPU_MSR_EFER)) },
      refusedContext,
    ],
    [
      "RIP that is no address",
      { context: context((b) => b.writeBigUInt64LE(1n << 60n, CPU + save.HVM_HW_CPU_RIP)) },
      refusedContext,
    ],
    ["a context cut off", { context: context().subarray(0, 500) }, refusedContext],
    ["a record of another kind", { context: contextWith(3, Buffer.alloc(8)) }, refusedContext],
    ["a vCPU too many", { context: contextWith(save.HVM_SAVE_CODE_LAPIC_REGS, Buffer.alloc(1024), 9) }, refusedContext],
    ["an APIC elsewhere", { context: contextWith(save.HVM_SAVE_CODE_LAPIC, word(24, 0, 0xfed00800n)) }, refusedContext],
    [
      "XCR0 without x87",
      { context: contextWith(save.CPU_XSAVE_CODE, word(600, save.HVM_HW_CPU_XSAVE_XCR0, 4n)) },
      refusedContext,
    ],
    ["half a count of MSRs", ...refusedMsrs(Buffer.alloc(4), "EINVAL")],
    ["fewer MSRs than it says", ...refusedMsrs(msrs(2, [SPEC_CTRL, 0, 0n]), "EOPNOTSUPP")],
    ["more MSRs than it says", ...refusedMsrs(msrs(0, [SPEC_CTRL, 0, 0n]), "EOPNOTSUPP")],
    ["as many MSRs as there are numbers", ...refusedMsrs(msrs(0xffffffff, [SPEC_CTRL, 0, 0n]), "EOPNOTSUPP")],
    ["so many MSRs that their bytes wrap around", ...refusedMsrs(msrs(0x10000001, [SPEC_CTRL, 0, 0n]), "EOPNOTSUPP")],
    ["an MSR with reserved bits", ...refusedMsrs(msrs(1, [SPEC_CTRL, 1, 0n]), "EOPNOTSUPP")],
    ["an MSR that no vCPU here has", ...refusedMsrs(msrs(1, [SPEC_CTRL, 0, 1n]), "ENXIO")],
    ["an MSR that is never saved", ...refusedMsrs(msrs(1, [0x1b, 0, 0n]), "ENXIO")],
    ["a PAT that is none", { context: contextWith(save.HVM_SAVE_CODE_MTRR, word(240, 0, 0x0202n)) }, refusedContext],
  ])("with %s is refused, and nothing of it stays", async (_what, image, message) => {
    const before = await freeFrames();
    write(image);
    await expect(ask("restore", { file })).rejects.toThrow(message);
    await expect.poll(freeFrames).toBeGreaterThanOrEqual(before - 32);
    expect((await ask("list")).map(({ name }) => name)).toEqual(["Domain-0"]);
    expect(await ask("checkInvariants")).toBe(0);
  });

  it("with any vCPU state runs or is refused, and the host goes on", async () => {
    let seed = 12345;
    const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8;
    let restored = 0;
    for (let round = 0; round < 40; round++) {
      const registers = Buffer.from(Array.from({ length: 1024 }, random));
      const bytes = contextWith(save.HVM_SAVE_CODE_LAPIC_REGS, registers);
      for (let n = 0; n < 12; n++) bytes[CPU + (random() % save.HVM_HW_CPU_SIZE)] = random() & 0xff;
      write({ context: bytes });
      const result = await ask("restore", { file }).catch((error: Error) => error);
      if (result instanceof Error) expect(result.message).toMatch(refusedContext);
      else restored++;
      for (const { domid } of await ask("list"))
        // It may end by itself at any moment.
        if (domid)
          await ask("destroy", { domid }).catch((error: Error) => expect(error.message).toMatch(/^There is no domain/));
    }
    expect(restored).toBeGreaterThan(0);
    expect(await ask("checkInvariants")).toBe(0);
  }, 120_000);
});
