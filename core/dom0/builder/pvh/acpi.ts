/**
 * The ACPI tables of a PVH domain as Xen's toolstack makes them: where they lie, and what each says of a machine that has local APICs and nothing
 * else. Layouts: ACPI specification 6.3, 5.2. The DSDT defines nothing: Xen's is about hotplug of vCPUs and sleep states, which such a domain does
 * not have here.
 */

/** Guest-physical addresses: of the page with the tables, of the RSDP, and of what follows that. */
export const ACPI_START = 0xfc000000;
const TABLES = 0xfc001000;
const RSDP = 0xfc008000;
export const ACPI_END = RSDP + 64;

const LOCAL_APIC = 0xfee00000;
const SCI_INTERRUPT = 9;
/** Ports of the power management registers, at which nothing answers. */
const PM1A_EVENT = 0xb000;
const PM1A_CONTROL = 0xb004;
const GPE0 = 0xafe0;
/** FADT: no VGA, no CMOS clock. */
const BOOT_FLAGS = (1 << 2) | (1 << 5);
/** FADT: WBINVD works; C1 on all processors; sleep button and real-time clock are not fixed hardware; APICs use physical ids. */
const FEATURES = (1 << 0) | (1 << 2) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 19);
/** MADT: as in Xen, although there is no PIC; with this, guests do not look for one. */
const PC_AT_COMPATIBLE = 1;
const FACS_LENGTH = 64;
const FADT_LENGTH = 0x10c;

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

/** Makes a table with its header, of `length` bytes in total. `fill` writes what follows byte 36. */
function table(signature: string, revision: number, length: number, fill: (table: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.write(signature, 0, "latin1");
  bytes.writeUInt32LE(length, 4);
  bytes[8] = revision;
  bytes.write("Xen   ", 10, "latin1");
  bytes.write("HVM     ", 16, "latin1");
  bytes.write("XENA", 28, "latin1");
  fill(bytes);
  checksum(bytes, 9);
  return bytes;
}

/** Writes struct acpi_generic_address for an I/O port. */
function port(bytes: Buffer, at: number, address: number, bits: number, access: number): void {
  bytes[at] = 1;
  bytes[at + 1] = bits;
  bytes[at + 3] = access;
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
    port(bytes, 148, PM1A_EVENT, 32, 2);
    port(bytes, 172, PM1A_CONTROL, 16, 2);
    port(bytes, 220, GPE0, 32, 1);
  });
}

/** Makes the MADT, with local APICs only. Their ids are twice the vCPU's number; those from `online` on are not enabled. */
function madt(vcpus: number, online: number): Buffer {
  return table("APIC", 2, 44 + 8 * vcpus, (bytes) => {
    bytes.writeUInt32LE(LOCAL_APIC, 36);
    bytes.writeUInt32LE(PC_AT_COMPATIBLE, 40);
    for (let vcpu = 0; vcpu < vcpus; vcpu++) {
      const at = 44 + 8 * vcpu;
      bytes[at + 1] = 8;
      bytes[at + 2] = vcpu;
      bytes[at + 3] = 2 * vcpu;
      bytes.writeUInt32LE(vcpu < online ? 1 : 0, at + 4);
    }
  });
}

export function acpiTables(vcpus: number, online: number): AcpiTables {
  const pieces: AcpiTables["pieces"] = [];
  let next = TABLES;
  const place = (bytes: Buffer): number => {
    const address = next;
    pieces.push({ address, bytes });
    next = (address + bytes.length + 15) & ~15;
    next >>>= 0;
    return address;
  };
  const facsAt = place(facs());
  const dsdtAt = place(table("DSDT", 2, 36, () => {}));
  const fadtAt = place(fadt(facsAt, dsdtAt));
  const madtAt = place(madt(vcpus, online));
  const xsdtAt = place(
    table("XSDT", 1, 36 + 16, (bytes) => {
      bytes.writeBigUInt64LE(BigInt(fadtAt), 36);
      bytes.writeBigUInt64LE(BigInt(madtAt), 44);
    }),
  );
  const rsdp = Buffer.alloc(36);
  rsdp.write("RSD PTR ", 0, "latin1");
  rsdp.write("Xen   ", 9, "latin1");
  rsdp[15] = 2;
  rsdp.writeUInt32LE(36, 20);
  rsdp.writeBigUInt64LE(BigInt(xsdtAt), 24);
  checksum(rsdp, 8, 20);
  checksum(rsdp, 32);
  pieces.push({ address: RSDP, bytes: rsdp });
  return { rsdp: RSDP, pieces };
}
