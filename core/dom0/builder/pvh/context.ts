/**
 * The first vCPU's state at a PVH kernel's entry (docs/misc/pvh.pandoc): protected mode without paging, flat segments, EBX at hvm_start_info. It is
 * written as records of an HVM context, the form in which the hypervisor takes it.
 */
import * as save from "../../../abi/hvm_save.ts";

const CR0_PE_ET = 0x11;
/** Segment attributes: 32-bit code and data with 4 KiB granularity, and a busy TSS. */
const CODE = 0xc9b;
const DATA = 0xc93;
const TSS = 0x8b;
const TSS_LIMIT = 0x67;

/** In the order that segments have in struct hvm_hw_cpu: CS DS ES FS GS SS TR LDTR. */
const SEGMENTS = [
  { limit: 0xffffffff, attributes: CODE },
  { limit: 0xffffffff, attributes: DATA },
  { limit: 0xffffffff, attributes: DATA },
  { limit: 0, attributes: 0 },
  { limit: 0, attributes: 0 },
  { limit: 0xffffffff, attributes: DATA },
  { limit: TSS_LIMIT, attributes: TSS },
  { limit: 0, attributes: 0 },
];

function record(code: number, body: Buffer): Buffer {
  const descriptor = Buffer.alloc(save.HVM_SAVE_DESCRIPTOR_SIZE);
  descriptor.writeUInt16LE(code, save.HVM_SAVE_DESCRIPTOR_TYPECODE);
  descriptor.writeUInt32LE(body.length, save.HVM_SAVE_DESCRIPTOR_LENGTH);
  return Buffer.concat([descriptor, body]);
}

export function entryContext(entry: number, startInfo: number): Buffer {
  const header = Buffer.alloc(save.HVM_SAVE_HEADER_SIZE);
  header.writeUInt32LE(save.HVM_FILE_MAGIC, save.HVM_SAVE_HEADER_MAGIC);
  header.writeUInt32LE(save.HVM_FILE_VERSION, save.HVM_SAVE_HEADER_VERSION);
  const cpu = Buffer.alloc(save.HVM_HW_CPU_SIZE);
  cpu.writeUInt32LE(startInfo, save.HVM_HW_CPU_RBX);
  cpu.writeUInt32LE(entry, save.HVM_HW_CPU_RIP);
  cpu.writeUInt32LE(2, save.HVM_HW_CPU_RFLAGS);
  cpu.writeUInt32LE(CR0_PE_ET, save.HVM_HW_CPU_CR0);
  SEGMENTS.forEach(({ limit, attributes }, i) => {
    cpu.writeUInt32LE(limit, save.HVM_HW_CPU_CS_LIMIT + 4 * i);
    cpu.writeUInt32LE(attributes, save.HVM_HW_CPU_CS_ARBYTES + 4 * i);
  });
  return Buffer.concat([
    record(save.HVM_SAVE_CODE_HEADER, header),
    record(save.HVM_SAVE_CODE_CPU, cpu),
    record(save.HVM_SAVE_CODE_END, Buffer.alloc(0)),
  ]);
}
