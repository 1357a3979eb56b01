/**
 * Reads and writes of a qcow2 image that are done where they are asked for (BlockStore.readAtOnce): those whose tables are in memory, and whose clusters
 * lie in the file as they are or read as zeros. A transfer that begins and ends here can't meet another one, so nobody has to wait for it.
 */
import type { BlockStore } from "../block-store.ts";
import type { HostFile } from "../host-file.ts";
import { lengthOf, ViewReader } from "../views.ts";
import type { Clusters } from "./clusters.ts";
import { follows, type Cluster } from "./tables.ts";

/** Clusters that are transferred together. */
interface Run {
  readonly first: Cluster;
  readonly bytes: number;
}

export class AtOnce {
  readonly #file: HostFile;
  readonly #clusters: Clusters;
  readonly #isMoving: (cluster: number) => boolean;

  /** `isMoving` says that a cluster is being given a place. */
  constructor(file: HostFile, clusters: Clusters, isMoving: (cluster: number) => boolean) {
    this.#file = file;
    this.#clusters = clusters;
    this.#isMoving = isMoving;
  }

  /** What the image has nothing of is read from `backing`, if that can do it at once. */
  read(backing: BlockStore | null, offset: number, targets: readonly Uint8Array[]): boolean {
    const length = lengthOf(targets);
    const views = new ViewReader(targets);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const run = this.#run(at, length - done);
      if (!run || !this.#readRun(run.first, backing, at, views.take(run.bytes))) return false;
      done += run.bytes;
    }
    return true;
  }

  #readRun(cluster: Cluster, backing: BlockStore | null, at: number, targets: Uint8Array[]): boolean {
    if (cluster.kind === "data") return this.#file.readAtOnce(cluster.offset + this.#inside(at), targets);
    if (cluster.kind === "compressed") return false;
    if (cluster.kind === "unallocated" && backing)
      return at + lengthOf(targets) <= backing.size && (backing.readAtOnce?.(at, targets) ?? false);
    for (const target of targets) target.fill(0);
    return true;
  }

  /** Only if all of it goes to clusters that have places of their own and keep them. */
  write(offset: number, sources: readonly Uint8Array[]): boolean {
    const length = lengthOf(sources);
    if (!this.#isInPlace(offset, length)) return false;
    const views = new ViewReader(sources);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const run = this.#run(at, length - done);
      if (run?.first.kind !== "data") return false;
      if (!this.#file.writeAtOnce(run.first.offset + this.#inside(at), views.take(run.bytes))) return false;
      done += run.bytes;
    }
    return true;
  }

  #isInPlace(at: number, bytes: number): boolean {
    const size = this.#clusters.clusterSize;
    for (let cluster = Math.floor(at / size); cluster * size < at + bytes; cluster++) {
      const found = this.#inMemory(cluster);
      if (found?.kind !== "data" || !found.copied || this.#isMoving(cluster)) return false;
    }
    return true;
  }

  #inside(at: number): number {
    return at % this.#clusters.clusterSize;
  }

  /** Returns the clusters from there on that lie side by side, or are nowhere; null if the table that says so is not in memory. */
  #run(at: number, most: number): Run | null {
    const size = this.#clusters.clusterSize;
    const cluster = Math.floor(at / size);
    const first = this.#inMemory(cluster);
    if (!first) return null;
    let bytes = size - (at % size);
    for (let next = cluster + 1; bytes < most; next++) {
      const following = this.#inMemory(next);
      if (!following || !follows(first, following, (next - cluster) * size)) break;
      bytes += size;
    }
    return { first, bytes: Math.min(bytes, most) };
  }

  #inMemory(cluster: number): Cluster | null {
    const found = this.#clusters.find(cluster);
    if (!(found instanceof Promise)) return found;
    // The table is read for whoever asks next, who is told if it can't be.
    found.catch(() => {});
    return null;
  }
}
