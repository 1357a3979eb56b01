/** Reads FAT12, FAT16 and FAT32, as Microsoft's specification (FAT: General Overview of On-Disk Format, 1.03) describes them. */
import { BootError } from "../error.ts";
import type { Region } from "../region.ts";
import { fatEntries, type FatEntry } from "./fat-directory.ts";
import { MOST_NAMES, type FileSystem, type Node } from "./filesystem.ts";

const MOST_DIRECTORY = 65536 * 32;

export interface FatNode extends Node {
  /** 0 for an empty file, and for the root of FAT12 and FAT16. */
  readonly cluster: number;
  readonly isRoot: boolean;
}

interface Layout {
  clusterSize: number;
  /** Places in bytes: of the first FAT, of the root of FAT12 and FAT16, and of cluster 2. */
  fat: number;
  root: number;
  rootSize: number;
  data: number;
  clusters: number;
  rootCluster: number;
  bits: 12 | 16 | 32;
}

export class FatFileSystem implements FileSystem<FatNode> {
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  readonly #region: Region;
  readonly #layout: Layout;

  private constructor(region: Region, layout: Layout, sector: DataView<ArrayBuffer>) {
    this.#region = region;
    this.#layout = layout;
    this.type = `FAT${layout.bits}`;
    const serial = layout.bits === 32 ? 67 : 39;
    const hex = sector.getUint32(serial, true).toString(16).padStart(8, "0");
    this.uuid = `${hex.slice(0, 4)}-${hex.slice(4)}`;
    this.label = Buffer.from(sector.buffer, serial + 4, 11)
      .toString("latin1")
      .trimEnd();
  }

  /** Returns null when the region holds something else. */
  static async open(region: Region): Promise<FatFileSystem | null> {
    if (region.size < 512) return null;
    const sector = await region.read(0, 512);
    const layout = layoutOf(sector);
    return layout && layout.data <= region.size ? new FatFileSystem(region, layout, sector) : null;
  }

  root(): Promise<FatNode> {
    const { bits, rootCluster } = this.#layout;
    return Promise.resolve({ kind: "directory", size: 0, isRoot: bits !== 32, cluster: rootCluster });
  }

  /** Case does not matter in names. */
  async find(directory: FatNode, name: string): Promise<FatNode | null> {
    const wanted = name.toLowerCase();
    for (const entry of await this.#entries(directory))
      if (entry.name.toLowerCase() === wanted || entry.shortName.toLowerCase() === wanted)
        return {
          kind: entry.isDirectory ? "directory" : "file",
          size: entry.size,
          cluster: entry.cluster,
          isRoot: false,
        };
    return null;
  }

  async names(directory: FatNode): Promise<string[]> {
    const names = (await this.#entries(directory)).map(({ name }) => name);
    return names.filter((name) => name !== "." && name !== "..").slice(0, MOST_NAMES);
  }

  async read(file: FatNode, offset: number, target: Uint8Array): Promise<void> {
    const { clusterSize } = this.#layout;
    let cluster = file.cluster;
    let start = 0;
    for (let done = 0; done < target.length;) {
      const first = cluster;
      let size = clusterSize;
      let next = await this.#next(cluster);
      // Clusters that follow each other are read together.
      while (next === first + size / clusterSize && start + size < offset + target.length) {
        size += clusterSize;
        next = await this.#next(next);
      }
      if (offset + done < start + size) {
        const within = offset + done - start;
        const length = Math.min(size - within, target.length - done);
        await this.#region.readInto(this.#place(first) + within, target.subarray(done, done + length));
        done += length;
      }
      if (done === target.length) return;
      if (next === null) throw new BootError("The file system is damaged: a file ends before its size.");
      start += size;
      cluster = next;
    }
  }

  linkTarget(): Promise<string> {
    return Promise.reject(new BootError("FAT has no symbolic links."));
  }

  async #entries(directory: FatNode): Promise<FatEntry[]> {
    const { root, rootSize } = this.#layout;
    if (directory.isRoot) {
      const bytes = Buffer.alloc(rootSize);
      await this.#region.readInto(root, bytes);
      return fatEntries(bytes);
    }
    const { clusterSize } = this.#layout;
    const parts: Buffer[] = [];
    for (let cluster: number | null = directory.cluster; cluster !== null; cluster = await this.#next(cluster)) {
      const part = Buffer.alloc(clusterSize);
      await this.#region.readInto(this.#place(cluster), part);
      parts.push(part);
      if (parts.length * clusterSize > MOST_DIRECTORY)
        throw new BootError("The file system is damaged: a directory comes to no end.");
    }
    return fatEntries(Buffer.concat(parts));
  }

  #place(cluster: number): number {
    const { data, clusterSize, clusters } = this.#layout;
    if (cluster < 2 || cluster >= clusters + 2)
      throw new BootError(`The file system is damaged: it refers to cluster ${cluster}, and has ${clusters}.`);
    return data + (cluster - 2) * clusterSize;
  }

  /** Returns null at the end of the chain. */
  async #next(cluster: number): Promise<number | null> {
    this.#place(cluster);
    const { bits, fat } = this.#layout;
    let next: number;
    if (bits === 32) next = (await this.#region.read(fat + cluster * 4, 4)).getUint32(0, true) & 0x0fffffff;
    else if (bits === 16) next = (await this.#region.read(fat + cluster * 2, 2)).getUint16(0, true);
    else {
      const pair = (await this.#region.read(fat + cluster + (cluster >> 1), 2)).getUint16(0, true);
      next = cluster & 1 ? pair >> 4 : pair & 0xfff;
    }
    return next >= (bits === 32 ? 0x0ffffff8 : bits === 16 ? 0xfff8 : 0xff8) ? null : next;
  }
}

/** Returns null when this is not a boot sector of FAT. */
function layoutOf(sector: DataView): Layout | null {
  const jump = sector.getUint8(0);
  if (sector.getUint16(510, true) !== 0xaa55 || (jump !== 0xeb && jump !== 0xe9)) return null;
  const sectorBytes = sector.getUint16(11, true);
  const perCluster = sector.getUint8(13);
  const reserved = sector.getUint16(14, true);
  const fats = sector.getUint8(16);
  const rootEntries = sector.getUint16(17, true);
  const total = sector.getUint16(19, true) || sector.getUint32(32, true);
  const fatSectors = sector.getUint16(22, true) || sector.getUint32(36, true);
  const isPower = (number: number): boolean => number > 0 && (number & (number - 1)) === 0;
  if (!isPower(sectorBytes) || sectorBytes < 512 || sectorBytes > 4096 || !isPower(perCluster)) return null;
  if (reserved === 0 || fats < 1 || fats > 4 || fatSectors === 0) return null;
  const root = reserved + fats * fatSectors;
  const data = root + Math.ceil((rootEntries * 32) / sectorBytes);
  const clusters = Math.floor((total - data) / perCluster);
  if (clusters < 1) return null;
  const bits = sector.getUint16(22, true) === 0 ? 32 : clusters < 4085 ? 12 : 16;
  return {
    clusterSize: perCluster * sectorBytes,
    fat: reserved * sectorBytes,
    root: root * sectorBytes,
    rootSize: rootEntries * 32,
    data: data * sectorBytes,
    clusters,
    rootCluster: bits === 32 ? sector.getUint32(44, true) : 0,
    bits,
  };
}
