/** `bootloader = "pygrub"`: kernel, RAM disk and command line out of a domain's first disk, at each of its boots. */
import { MAX_GUEST_CMDLINE } from "../abi/xen.ts";
import { readParams } from "../dom0/backends/blk/config.ts";
import type { Disks } from "../dom0/backends/blk/disks.ts";
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import type { Place } from "../dom0/bootloader/disk.ts";
import type { BootList } from "../dom0/bootloader/entries.ts";
import { BootError } from "../dom0/bootloader/error.ts";
import { extract, type Extracted } from "../dom0/bootloader/extract.ts";
import { chooseEntry, type Terminal } from "../dom0/bootloader/menu.ts";
import { listEntries, parsePygrubArguments, type PygrubOptions } from "../dom0/bootloader/pygrub.ts";
import { StoreError, type BlockStore } from "../dom0/storage/block-store.ts";
import { SpecError, type DeviceSpec } from "../dom0/xenbus/kind.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import { Refusal } from "./error.ts";
import type { DiskBootReport, DomainConfig } from "./messages.ts";

export interface DiskBootParts {
  disks: Disks;
  consoles: Consoles;
  backends: BackendDevices;
}

export class DiskBoot {
  readonly #parts: DiskBootParts;

  constructor(parts: DiskBootParts) {
    this.#parts = parts;
  }

  /**
   * `devices`: the domain's, with whole paths. Its console shows the menu for as long as the disk's configuration says. Throws Refusal;
   * what `wanted` is aborted with.
   */
  async load(
    domid: number,
    config: DomainConfig,
    devices: readonly DeviceSpec[],
    wanted: AbortSignal,
  ): Promise<Extracted> {
    const { target, format } = firstDisk(config.name, devices);
    return this.#with(target, format, async (store) => {
      const options = pygrubOptions(config);
      const list = await listEntries(store, options);
      const isAsked = !options.quiet && options.entry === null && (list.timeout ?? 0) > 0;
      const index = isAsked ? await chooseEntry(list, this.#terminal(domid), wanted) : list.default;
      wanted.throwIfAborted();
      const extracted = await extract(list.entries[index]!, config.memoryMiB * 2 ** 20);
      if (Buffer.byteLength(extracted.cmdline) >= MAX_GUEST_CMDLINE)
        throw new BootError(
          `The command line of "${list.entries[index]!.title}" is longer than ${MAX_GUEST_CMDLINE - 1} bytes.`,
        );
      return extracted;
    });
  }

  /** What a disk offers to boot. Throws Refusal. */
  inspect(file: string, format: string): Promise<DiskBootReport> {
    return this.#with(file, format, async (store) => report(await listEntries(store, parsePygrubArguments([]))));
  }

  async #with<T>(file: string, format: string, action: (store: BlockStore) => Promise<T>): Promise<T> {
    // A domain that is restarted has the disk until its backend has let go.
    await this.#parts.backends.released();
    let store: BlockStore | null = null;
    try {
      store = await this.#parts.disks.open(file, format, "read");
      return await action(store);
    } catch (error) {
      if (error instanceof StoreError)
        throw new Refusal(error.code, `The disk can't be booted from: ${error.message}.`);
      if (error instanceof BootError) throw new Refusal("ENOEXEC", `${file}: ${error.message}`);
      throw error;
    } finally {
      await store?.close();
    }
  }

  #terminal(domid: number): Terminal {
    const { consoles } = this.#parts;
    return {
      write: (text) => consoles.output(domid, Buffer.from(text, "utf8")),
      listen: (listener) =>
        consoles.connect(
          domid,
          listener &&
            ((bytes) => {
              listener(bytes);
              return true;
            }),
        ),
    };
  }
}

/** As libxl calls pygrub: what the domain's configuration says of kernel, RAM disk and command line goes to it. */
function pygrubOptions(config: DomainConfig): PygrubOptions {
  const options = parsePygrubArguments(config.bootloader?.arguments ?? []);
  return {
    ...options,
    kernel: options.kernel ?? (config.kernel || null),
    ramdisk: options.ramdisk ?? config.ramdisk,
    args: [options.args, config.cmdline].filter(Boolean).join(" "),
  };
}

function firstDisk(name: string, devices: readonly DeviceSpec[]): { target: string; format: string } {
  for (const { kind, back } of devices) {
    if (kind !== "vbd") continue;
    try {
      const image = readParams(String(back.params));
      if (image) return image;
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      throw new Refusal("EINVAL", `${name}: ${error.message}.`);
    }
  }
  throw new Refusal("EINVAL", `${name} has no disk with an image that its boot loader could read.`);
}

function report({ source, entries, default: chosen, timeout }: BootList): DiskBootReport {
  const name = ({ volume, path }: Place): string => (volume.partition === 0 ? path : `(${volume.partition})${path}`);
  return {
    source,
    entries: entries.map(({ title, kernel, initrds, cmdline }) => ({
      title,
      kernel: name(kernel),
      initrds: initrds.map(name),
      cmdline,
    })),
    default: chosen,
    timeout,
  };
}
