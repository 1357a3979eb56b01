/** The images that a driver domain has, as its block devices, by name: what lies behind the disks of others that it has the backends of. */
import type { DiskSource } from "../backends/blk/disk-source.ts";
import type { Disks } from "../backends/blk/disks.ts";
import { StoreError, type BlockStore } from "../storage/block-store.ts";
import type { StoreAccess } from "../storage/open.ts";
import type { DriverDisk } from "./messages.ts";

export class DriverDisks implements DiskSource {
  readonly #disks: Pick<Disks, "open">;
  readonly #own: ReadonlyMap<string, DriverDisk>;

  constructor(disks: Pick<Disks, "open">, own: readonly DriverDisk[]) {
    this.#disks = disks;
    this.#own = new Map(own.map((disk) => [disk.name, disk]));
  }

  /** `params` is such as "/dev/xvda" or "xvda". */
  async openNamed(params: string, access: StoreAccess | "disposable"): Promise<BlockStore | null> {
    if (params === "") return null;
    const name = params.startsWith("/") ? params : `/dev/${params}`;
    const disk = this.#own.get(name);
    if (!disk) {
      const names = [...this.#own.keys()].join(", ") || "none";
      throw new StoreError("ENOENT", `${name} is no disk of the driver domain; it has ${names}`);
    }
    if (access === "disposable") throw new StoreError("EOPNOTSUPP", "a disk of a driver domain's can't be disposable");
    if (access === "read-write" && !disk.isWritable)
      throw new StoreError("EROFS", `${name} can only be read: the driver domain has it so`);
    return this.#disks.open(disk.file, disk.format, access);
  }
}
