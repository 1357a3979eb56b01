/**
 * A PV domain's memory and vCPUs as an ELF file that crash, gdb's and readelf's users know from xl dump-core: Xen's
 * docs/misc/dump-core-format.txt, version 0.1. It has sections and no program headers; the pages are in the order of the P2M.
 */
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { VCPU_GUEST_CONTEXT_SIZE } from "../../abi/arch_x86.ts";
import { GuestMemory, SaveError } from "./p2m.ts";

/** public/elfnote.h, and xc_core.h's magic of a PV domain's. */
const NOTE_NONE = 0x2000000;
const NOTE_HEADER = 0x2000001;
const NOTE_XEN_VERSION = 0x2000002;
const NOTE_FORMAT_VERSION = 0x2000003;
const XC_CORE_MAGIC = 0xf00febedn;
const FORMAT_MAJOR_MINOR = 1n;

const EHDR = 64;
const SHDR = 64;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const SHT_NOTE = 7;
const ET_CORE = 4;
const EM_X86_64 = 62;
/** Pages that are read at once. */
const BATCH = 512;

interface Section {
  name: string;
  type: number;
  size: number;
  /** Of an entry, where it is a table. */
  entry: number;
  align: number;
  /** null: the pages, which come last. */
  bytes: Uint8Array | null;
}

export class CoreDumper {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  readonly #memory: GuestMemory;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#memory = new GuestMemory(hypercalls, frames);
  }

  /** The file in pieces. The domain stands still meanwhile: its caller has paused it, or it has stopped. Throws SaveError. */
  async *dump(domid: number, vcpus: number): AsyncGenerator<Uint8Array> {
    const info = this.#hypercalls.domains.info(domid);
    if (!info) throw new SaveError("The domain is gone.");
    const { mfns } = this.#memory.read(domid, info.sharedInfoFrame);
    const { pfns } = this.#memory.owned(domid, mfns);
    // A frame may be listed again and again: the file has at most as much as the domain.
    if (pfns.length > info.totPages)
      throw new SaveError(`The guest lists ${pfns.length} frames of its memory; it has ${info.totPages}.`);
    const contexts = Buffer.concat(
      Array.from({ length: vcpus }, (_, vcpu) => vcpu)
        .filter((vcpu) => vcpu === 0 || this.#hypercalls.vcpus.info(domid, vcpu).online)
        .map((vcpu) => this.#hypercalls.vcpus.getContext(domid, vcpu)),
    );
    const shared = this.#frames.with(domid, info.sharedInfoFrame, (at) => this.#page(at).slice());
    const sections = [
      section(".note.Xen", SHT_NOTE, this.#notes(contexts.length / VCPU_GUEST_CONTEXT_SIZE, pfns.length)),
      section(".xen_prstatus", SHT_PROGBITS, contexts, VCPU_GUEST_CONTEXT_SIZE),
      section(".xen_shared_info", SHT_PROGBITS, shared, PAGE_SIZE),
      section(".xen_p2m", SHT_PROGBITS, p2mTable(pfns, mfns), 16),
      {
        name: ".xen_pages",
        type: SHT_PROGBITS,
        size: pfns.length * PAGE_SIZE,
        entry: PAGE_SIZE,
        align: PAGE_SIZE,
        bytes: null,
      },
    ];
    yield* laidOut(sections);
    for (let from = 0; from < pfns.length; from += BATCH) {
      const batch = pfns.slice(from, from + BATCH);
      const pages = new Uint8Array(PAGE_SIZE * batch.length);
      batch.forEach((pfn, i) => this.#frames.with(domid, mfns[pfn]!, (at) => pages.set(this.#page(at), PAGE_SIZE * i)));
      yield pages;
      // The events of others have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #page(at: number): Uint8Array {
    return this.#hypercalls.memory.bytes(at, PAGE_SIZE);
  }

  #notes(vcpus: number, pages: number): Uint8Array {
    const { compiler, by, domain, date } = this.#hypercalls.host.compileInfo();
    const { major, minor } = this.#hypercalls.host.version();
    const version = [
      words(BigInt(major), BigInt(minor)),
      text(this.#hypercalls.host.extraVersion(), 16),
      ...[text(compiler, 64), text(by, 16), text(domain, 32), text(date, 32)],
      text(this.#hypercalls.host.capabilities(), 1024),
      text(this.#hypercalls.host.changeset(), 64),
      words(this.#hypercalls.host.platformParameters(), BigInt(PAGE_SIZE)),
    ];
    return Buffer.concat([
      note(NOTE_NONE, new Uint8Array()),
      note(NOTE_HEADER, words(XC_CORE_MAGIC, BigInt(vcpus), BigInt(pages), BigInt(PAGE_SIZE))),
      note(NOTE_XEN_VERSION, Buffer.concat(version)),
      note(NOTE_FORMAT_VERSION, words(FORMAT_MAJOR_MINOR)),
    ]);
  }
}

function words(...values: bigint[]): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => bytes.writeBigUInt64LE(value, 8 * i));
  return bytes;
}
function text(value: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  bytes.write(value.slice(0, size - 1), "latin1");
  return bytes;
}
/** Of the owner "Xen"; all lengths here are multiples of 4. */
function note(type: number, description: Uint8Array): Uint8Array {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(4, 0);
  head.writeUInt32LE(description.length, 4);
  head.writeUInt32LE(type, 8);
  head.write("Xen\0", 12, "latin1");
  return Buffer.concat([head, description]);
}
function section(name: string, type: number, bytes: Uint8Array, entry = 0): Section {
  return { name, type, size: bytes.length, entry, align: 8, bytes };
}
/** struct xen_dumpcore_p2m of each page, by pfn. */
function p2mTable(pfns: readonly number[], mfns: Uint32Array): Uint8Array {
  const table = Buffer.alloc(16 * pfns.length);
  pfns.forEach((pfn, i) => {
    table.writeBigUInt64LE(BigInt(pfn), 16 * i);
    table.writeBigUInt64LE(BigInt(mfns[pfn]!), 16 * i + 8);
  });
  return table;
}

/** The ELF header, the section headers and all sections but the pages, up to where those begin. */
function* laidOut(sections: readonly Section[]): Generator<Uint8Array> {
  const names = ["", ".shstrtab", ...sections.map(({ name }) => name)];
  const strings = Buffer.from(names.map((name) => `${name}\0`).join(""), "latin1");
  const before: Section = {
    name: ".shstrtab",
    type: SHT_STRTAB,
    size: strings.length,
    entry: 0,
    align: 1,
    bytes: strings,
  };
  const all = [before, ...sections];
  const head = Buffer.alloc(EHDR + SHDR * (1 + all.length));
  // 64 bits, little-endian, version 1, System V.
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  head.writeUInt16LE(ET_CORE, 16);
  head.writeUInt16LE(EM_X86_64, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(EHDR), 40);
  head.writeUInt16LE(EHDR, 52);
  head.writeUInt16LE(SHDR, 58);
  head.writeUInt16LE(1 + all.length, 60);
  head.writeUInt16LE(1, 62);
  const parts: Uint8Array[] = [];
  let at = head.length;
  let nameAt = 1;
  all.forEach(({ name, type, size, entry, align, bytes }, i) => {
    const offset = Math.ceil(at / align) * align;
    parts.push(new Uint8Array(offset - at), bytes ?? new Uint8Array());
    const header = EHDR + SHDR * (1 + i);
    head.writeUInt32LE(nameAt, header);
    head.writeUInt32LE(type, header + 4);
    head.writeBigUInt64LE(BigInt(offset), header + 24);
    head.writeBigUInt64LE(BigInt(size), header + 32);
    head.writeBigUInt64LE(BigInt(align), header + 48);
    head.writeBigUInt64LE(BigInt(entry), header + 56);
    at = offset + size;
    nameAt += name.length + 1;
  });
  yield head;
  yield* parts;
}
