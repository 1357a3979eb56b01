/** Kernels that say "kernel" where their code should be, for tests of what looks at files and builds domains. */
export function pvElf(): Buffer {
  const virtBase = 0xffffffff80000000n;
  return elfOf([
    note(5, Buffer.from("xen-3.0\0")),
    note(8, Buffer.from("generic\0")),
    note(3, u64(virtBase)),
    note(1, u64(virtBase + 0x100000n)),
    note(2, u64(virtBase + 0x101000n)),
  ]);
}
export function pvhElf(): Buffer {
  return elfOf([note(18, u64(0x100000n))]);
}

function note(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(4, 0);
  head.writeUInt32LE(data.length, 4);
  head.writeUInt32LE(type, 8);
  head.write("Xen\0", 12);
  return Buffer.concat([head, data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}
function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function elfOf(all: readonly Buffer[]): Buffer {
  const notes = Buffer.concat(all);
  const file = Buffer.alloc(0x1000 + notes.length);
  file.write("\x7fELF\x02\x01", 0, "latin1");
  file.writeUInt16LE(62, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const program = (at: number, type: number, offset: number, size: number, address: bigint, memory: bigint): void => {
    file.writeUInt32LE(type, at);
    file.writeUInt32LE(7, at + 4);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(address, at + 24);
    file.writeBigUInt64LE(BigInt(size), at + 32);
    file.writeBigUInt64LE(memory, at + 40);
  };
  program(64, 1, 0x800, 0x100, 0x100000n, 0x4000n);
  program(120, 4, 0x1000, notes.length, 0n, 0n);
  file.write("kernel", 0x800);
  notes.copy(file, 0x1000);
  return file;
}
