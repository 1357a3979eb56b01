/**
 * The ACPI tables of a PVH domain as Xen's toolstack makes them: where they lie, and what each says of a machine that has local APICs and nothing
 * else. Layouts: ACPI specification 6.3, 5.2.
 */
import { ACPI_INFO_BYTES, DSDT_PROCESSORS, dsdtDefinitions } from "./dsdt.ts";

/** Guest-physical addresses: of struct acpi_info, of the tables, of the RSDP, and of what follows that. */
export const ACPI_START = 0xfc000000;
/**
 * In Xen the MADT lies behind the DSDT, and the other tables behind that. The DSDT's method may enable the entries of all processors that the DSDT
 * knows, also of those that the domain does not have. So here nothing follows the MADT for as long as they would be.
 */
const MADT = 0xfc000040;
const TABLES = 0xfc001000;
const RSDP = 0xfc008000;
export const ACPI_END = RSDP + 64;

const LOCAL_APIC = 0xfee00000;
const SCI_INTERRUPT = 9;
/** Ports of the power management registers and of the reset register, at which nothing answers. */
const PM1A_EVENT = 0xb000;
const PM1A_CONTROL = 0xb004;
const GPE0 = 0xafe0;
const RESET = 0xcf9;
const RESET_VALUE = 6;
/** FADT: no VGA, no CMOS clock. */
const BOOT_FLAGS = (1 << 2) | (1 << 5);
/**
 * FADT, as libacpi has it: WBINVD works; C1 on all processors; neither button nor the real-time clock is fixed hardware; a power management timer,
 * which there is not, would have 32 bits; the system prefers its platform's clock. That there is a reset register is not said, though it is named.
 */
const FEATURES = (1 << 0) | (1 << 2) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 8) | (1 << 15);
/** MADT: as in Xen, although there is no PIC; with this, guests do not look for one. */
const PC_AT_COMPATIBLE = 1;
const FACS_LENGTH = 64;
const FADT_LENGTH = 0x10c;
const DSDT_REVISION = 5;
const HEADER = 36;
const MADT_HEADER = 44;
const LOCAL_APIC_BYTES = 8;
/** Of every table with a header. */
const CHECKSUM = 9;

export interface AcpiTables {
  /** Address of the RSDP. */
  rsdp: number;
  /** What is to be written, and where. */
  pieces: { address: number; bytes: Buffer }[];
}

function checksum(bytes: Buffer, at: number, length = bytes.length): void {
  bytes[at] = 0;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += bytes[i]!;
  bytes[at] = -sum & 0xff;
}

/** Makes a table with its header, of `length` bytes in total. `fill` writes what follows the header. */
function table(signature: string, revision: number, length: number, fill: (table: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.write(signature, 0, "latin1");
  bytes.writeUInt32LE(length, 4);
  bytes[8] = revision;
  bytes.write("Xen", 10, "latin1");
  bytes.write("HVM", 16, "latin1");
  bytes.write("XENA", 28, "latin1");
  fill(bytes);
  checksum(bytes, CHECKSUM);
  return bytes;
}

/** Writes struct acpi_generic_address for an I/O port. */
function port(bytes: Buffer, at: number, address: number, bits: number): void {
  bytes[at] = 1;
  bytes[at + 1] = bits;
  bytes.writeBigUInt64LE(BigInt(address), at + 4);
}

function facs(): Buffer {
  const bytes = Buffer.alloc(FACS_LENGTH);
  bytes.write("FACS", 0, "latin1");
  bytes.writeUInt32LE(FACS_LENGTH, 4);
  bytes[32] = 1;
  return bytes;
}

function fadt(facsAt: number, dsdtAt: number): Buffer {
  return table("FACP", 5, FADT_LENGTH, (bytes) => {
    bytes.writeUInt32LE(facsAt, 36);
    bytes.writeUInt32LE(dsdtAt, 40);
    bytes.writeUInt16LE(SCI_INTERRUPT, 46);
    bytes.writeUInt32LE(PM1A_EVENT, 56);
    bytes.writeUInt32LE(PM1A_CONTROL, 64);
    bytes.writeUInt32LE(GPE0, 80);
    bytes[88] = 4;
    bytes[89] = 2;
    // There is no power management timer.
    bytes[92] = 4;
    // There are no C2 and C3.
    bytes.writeUInt16LE(0xfff, 96);
    bytes.writeUInt16LE(0xfff, 98);
    bytes.writeUInt16LE(BOOT_FLAGS, 109);
    bytes.writeUInt32LE(FEATURES, 112);
    bytes.writeBigUInt64LE(BigInt(facsAt), 132);
    bytes.writeBigUInt64LE(BigInt(dsdtAt), 140);
    port(bytes, 116, RESET, 8);
    bytes[128] = RESET_VALUE;
    port(bytes, 148, PM1A_EVENT, 32);
    port(bytes, 172, PM1A_CONTROL, 16);
  });
}

/** Makes the MADT, with local APICs only. Their ids are twice the vCPU's number; those from `online` on are not enabled. */
function madt(vcpus: number, online: number): Buffer {
  return table("APIC", 2, MADT_HEADER + LOCAL_APIC_BYTES * vcpus, (bytes) => {
    bytes.writeUInt32LE(LOCAL_APIC, HEADER);
    bytes.writeUInt32LE(PC_AT_COMPATIBLE, 40);
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      const at = MADT_HEADER + LOCAL_APIC_BYTES * vcpu;
      bytes[at + 1] = LOCAL_APIC_BYTES;
      bytes[at + 2] = vcpu;
      bytes[at + 3] = 2 * vcpu;
      bytes.writeUInt32LE(vcpu < online ? 1 : 0, at + 4);
    }
  });
}

function dsdt(): Buffer {
  const definitions = dsdtDefinitions(ACPI_START);
  return table("DSDT", DSDT_REVISION, HEADER + definitions.length, (bytes) => definitions.copy(bytes, HEADER));
}

/** Makes struct acpi_info, by which the DSDT finds the MADT. No serial port, no parallel port and no HPET is there, nor PCI. */
function acpiInfo(vcpus: number): Buffer {
  const bytes = Buffer.alloc(ACPI_INFO_BYTES);
  bytes.writeUInt16LE(vcpus, 2);
  bytes.writeUInt32LE(MADT + CHECKSUM, 12);
  bytes.writeUInt32LE(MADT + MADT_HEADER, 16);
  return bytes;
}

/** `vcpus` of at most DSDT_PROCESSORS, of which the first `online` run from the beginning. */
export function acpiTables(vcpus: number, online: number): AcpiTables {
  if (vcpus > DSDT_PROCESSORS) throw new Error(`ACPI tables for ${vcpus} vCPUs; they are for ${DSDT_PROCESSORS} at most`);
  const pieces: AcpiTables["pieces"] = [
    { address: ACPI_START, bytes: acpiInfo(vcpus) },
    { address: MADT, bytes: madt(vcpus, online) },
  ];
  let next = TABLES;
  const place = (bytes: Buffer): number => {
    const address = next;
    pieces.push({ address, bytes });
    next = (address + bytes.length + 15) & ~15;
    next >>>= 0;
    if (next > RSDP) throw new Error("the ACPI tables do not fit before the RSDP");
    return address;
  };
  const facsAt = place(facs());
  const dsdtAt = place(dsdt());
  const fadtAt = place(fadt(facsAt, dsdtAt));
  const xsdtAt = place(
    table("XSDT", 1, HEADER + 16, (bytes) => {
      bytes.writeBigUInt64LE(BigInt(fadtAt), HEADER);
      bytes.writeBigUInt64LE(BigInt(MADT), HEADER + 8);
    }),
  );
  const rsdp = Buffer.alloc(36);
  rsdp.write("RSD PTR ", 0, "latin1");
  rsdp.write("Xen", 9, "latin1");
  rsdp[15] = 2;
  rsdp.writeUInt32LE(36, 20);
  rsdp.writeBigUInt64LE(BigInt(xsdtAt), 24);
  checksum(rsdp, 8, 20);
  checksum(rsdp, 32);
  pieces.push({ address: RSDP, bytes: rsdp });
  return { rsdp: RSDP, pieces };
}
