/**
 * Checks whether an image's tables agree with its reference counts, as `qemu-img check` does. It only reads, and nobody may write the image
 * meanwhile. Nothing in the image is trusted: an entry that leads out of the file or to a table is a finding, and memory is bounded by the file's
 * real size.
 */
import { StoreError } from "../block-store.ts";
import { HostFile } from "../host-file.ts";
import { readHeader, type Qcow2Header } from "./header.ts";
import { getCount } from "./refcounts.ts";
import { readSnapshots } from "./snapshots.ts";
import { Table } from "./tables.ts";

/** The most clusters of a file that is checked: 2 TiB with clusters of 64 KiB. */
const MOST_CLUSTERS = 2 ** 25;
const MOST_SAID = 20;
const L1_BYTES_MAX = 32 << 20;
const HEADER_BYTES = 1 << 16;
const MOST_COUNT = 0xffff;

export interface CheckReport {
  /** Number of clusters that something refers to. */
  used: number;
  /** Number of clusters that are counted but that nothing refers to. They only waste room. */
  leaked: number;
  /** Number of faults that may cost data. */
  errors: number;
  /** The first of them, as sentences without their full stop. */
  findings: string[];
}

/** `progress` is told the share that is done, and may throw to end the check. Throws StoreError if the file can't be read as a qcow2 image at all. */
export async function checkQcow2(path: string, progress: (share: number) => void): Promise<CheckReport> {
  const file = await HostFile.open(path, "read");
  try {
    const first = new Uint8Array(Math.min(HEADER_BYTES, file.end));
    await file.read(0, [first]);
    return await new Check(file, readHeader(first, path), progress).run();
  } finally {
    await file.close();
  }
}

class Check {
  readonly #file: HostFile;
  readonly #header: Qcow2Header;
  readonly #progress: (share: number) => void;
  readonly #clusterSize: number;
  /** For each cluster of the file, how often it is referred to. */
  readonly #counts: Uint16Array;
  /** The clusters that hold tables, to which nothing else may refer. */
  readonly #tables: Uint8Array;
  readonly #report: CheckReport = { used: 0, leaked: 0, errors: 0, findings: [] };

  constructor(file: HostFile, header: Qcow2Header, progress: (share: number) => void) {
    this.#file = file;
    this.#header = header;
    this.#progress = progress;
    this.#clusterSize = 2 ** header.clusterBits;
    const clusters = Math.ceil(file.end / this.#clusterSize);
    if (clusters > MOST_CLUSTERS)
      throw new StoreError("EFBIG", `${file.path}: it has ${clusters} clusters, too many to be checked`);
    this.#counts = new Uint16Array(clusters);
    this.#tables = new Uint8Array(clusters);
  }

  async run(): Promise<CheckReport> {
    const { l1Offset, l1Size, snapshotsOffset, snapshotCount, dirty, corrupt } = this.#header;
    if (corrupt) this.#wrong("it is marked as corrupt by who wrote it");
    if (dirty) this.#wrong("it was not closed cleanly by what wrote it");
    this.#mark(0, this.#clusterSize, "the header", true);
    const table = await this.#refcountTable();
    const snapshots = await readSnapshots(this.#file, this.#header);
    // Reading the list has checked its length. Marking where it begins is enough to notice anything else there.
    if (snapshotCount > 0) this.#mark(snapshotsOffset, 1, "the list of its snapshots", true);
    const trees = [{ l1Offset, l1Size, what: "the disk" }].concat(
      snapshots.map((each) => ({ l1Offset: each.l1Offset, l1Size: each.l1Size, what: `the snapshot ${each.id}` })),
    );
    for (const [i, tree] of trees.entries())
      await this.#tree(tree, (share) => this.#progress(((i + share) / trees.length) * 0.9));
    await this.#compare(table);
    this.#progress(1);
    return this.#report;
  }

  /** Returns the table, and marks its blocks. */
  async #refcountTable(): Promise<Table> {
    const { refcountTableOffset, refcountTableClusters } = this.#header;
    const bytes = new Uint8Array(refcountTableClusters * this.#clusterSize);
    this.#mark(refcountTableOffset, bytes.length, "the table of reference counts", true);
    await this.#file.read(refcountTableOffset, [bytes]);
    const table = new Table(bytes);
    for (let i = 0; i < table.length; i++)
      if (table.offset(i) !== 0) this.#mark(table.offset(i), this.#clusterSize, "a block of reference counts", true);
    return table;
  }

  async #tree(
    { l1Offset, l1Size, what }: { l1Offset: number; l1Size: number; what: string },
    progress: (share: number) => void,
  ): Promise<void> {
    if (l1Size * 8 > L1_BYTES_MAX) return this.#wrong(`the L1 table of ${what} is too large`);
    const bytes = new Uint8Array(l1Size * 8);
    if (!this.#mark(l1Offset, Math.max(1, bytes.length), `the L1 table of ${what}`, true)) return;
    await this.#file.read(l1Offset, [bytes]);
    const l1 = new Table(bytes);
    const entries = new Uint8Array(this.#clusterSize);
    for (let i = 0; i < l1.length; i++) {
      progress(i / l1.length);
      const at = l1.offset(i);
      if (at === 0 || !this.#mark(at, this.#clusterSize, `an L2 table of ${what}`, true)) continue;
      await this.#file.read(at, [entries]);
      this.#clusters(new Table(entries), what);
    }
  }

  #clusters(l2: Table, what: string): void {
    const { clusterBits, version } = this.#header;
    for (let i = 0; i < l2.length; i++) {
      const cluster = l2.cluster(i, clusterBits, version);
      if (cluster.kind === "unallocated" || cluster.offset === 0) continue;
      if (cluster.kind === "compressed") this.#mark(cluster.offset, cluster.bytes, `compressed data of ${what}`, false);
      else this.#mark(cluster.offset, this.#clusterSize, `data of ${what}`, false);
    }
  }

  /**
   * Returns false if nothing can lie there. With `isTable` it must begin at a cluster and have it for itself; data must begin at a cluster unless it
   * is compressed.
   */
  #mark(offset: number, bytes: number, what: string, isTable: boolean): boolean {
    const isWhole = isTable || bytes === this.#clusterSize;
    if (isWhole && offset % this.#clusterSize !== 0) {
      this.#wrong(`${what} does not begin at a cluster (byte ${offset})`);
      return false;
    }
    const from = Math.floor(offset / this.#clusterSize);
    // The last cluster of a file may be shorter than the others.
    const end = Math.ceil((offset + bytes) / this.#clusterSize);
    if (from >= this.#counts.length || (isWhole && end > this.#counts.length)) {
      this.#wrong(`${what} would lie behind the end of the file (byte ${offset})`);
      return false;
    }
    for (let at = from; at < Math.min(end, this.#counts.length); at++) {
      if (this.#counts[at]! < MOST_COUNT) this.#counts[at]!++;
      if (isTable) this.#tables[at] = 1;
    }
    return true;
  }

  async #compare(table: Table): Promise<void> {
    const { refcountOrder } = this.#header;
    const perBlock = (this.#clusterSize * 8) >> refcountOrder;
    const block = new Uint8Array(this.#clusterSize);
    const hasSnapshots = this.#header.snapshotCount > 0;
    for (let from = 0; from < this.#counts.length; from += perBlock) {
      this.#progress(0.9 + (from / this.#counts.length) * 0.1);
      const index = from / perBlock;
      const offset = index < table.length ? table.offset(index) : 0;
      block.fill(0);
      if (offset !== 0 && offset % this.#clusterSize === 0) await this.#file.read(offset, [block]);
      for (let at = from; at < Math.min(from + perBlock, this.#counts.length); at++) {
        const found = this.#counts[at]!;
        const said = Math.min(MOST_COUNT, getCount(block, at - from, refcountOrder));
        if (found > 0) this.#report.used++;
        if (said > found) this.#report.leaked += 1;
        else if (said < found) this.#wrong(`cluster ${at} is used ${found} times and counted ${said}`);
        // Snapshots share their L2 tables with the disk.
        else if (found > 1 && this.#tables[at] && !hasSnapshots) this.#wrong(`cluster ${at} is a table and used twice`);
      }
    }
  }

  #wrong(finding: string): void {
    if (this.#report.findings.length < MOST_SAID) this.#report.findings.push(finding);
    this.#report.errors++;
  }
}
