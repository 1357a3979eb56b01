/** XSAVE's components as a PVH guest finds them, by the features that its configuration gives it; and what of them a saved guest keeps. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { REC_X86_CPUID_POLICY } from "../../../core/dom0/saved/stream.ts";
import { contentOf, fileOf } from "../../saved-blocks.ts";
import { temporaryFolder } from "../../temporary.ts";
import { PvhHost, haveCompiler } from "./pvh.ts";

const STREAM_HEADERS = 40;
/** Takes the line out of a saved domain's configuration, and unless `hasRecord` what its stream says of the processor's features. */
function withoutFeatures(file: Buffer, line: string, hasRecord: boolean): Buffer {
  const content = contentOf(file);
  const end = 4 + content.readUInt32LE();
  const header = JSON.parse(content.subarray(4, end).toString()) as Record<string, unknown> & {
    config: string;
    files: { size: number }[];
    consoleBytes: number;
  };
  expect(header.config).toContain(line);
  const json = Buffer.from(JSON.stringify({ ...header, config: header.config.replace(line, "") }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const first = header.files.reduce((sum, { size }) => sum + size, end + header.consoleBytes) + STREAM_HEADERS;
  expect(content.readUInt32LE(first)).toBe(REC_X86_CPUID_POLICY);
  const rest = hasRecord ? first : first + 8 + content.readUInt32LE(first + 4);
  return fileOf(Buffer.concat([length, json, content.subarray(end, first), content.subarray(rest)]));
}

describe.skipIf(!haveCompiler)("XSAVE in a PVH guest", () => {
  let host: PvhHost;
  beforeAll(async () => {
    host = await PvhHost.open();
  }, 120_000);
  afterAll(async () => {
    expect(await host.violations()).toBe(0);
    await host.close();
  });

  const REFUSED = ["0", "2", "4", "5", "6", "8", "e7", "8000000000000001"].map((value) => `XSETBV ${value}: vector 13`);
  const TAKEN = ["1", "3"].map((value) => `XSETBV ${value}: vector 0`);
  const leaves = (avx: boolean, enabled: string): string[] => [
    `LEAF D,0: ${avx ? 7 : 3} ${enabled} ${avx ? "340" : "240"}`,
    `LEAF D,1: 7 ${enabled} 0`,
    `LEAF D,2: ${avx ? "100 240" : "0 0"} 0`,
    "LEAF D,3: 0 0 0",
  ];
  /** What it says between CPUID before CR4.OSXSAVE and the end. */
  const all = (avx: boolean): string[] => [
    `BEFORE xsave 1 osxsave 0 avx ${avx ? 1 : 0}`,
    ...leaves(avx, "240"),
    "XSETBV without OSXSAVE: vector 6",
    `AFTER xsave 1 osxsave 1 avx ${avx ? 1 : 0}`,
    ...leaves(avx, "240"),
    ...REFUSED,
    ...TAKEN,
    `XSETBV 7: vector ${avx ? 0 : 13}`,
    `ENABLED xsave 1 osxsave 1 avx ${avx ? 1 : 0}`,
    ...leaves(avx, avx ? "340" : "240"),
    `XCR0 ${avx ? 7 : 3} in use ${avx ? 7 : 3} wrong bytes 0`,
    "END",
  ];

  it.each([
    ["host,avx=0", all(false)],
    ["host,avx=1", all(true)],
    [
      "host,avx=1,xsave=0,vme=0",
      [
        "BEFORE xsave 0 osxsave 0 avx 0",
        ...["0", "1", "2", "3"].map((sub) => `LEAF D,${sub}: 0 0 0`),
        "XSETBV without OSXSAVE: vector 6",
        "CR4.OSXSAVE refused",
        "END",
      ],
    ],
  ])("cpuid = %s", async (cpuid, expected) => {
    const { said } = await host.ended(await host.start("xstate", { cpuid }));
    // Before that it says what every PVH guest finds.
    expect(said).toContain(cpuid.includes("vme=0") ? "VME 0, CR4 refused 1 1" : "VME 1, CR4 refused 0 0");
    expect(said.slice(said.findIndex((line) => line.startsWith("BEFORE"))), host.log.slice(-3000)).toEqual(expected);
  });

  /** Each byte of the guest's area has its place in it times 11, and 5. XMM registers begin at 160, the high halves of YMM registers at 576. */
  const bytesAt = (at: number): string =>
    Array.from({ length: 16 }, (_, i) => (((at + i) * 11 + 5) & 0xff).toString(16).padStart(2, "0"))
      .reverse()
      .join("");
  const loadedRegisters = () =>
    Array.from({ length: 16 }, (_, n) => ({
      name: `YMM${n}`,
      value: `0x${bytesAt(576 + 16 * n)}${bytesAt(160 + 16 * n)}`,
    }));

  const suspended = async (cpuid: string): Promise<number> => {
    const domid = await host.start("xstate suspends", { cpuid });
    const isSuspended = async (): Promise<boolean> =>
      (await host.host.toolstack.request("list")).some((each) => each.domid === domid && each.state.shutdown);
    await vi.waitUntil(isSuspended, { timeout: 60_000, interval: 20 });
    return domid;
  };
  const resumed = (has: 0 | 1, xcr0: number): string[] => [
    `RESUMED fma ${has} avx ${has} f16c ${has} avx2 ${has}`,
    `XCR0 ${xcr0} in use ${xcr0} wrong bytes 0`,
    "END",
  ];

  it("a guest that is saved has YMM registers and XCR0 again, and the features that it had", async () => {
    const { toolstack } = host.host;
    const file = path.join(temporaryFolder("xstate"), "xstate.saved");
    const domid = await suspended("host");
    const { vectors } = await toolstack.request("inspectRegisters", { domid, vcpu: 0 });
    expect([vectors.xcr0!.set, vectors.mxcsr.value]).toEqual([["x87", "SSE", "AVX"], "0x0000000000001fa0"]);
    expect(vectors.registers).toEqual(loadedRegisters());
    await toolstack.request("save", { domid, file });
    const restored = (await toolstack.request("restore", { file })).domid;
    const { said } = await host.ended(restored, 100);
    expect(said, host.log.slice(-3000)).toEqual(resumed(1, 7));
  });

  it.each([
    ["that says so", true],
    ["of the time when nobody had AVX unless the configuration asked for it", false],
  ])("a guest without AVX goes on without it from a file %s", async (_, hasRecord) => {
    const { toolstack } = host.host;
    const file = path.join(temporaryFolder("xstate"), "without.saved");
    const domid = await suspended("host,avx=0");
    await toolstack.request("save", { domid, file });
    writeFileSync(file, withoutFeatures(readFileSync(file), 'cpuid = "host,avx=0"\n', hasRecord));
    const restored = (await toolstack.request("restore", { file })).domid;
    const { said } = await host.ended(restored, 100);
    expect(said, host.log.slice(-3000)).toEqual(resumed(0, 3));
  });
});
