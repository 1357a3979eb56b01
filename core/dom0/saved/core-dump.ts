/**
 * Writes a domain's memory and vCPUs as the ELF file that users of crash, gdb and readelf know from xl dump-core: Xen's
 * docs/misc/dump-core-format.txt, version 0.1. The file has sections and no program headers. The pages of a PV domain are in the order of its P2M,
 * with a table of pfns and mfns. Those of a PVH domain, which numbers its frames itself, are in the order of these numbers, with a list of them. As
 * in libxenguest, nothing is written of the hole below 4 GiB, where the ACPI tables lie and what is shared with Xen.
 */
import { HypercallError } from "../kernel/errno.ts";
import type { HvmHypercalls } from "../kernel/hvm.ts";
import type { DomainInfoRecord, Hypercalls } from "../kernel/hypercalls.ts";
import type { GuestTypeName } from "../kernel/hypercalls/domains.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { VCPU_GUEST_CONTEXT_SIZE } from "../../abi/arch_x86.ts";
import { ownedFrames } from "./owned-frames.ts";
import { GuestMemory, SaveError } from "./p2m.ts";

/** public/elfnote.h, and the magic of a PV domain in xc_core.h. */
const NOTE_NONE = 0x2000000;
const NOTE_HEADER = 0x2000001;
const NOTE_XEN_VERSION = 0x2000002;
const NOTE_FORMAT_VERSION = 0x2000003;
const XC_CORE_MAGIC = 0xf00febedn;
/** The magic of a domain that numbers its frames itself. */
const XC_CORE_MAGIC_HVM = 0xf00febeen;
/** Frames of the hole below 4 GiB. */
const HOLE_FIRST = 0xf0000;
const HOLE_END = 0x100000;
const FORMAT_MAJOR_MINOR = 1n;

const EHDR = 64;
const SHDR = 64;
const SHT_PROGBITS = 1;
const SHT_STRTAB = 3;
const SHT_NOTE = 7;
const ET_CORE = 4;
const EM_X86_64 = 62;
/** Pages that are read in one go. */
const BATCH = 512;

interface Section {
  name: string;
  type: number;
  size: number;
  /** Size of an entry, if the section is a table. */
  entry: number;
  align: number;
  /** null for the section with the pages, which comes last. */
  bytes: Uint8Array | null;
}

/** Frames as the domain numbers them, in the order in which they are written, and the section that lists them. */
interface DumpedPages {
  magic: bigint;
  frames: number[];
  table: Section;
}

export class CoreDumper {
  readonly #hypercalls: Hypercalls;
  readonly #hvm: HvmHypercalls;
  readonly #frames: ForeignFrames;
  readonly #memory: GuestMemory;

  constructor(hypercalls: Hypercalls, hvm: HvmHypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#hvm = hvm;
    this.#frames = frames;
    this.#memory = new GuestMemory(hypercalls, frames);
  }

  /** Yields the file in pieces. The domain stands still meanwhile: its caller has paused it, or it has stopped. Throws SaveError. */
  async *dump(domid: number, vcpus: number, guest: GuestTypeName): AsyncGenerator<Uint8Array> {
    const info = this.#hypercalls.domains.info(domid);
    if (!info) throw new SaveError("The domain is gone.");
    const pages = guest === "pvh" ? await this.#pvhPages(domid) : this.#pvPages(domid, info);
    const { frames } = pages;
    const contexts = Buffer.concat(
      Array.from({ length: vcpus }, (_, vcpu) => vcpu)
        .filter((vcpu) => vcpu === 0 || this.#hypercalls.vcpus.info(domid, vcpu).online)
        .map((vcpu) => this.#hypercalls.vcpus.getContext(domid, vcpu)),
    );
    const shared = this.#sharedInfo(domid, info.sharedInfoFrame);
    const sections = [
      section(
        ".note.Xen",
        SHT_NOTE,
        this.#notes(pages.magic, contexts.length / VCPU_GUEST_CONTEXT_SIZE, frames.length),
      ),
      section(".xen_prstatus", SHT_PROGBITS, contexts, VCPU_GUEST_CONTEXT_SIZE),
      ...(shared ? [section(".xen_shared_info", SHT_PROGBITS, shared, PAGE_SIZE)] : []),
      pages.table,
      {
        name: ".xen_pages",
        type: SHT_PROGBITS,
        size: frames.length * PAGE_SIZE,
        entry: PAGE_SIZE,
        align: PAGE_SIZE,
        bytes: null,
      },
    ];
    yield* laidOut(sections);
    for (let from = 0; from < frames.length; from += BATCH) {
      const batch = frames.slice(from, from + BATCH);
      const bytes = new Uint8Array(PAGE_SIZE * batch.length);
      batch.forEach((frame, i) => this.#frames.with(domid, frame, (at) => bytes.set(this.#page(at), PAGE_SIZE * i)));
      yield bytes;
      // Lets others' events have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #pvPages(domid: number, { sharedInfoFrame, totPages }: DomainInfoRecord): DumpedPages {
    const { mfns } = this.#memory.read(domid, sharedInfoFrame);
    const { pfns } = this.#memory.owned(domid, mfns);
    // A guest may list one frame again and again; this bounds the file to the domain's memory.
    if (pfns.length > totPages)
      throw new SaveError(`The guest lists ${pfns.length} frames of its memory; it has ${totPages}.`);
    return {
      magic: XC_CORE_MAGIC,
      frames: pfns.map((pfn) => mfns[pfn]!),
      table: section(".xen_p2m", SHT_PROGBITS, p2mTable(pfns, mfns), 16),
    };
  }

  async #pvhPages(domid: number): Promise<DumpedPages> {
    // Frames that it has never touched have no content, and are not part of the file.
    const { there } = await ownedFrames(this.#hypercalls, this.#hvm, domid);
    const frames = there.filter((gfn) => gfn < HOLE_FIRST || gfn >= HOLE_END);
    return {
      magic: XC_CORE_MAGIC_HVM,
      frames,
      table: section(".xen_pfn", SHT_PROGBITS, words(frames.map(BigInt)), 8),
    };
  }

  /** Returns null while a guest that numbers its frames itself has not mapped the page. */
  #sharedInfo(domid: number, frame: number): Uint8Array | null {
    try {
      return this.#frames.with(domid, frame, (at) => this.#page(at).slice());
    } catch (error) {
      if (error instanceof HypercallError) return null;
      throw error;
    }
  }

  #page(at: number): Uint8Array {
    return this.#hypercalls.memory.bytes(at, PAGE_SIZE);
  }

  #notes(magic: bigint, vcpus: number, pages: number): Uint8Array {
    const { compiler, by, domain, date } = this.#hypercalls.host.compileInfo();
    const { major, minor } = this.#hypercalls.host.version();
    const version = [
      words([BigInt(major), BigInt(minor)]),
      text(this.#hypercalls.host.extraVersion(), 16),
      ...[text(compiler, 64), text(by, 16), text(domain, 32), text(date, 32)],
      text(this.#hypercalls.host.capabilities(), 1024),
      text(this.#hypercalls.host.changeset(), 64),
      words([this.#hypercalls.host.platformParameters(), BigInt(PAGE_SIZE)]),
    ];
    return Buffer.concat([
      note(NOTE_NONE, new Uint8Array()),
      note(NOTE_HEADER, words([magic, BigInt(vcpus), BigInt(pages), BigInt(PAGE_SIZE)])),
      note(NOTE_XEN_VERSION, Buffer.concat(version)),
      note(NOTE_FORMAT_VERSION, words([FORMAT_MAJOR_MINOR])),
    ]);
  }
}

function words(values: readonly bigint[]): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => bytes.writeBigUInt64LE(value, 8 * i));
  return bytes;
}
function text(value: string, size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  bytes.write(value.slice(0, size - 1), "latin1");
  return bytes;
}
/** Makes a note with the owner "Xen"; all lengths here are multiples of 4. */
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
/** Makes struct xen_dumpcore_p2m of each page, by pfn. */
function p2mTable(pfns: readonly number[], mfns: Uint32Array): Uint8Array {
  const table = Buffer.alloc(16 * pfns.length);
  pfns.forEach((pfn, i) => {
    table.writeBigUInt64LE(BigInt(pfn), 16 * i);
    table.writeBigUInt64LE(BigInt(mfns[pfn]!), 16 * i + 8);
  });
  return table;
}

/** Yields the ELF header, the section headers and all sections other than the pages, up to where those begin. */
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
