/** Compares core/abi with Xen's public headers, or with the record of what they say. */
import { describe, expect, it } from "vitest";
import { askNames, differences, readRecord } from "./comparison.ts";
import { headersMissing } from "./headers.ts";
import { abiNames, namesOf } from "./names.ts";

const names = abiNames();
const missing = headersMissing();
if (missing && process.env.CI) throw new Error(missing);

describe("the ABI", () => {
  it("has every name, value, offset and size as it is in the record of Xen's headers", () => {
    expect(names.length).toBeGreaterThan(2000);
    expect(differences(names, readRecord())).toEqual([]);
  });

  it.skipIf(missing)(`is recorded as the headers have it${missing ? `: ${missing}` : ""}`, () => {
    expect(askNames(names)).toEqual(readRecord());
  });
});

describe("the comparison", () => {
  const some = [
    "/** struct shared_info */",
    "export const SHARED_INFO_SIZE = 3136;",
    "export const SHARED_INFO_SIZE_32 = 2344;",
    "export const SHARED_INFO_EVTCHN_PENDING = 2048;",
    "",
    "export const HYPERVISOR_mmu_update = 1;",
    "",
  ];
  const withLine = (index: number, line: string | null, instead = true): string[] => {
    const lines = some.toSpliced(index, instead ? 1 : 0, ...(line === null ? [] : [line]));
    const parsed = namesOf("xen.ts", lines.join("\n"));
    const bases = new Set(parsed.map(({ name }) => name.replace(/_32$/, "")));
    return differences(parsed, new Map([...readRecord()].filter(([name]) => bases.has(name))));
  };

  it("finds nothing in what is right", () => {
    expect(withLine(5, some[5]!)).toEqual([]);
  });
  it("finds a wrong size, offset and number", () => {
    expect(withLine(1, "export const SHARED_INFO_SIZE = 3135;")).toEqual([
      "SHARED_INFO_SIZE is 3135; Xen's headers have 3136",
    ]);
    expect(withLine(3, "export const SHARED_INFO_EVTCHN_PENDING = 0;")).toHaveLength(1);
    expect(withLine(5, "export const HYPERVISOR_mmu_update = 2;")).toHaveLength(1);
  });
  it("finds a 32-bit column that is wrong, missing, or for nothing", () => {
    expect(withLine(2, "export const SHARED_INFO_SIZE_32 = 3136;")).toHaveLength(1);
    expect(withLine(2, null)).toEqual(["SHARED_INFO_SIZE_32 is missing: it is 2344"]);
    expect(withLine(4, "export const SHARED_INFO_EVTCHN_PENDING_32 = 2048;", false)).toEqual([
      "SHARED_INFO_EVTCHN_PENDING_32 should not be: 32-bit guests have no other",
    ]);
  });
  it("finds a name that Xen has not, and one that stands twice", () => {
    expect(withLine(5, "export const SHARED_INFO_OF_MY_OWN = 1;")).toEqual([
      "SHARED_INFO_OF_MY_OWN is not in Xen's headers, or not in the record",
    ]);
    expect(withLine(4, "export const SHARED_INFO_EVTCHN_PENDING = 2048;", false)).toEqual([
      "SHARED_INFO_EVTCHN_PENDING stands twice: in xen.ts and xen.ts",
    ]);
  });
  it("takes nothing that only one of the two languages understands", () => {
    for (const line of [
      "export const A: u32 = 1;",
      "export const A = 1 << 3;",
      "const A = 1;",
      "export function f() {}",
    ])
      expect(() => namesOf("xen.ts", line), line).toThrow(/xen.ts:1/);
    expect(() => namesOf("xen.ts", "/** struct shared_info */\nexport const OTHER_SIZE = 1;")).toThrow(/OTHER_SIZE/);
  });
});
