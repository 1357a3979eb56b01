/** The ACPI tables of a PVH domain beside those of Debian's libxl 4.17, and whether what they say of each other holds. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ACPI_END, ACPI_START, acpiTables } from "../../../core/dom0/builder/pvh/acpi.ts";
import { DSDT_PROCESSORS } from "../../../core/dom0/builder/pvh/dsdt.ts";
import { debianPackage, guestsMissing } from "../../guests/images.ts";

const missing = guestsMissing();
const HEADER = 36;
const MADT_HEADER = 44;

/** What is written, as the guest's memory from ACPI_START on has it. */
function written(vcpus: number, online: number): { memory: Buffer; rsdp: number } {
  const { pieces, rsdp } = acpiTables(vcpus, online);
  const memory = Buffer.alloc(ACPI_END - ACPI_START);
  for (const { address, bytes } of pieces) {
    const at = address - ACPI_START;
    expect(memory.subarray(at, at + bytes.length).every((byte) => byte === 0), `room at ${address.toString(16)}`).toBe(true);
    expect(bytes.copy(memory, at)).toBe(bytes.length);
  }
  return { memory, rsdp: rsdp - ACPI_START };
}
/** The tables that the XSDT names, and what those name, by their signatures; and where they are. */
function tablesOf({ memory, rsdp }: { memory: Buffer; rsdp: number }): Map<string, { at: number; table: Buffer }> {
  const found = new Map<string, { at: number; table: Buffer }>();
  const take = (address: bigint): Buffer => {
    const at = Number(address) - ACPI_START;
    const table = memory.subarray(at, at + memory.readUInt32LE(at + 4));
    found.set(table.toString("latin1", 0, 4), { at, table });
    return table;
  };
  const xsdt = take(memory.readBigUInt64LE(rsdp + 24));
  for (let at = HEADER; at < xsdt.length; at += 8) take(xsdt.readBigUInt64LE(at));
  const fadt = found.get("FACP")!.table;
  take(fadt.readBigUInt64LE(132));
  take(fadt.readBigUInt64LE(140));
  return found;
}
const sum = (bytes: Buffer): number => bytes.reduce((all, byte) => (all + byte) & 0xff, 0);

describe("a PVH domain's ACPI tables", () => {
  it.each([
    [1, 1],
    [4, 2],
    [DSDT_PROCESSORS, 1],
  ])("lead from one to the next and are whole, with %i vCPUs of which %i run", (vcpus, online) => {
    const all = written(vcpus, online);
    const tables = tablesOf(all);
    expect([...tables.keys()].sort()).toEqual(["APIC", "DSDT", "FACP", "FACS", "XSDT"]);
    for (const [signature, { table }] of tables) if (signature !== "FACS") expect(sum(table), signature).toBe(0);
    expect(sum(all.memory.subarray(all.rsdp, all.rsdp + 20))).toBe(0);
    expect(sum(all.memory.subarray(all.rsdp, all.rsdp + 36))).toBe(0);
    // struct acpi_info, by which the DSDT's methods find the MADT.
    const { at, table: madt } = tables.get("APIC")!;
    expect(all.memory.readUInt16LE(2)).toBe(vcpus);
    expect(all.memory.readUInt32LE(12) - ACPI_START).toBe(at + 9);
    expect(all.memory.readUInt32LE(16) - ACPI_START).toBe(at + MADT_HEADER);
    const enabled = Array.from({ length: vcpus }, (_, n) => madt.readUInt32LE(MADT_HEADER + 8 * n + 4));
    expect(enabled).toEqual(Array.from({ length: vcpus }, (_, n) => Number(n < online)));
  });

  it("leave room where the DSDT's method enables the entries of processors that the domain does not have", () => {
    const all = written(1, 1);
    const { at, table } = tablesOf(all).get("APIC")!;
    const end = at + MADT_HEADER + 8 * DSDT_PROCESSORS;
    expect(all.memory.subarray(at + table.length, end).every((byte) => byte === 0)).toBe(true);
    for (const each of acpiTables(1, 1).pieces.map(({ address }) => address - ACPI_START))
      expect(each <= at || each >= end, `a piece at ${each.toString(16)}`).toBe(true);
  });

  it("are refused for more vCPUs than the DSDT knows", () => {
    expect(() => acpiTables(DSDT_PROCESSORS + 1, 1)).toThrow(/for 129 vCPUs; they are for 128 at most/);
  });
});

describe.skipIf(missing !== null)(`the tables beside Xen's own${missing ? ` (${missing})` : ""}`, () => {
  /** A table as it stands in libxl's library, with a revision and length that are those of one. */
  const libxl = (signature: string, revision: number, length: number): Buffer => {
    const folder = path.join(debianPackage("libxenmisc4.17"), "usr/lib/x86_64-linux-gnu");
    const library = readFileSync(path.join(folder, "libxenlight.so.4.17"));
    for (let at = library.indexOf(signature); at >= 0; at = library.indexOf(signature, at + 1)) {
      const isHeader = library.toString("latin1", at + 10, at + 16) === "Xen\0\0\0" && library[at + 8] === revision;
      if (isHeader) return Buffer.from(library.subarray(at, at + length));
    }
    throw new Error(`no ${signature} in libxl's library`);
  };
  /** Without the checksum and the maker. */
  const compared = (table: Buffer): Buffer => {
    const copy = Buffer.from(table);
    copy.fill(0, 9, 10).fill(0, 28, HEADER);
    return copy;
  };

  it("have Xen's DSDT, byte for byte", () => {
    const { table } = tablesOf(written(2, 2)).get("DSDT")!;
    expect(compared(table).equals(compared(libxl("DSDT", 5, table.length)))).toBe(true);
    expect(table.length).toBe(0x6c9b);
  });

  it("have Xen's FADT, as libacpi fills it in for a domain without PM timer, buttons, VGA, CMOS clock and keyboard controller", () => {
    const { table } = tablesOf(written(2, 2)).get("FACP")!;
    // The revision and the length are filled in too.
    const expected = libxl("FACP", 0, table.length);
    expected.writeUInt32LE(table.length, 4);
    expected[8] = 5;
    // The PM timer: its port, its width, its extended address.
    expected.fill(0, 76, 80).fill(0, 91, 92).fill(0, 208, 220);
    expected.writeUInt16LE(expected.readUInt16LE(109) | 0x24, 109);
    expected.writeUInt32LE(expected.readUInt32LE(112) | 0x30, 112);
    // Where FACS and DSDT are.
    for (const [from, to] of [
      [36, 44],
      [132, 148],
    ] as const)
      table.copy(expected, from, from, to);
    expect(compared(table).toString("hex")).toBe(compared(expected).toString("hex"));
  });
});
