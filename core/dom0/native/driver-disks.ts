/** The images that a driver domain has, as its block devices, by name: what lies behind the disks of others that it has the backends of. */
import type { DiskSource } from "../backends/blk/disk-source.ts";
import type { Disks } from "../backends/blk/disks.ts";
import { StoreError, type BlockStore } from "../storage/block-store.ts";
import type { StoreAccess } from "../storage/open.ts";
import { OverlayStore } from "../storage/overlay.ts";
import type { DriverDisk } from "./messages.ts";
import type { Scratches } from "./thread-side.ts";

export class DriverDisks implements DiskSource {
  readonly #disks: Pick<Disks, "open">;
  readonly #own: ReadonlyMap<string, DriverDisk>;
  readonly #scratches: Scratches;

  constructor(disks: Pick<Disks, "open">, own: readonly DriverDisk[], scratches: Scratches) {
    this.#disks = disks;
    this.#scratches = scratches;
    this.#own = new Map(own.map((disk) => [disk.name, disk]));
  }

  /** `params` is such as "/dev/xvda" or "xvda". */
  async openNamed(
    params: string,
    access: StoreAccess | "disposable",
    scratch: string | null,
  ): Promise<BlockStore | null> {
    if (params === "") return null;
    const name = params.startsWith("/") ? params : `/dev/${params}`;
    const disk = this.#own.get(name);
    if (!disk) {
      const names = [...this.#own.keys()].join(", ") || "none";
      throw new StoreError("ENOENT", `${name} is no disk of the driver domain; it has ${names}`);
    }
    if (access === "disposable") {
      if (scratch === null) throw new StoreError("EINVAL", "it is disposable, and no node says where its writes go");
      const base = await this.#disks.open(disk.file, disk.format, "read");
      return OverlayStore.over(base, (bytes) => this.#scratches.open(scratch, bytes));
    }
    if (access === "read-write" && !disk.isWritable)
      throw new StoreError("EROFS", `${name} can only be read: the driver domain has it so`);
    return this.#disks.open(disk.file, disk.format, access);
  }
}
