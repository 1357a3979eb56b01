/** `cpuid` of an xl.cfg. Which bits it names is compared with Intel's numbers, which CPUID itself has. */
import { describe, expect, it } from "vitest";
import type { CpuidChange } from "../../core/toolstack/messages.ts";
import { parseXlConfig } from "../../core/toolstack/xlcfg.ts";

const EBX = 1;
const ECX = 2;
const EDX = 3;
function parse(cpuid: string, more = ""): { changes: readonly CpuidChange[]; warnings: string[]; errors: string[] } {
  const { config, diagnostics } = parseXlConfig(`name = "a"\nkernel = "/k"\ncpuid = ${cpuid}\n${more}`);
  const of = (wanted: string) =>
    diagnostics.filter(({ severity }) => severity === wanted).map(({ message }) => message.replace(/^line 3: /, ""));
  return { changes: config?.cpuid ?? [], warnings: of("warning"), errors: of("error") };
}
const bit = (leaf: number, subleaf: number | null, register: number, number: number, to: 0 | 1): CpuidChange => ({
  ...{ leaf, subleaf, register, to },
  bit: number,
});

describe("cpuid", () => {
  it("names features as libxl does", () => {
    expect(parse('"host,avx=0,avx2=1,sse4.2=0,lahfsahf=k,page1gb=0,rdpid=s,tsc-deadline=0"')).toEqual({
      changes: [
        bit(1, null, ECX, 28, 0),
        bit(7, 0, EBX, 5, 1),
        bit(1, null, ECX, 20, 0),
        bit(0x80000001, null, ECX, 0, 1),
        bit(0x80000001, null, EDX, 26, 0),
        bit(7, 0, ECX, 22, 1),
        bit(1, null, ECX, 24, 0),
      ],
      warnings: [],
      errors: [],
    });
    for (const [name, place] of [
      ["hypervisor", bit(1, null, ECX, 31, 0)],
      ["pbe", bit(1, null, EDX, 31, 0)],
      ["avx512vl", bit(7, 0, EBX, 31, 0)],
      ["pks", bit(7, 0, ECX, 31, 0)],
      ["3dnow", bit(0x80000001, null, EDX, 31, 0)],
      ["perfctr_nb", bit(0x80000001, null, ECX, 24, 0)],
      ["xsave", bit(1, null, ECX, 26, 0)],
      ["smap", bit(7, 0, EBX, 20, 0)],
      ["fxsr", bit(1, null, EDX, 24, 0)],
    ] as const)
      expect(parse(`"host,${name}=0"`).changes).toEqual([place]);
  });

  it("the last word about a feature counts, and x takes it back", () => {
    expect(parse('"host,avx=0,avx=1"').changes).toEqual([bit(1, null, ECX, 28, 1)]);
    expect(parse('"host,avx=0,avx=x"').changes).toEqual([]);
    expect(parse('"host"').changes).toEqual([]);
    expect(parse('""')).toEqual({ changes: [], warnings: [], errors: [] });
  });

  it("warns of what xl can't read, and of what no domain can choose, and goes on", () => {
    expect(parse('"avx=0"').warnings).toEqual([
      'cpuid: "avx=0" does not begin with "host", so it is ignored, as xl does',
    ]);
    expect(parse('"host,avx,avx2=0"')).toMatchObject({
      changes: [bit(7, 0, EBX, 5, 0)],
      warnings: ['cpuid: "avx" has no "="'],
    });
    expect(parse('"host,frob=0,-=0"').warnings).toEqual([
      'cpuid: "frob" is not a name of a feature that xl knows',
      'cpuid: "-" is not a name of a feature that xl knows',
    ]);
    for (const value of ["2", "", "01", "1k", "y"])
      expect(parse(`"host,avx=${value}"`).warnings).toEqual([
        `cpuid: "avx=${value}": the value can be 0, 1, x, k or s`,
      ]);
    expect(parse('"host,family=15,maxleaf=1"').warnings).toEqual([
      "cpuid: family is as this host's processor has it",
      "cpuid: maxleaf is as this host's processor has it",
    ]);
    for (const name of ["__proto__", "constructor", "toString"])
      expect(parse(`"host,${name}=0"`).warnings).toHaveLength(1);
  });

  it("reads the older syntax, with registers of 32 characters", () => {
    const only = (at: number, character: string): string => "x".repeat(31 - at) + character + "x".repeat(at);
    expect(parse(`[ "1:ecx=${only(28, "0")},edx=${only(0, "1")}", "0xd,1:eax=${only(1, "0")}" ]`)).toEqual({
      changes: [bit(1, null, ECX, 28, 0), bit(1, null, EDX, 0, 1), bit(0xd, 1, 0, 1, 0)],
      warnings: [],
      errors: [],
    });
    expect(parse(`[ "0x80000001:ecx=${only(5, "0")}" ]`).changes).toEqual([bit(0x80000001, null, ECX, 5, 0)]);
    expect(parse(`[ "1:eax=${only(3, "1")}" ]`).warnings).toEqual([
      "cpuid: eax of leaf 1 is as this host's processor has it",
    ]);
    for (const wrong of [
      "1",
      "1:",
      "x:ecx=1",
      "1:ecx=01",
      `1:rcx=${only(0, "1")}`,
      `1:ecx=${only(0, "2")}`,
      ":::",
      ",",
    ])
      expect(parse(`[ "${wrong}" ]`).warnings, wrong).toHaveLength(1);
    expect(parse("[ [ ] ]").warnings).toHaveLength(1);
  });

  it("is nothing for a native domain", () => {
    const native = parseXlConfig('name = "a"\ntype = "native"\nmemory = 64\ncpuid = "host,avx=0"\n');
    expect(native.diagnostics.map(({ message }) => message)).toEqual([
      "line 4: cpuid can't be had by a native domain: it executes no code of a processor's",
    ]);
  });
});
