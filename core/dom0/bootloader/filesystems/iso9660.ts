/** Reads ISO 9660 (ECMA-119) with the names of Rock Ridge, or else those of Joliet, or else its own. */
import { BootError } from "../error.ts";
import type { Region } from "../region.ts";
import { MOST_NAMES, type FileSystem, type Node } from "./filesystem.ts";
import { isoRecords, type IsoRecord } from "./iso-records.ts";
import { readSystemUse, suspSkip } from "./rock-ridge.ts";

const SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MOST_DESCRIPTORS = 64;
const MOST_DIRECTORY = 4 << 20;

export interface IsoNode extends Node {
  /** The parts of the file in order, in bytes. */
  readonly sections: readonly { start: number; size: number }[];
  readonly target: string;
}

type Names = "rock ridge" | "joliet" | "plain";

export class IsoFileSystem implements FileSystem<IsoNode> {
  readonly type = "ISO 9660";
  readonly uuid: string;
  readonly label: string;
  readonly #region: Region;
  readonly #root: IsoNode;
  readonly #blockSize: number;
  #names: Names = "plain";
  /** Bytes to skip at the start of each system use area, according to Rock Ridge. */
  #skip = 0;

  private constructor(region: Region, descriptor: DataView<ArrayBuffer>, root: DataView<ArrayBuffer>) {
    this.#region = region;
    this.#blockSize = descriptor.getUint16(128, true);
    const text = (at: number, length: number): string => Buffer.from(descriptor.buffer, at, length).toString("latin1");
    this.label = text(40, 32).trimEnd();
    // The UUID as GRUB has it: the time of the last change, else that of creation.
    const time = [830, 813].map((at) => text(at, 16)).find((digits) => /^\d{16}$/.test(digits) && /[1-9]/.test(digits));
    this.uuid = time?.replace(/^(....)(..)(..)(..)(..)(..)(..)$/, "$1-$2-$3-$4-$5-$6-$7") ?? "";
    const start = root.getUint32(156 + 2, true) * this.#blockSize;
    const size = root.getUint32(156 + 10, true);
    this.#root = { kind: "directory", size, sections: [{ start, size }], target: "" };
  }

  /** Returns null when the region holds something else. */
  static async open(region: Region): Promise<IsoFileSystem | null> {
    let primary: DataView<ArrayBuffer> | null = null;
    let joliet: DataView<ArrayBuffer> | null = null;
    for (let i = 0; i < MOST_DESCRIPTORS && (FIRST_DESCRIPTOR + i + 1) * SECTOR <= region.size; i++) {
      const descriptor = await region.read((FIRST_DESCRIPTOR + i) * SECTOR, SECTOR);
      const type = descriptor.getUint8(0);
      if (Buffer.from(descriptor.buffer, 1, 5).toString("latin1") !== "CD001" || type === 255) break;
      if (type === 1) primary ??= descriptor;
      const escape = Buffer.from(descriptor.buffer, 88, 3).toString("latin1");
      if (type === 2 && /^%\/[@CE]$/.test(escape)) joliet ??= descriptor;
    }
    if (!primary || ![512, 1024, 2048].includes(primary.getUint16(128, true))) return null;
    const system = new IsoFileSystem(region, primary, primary);
    const [self] = await system.#records(system.#root, 1);
    const skip = self ? suspSkip(self.systemUse) : null;
    if (skip !== null) {
      system.#names = "rock ridge";
      system.#skip = skip;
    } else if (joliet) {
      const other = new IsoFileSystem(region, primary, joliet);
      other.#names = "joliet";
      return other;
    }
    return system;
  }

  root(): Promise<IsoNode> {
    return Promise.resolve(this.#root);
  }

  /** Case does not matter in ISO 9660's own names. */
  async find(directory: IsoNode, name: string): Promise<IsoNode | null> {
    const plain = this.#names === "plain";
    const wanted = plain ? name.toLowerCase() : name;
    for (const entry of await this.#entries(directory))
      if ((plain ? entry.name.toLowerCase() : entry.name) === wanted) return entry.node;
    return null;
  }

  async names(directory: IsoNode): Promise<string[]> {
    return (await this.#entries(directory)).map(({ name }) => name).slice(0, MOST_NAMES);
  }

  async read(file: IsoNode, offset: number, target: Uint8Array): Promise<void> {
    let [at, done] = [0, 0];
    for (const { start, size } of file.sections) {
      const within = offset + done - at;
      const length = Math.min(size - within, target.length - done);
      if (length > 0) {
        await this.#region.readInto(start + within, target.subarray(done, done + length));
        done += length;
      }
      at += size;
    }
  }

  linkTarget(link: IsoNode): Promise<string> {
    return Promise.resolve(link.target);
  }

  async #entries(directory: IsoNode): Promise<{ name: string; node: IsoNode }[]> {
    const entries: { name: string; node: IsoNode }[] = [];
    let sections: { start: number; size: number }[] = [];
    for (const record of (await this.#records(directory)).slice(2)) {
      sections.push({ start: record.extent * this.#blockSize, size: record.size });
      if (record.hasMore) continue;
      const whole = sections;
      sections = [];
      const entry = await this.#entry(record, whole);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  async #entry(
    record: IsoRecord,
    sections: { start: number; size: number }[],
  ): Promise<{ name: string; node: IsoNode } | null> {
    const size = sections.reduce((sum, section) => sum + section.size, 0);
    const kind = record.isDirectory ? "directory" : "file";
    const node: IsoNode = { kind, size, sections, target: "" };
    if (this.#names !== "rock ridge") return { name: ownName(record.name, this.#names), node };
    const use = await readSystemUse(this.#region, this.#blockSize, record.systemUse.subarray(this.#skip));
    if (use.isRelocated) return null;
    const name = use.name ?? ownName(record.name, "plain");
    if (use.target !== null)
      return { name, node: { kind: "link", size: use.target.length, sections: [], target: use.target } };
    if (use.child === null) return { name, node };
    // A directory that would be too deep for ISO 9660 and so lies somewhere else. Its first record has its size.
    const start = use.child * this.#blockSize;
    const self = await this.#region.read(start, 34);
    const length = self.getUint32(10, true);
    return { name, node: { kind: "directory", size: length, sections: [{ start, size: length }], target: "" } };
  }

  async #records({ sections }: IsoNode, most = Infinity): Promise<IsoRecord[]> {
    const records: IsoRecord[] = [];
    const whole = sections.reduce((sum, { size }) => sum + size, 0);
    if (whole > MOST_DIRECTORY) throw new BootError(`A directory on the disk has ${whole} bytes.`);
    for (const { start, size } of sections) {
      for (let at = 0; at < size && records.length < most; at += SECTOR) {
        const sector = Buffer.alloc(Math.min(SECTOR, size - at));
        await this.#region.readInto(start + at, sector);
        records.push(...isoRecords(sector));
      }
    }
    return records.slice(0, most);
  }
}

function ownName(name: Buffer, names: Names): string {
  const text =
    names === "joliet"
      ? Buffer.from(name.subarray(0, name.length & ~1))
          .swap16()
          .toString("utf16le")
      : name.toString("latin1");
  return text.replace(/;\d+$/, "").replace(/\.$/, "");
}
