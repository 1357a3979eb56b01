/** `bootloader = "pygrub"`: takes kernel, RAM disk and command line from a domain's first disk at each of its boots. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { MAX_GUEST_CMDLINE } from "../abi/xen.ts";
import { isElsewhere, readParams } from "../dom0/backends/blk/config.ts";
import type { Disks } from "../dom0/backends/blk/disks.ts";
import type { Consoles } from "../dom0/backends/console/consoles.ts";
import { contentsOf } from "../dom0/bootloader/contents.ts";
import { BootDisk, type Place } from "../dom0/bootloader/disk.ts";
import type { BootList } from "../dom0/bootloader/entries.ts";
import { BootError } from "../dom0/bootloader/error.ts";
import { extract, type Extracted } from "../dom0/bootloader/extract.ts";
import { chooseEntry, type Terminal } from "../dom0/bootloader/menu.ts";
import { entriesOf, listEntries, parsePygrubArguments, type PygrubOptions } from "../dom0/bootloader/pygrub.ts";
import { StoreError, storeError, type BlockStore } from "../dom0/storage/block-store.ts";
import { SNIFF_BYTES, sniffDisk } from "../dom0/storage/sniff.ts";
import { SpecError, type DeviceSpec } from "../dom0/xenbus/kind.ts";
import type { BackendDevices } from "../dom0/xenbus/devices.ts";
import { Refusal } from "./error.ts";
import type { DiskBootReport, DiskReport, DomainConfig } from "./messages.ts";

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
   * `devices`: the devices of the domain, with whole paths. Its console shows the menu as long as the configuration on the disk says. Throws Refusal,
   * or the reason with which `wanted` is aborted.
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

  /** Returns what is on an image. With `format` null the image's first bytes decide the format. Throws Refusal. */
  async inspect(file: string, format: string | null): Promise<DiskReport> {
    const { head, allocated } = await beginning(file);
    const sniffed = sniffDisk(head, file) ?? { format: "raw", isCd: false, summary: "raw image" };
    return this.#with(file, format ?? sniffed.format, async (store) => {
      const disk = await BootDisk.open(store);
      const facts = { ...sniffed, format: format ?? sniffed.format, size: store.size, allocated };
      const parts = await contentsOf(disk);
      try {
        const boot = report(await entriesOf(disk, parsePygrubArguments([])));
        return { ...facts, parts, boot, bootProblem: null };
      } catch (error) {
        if (!(error instanceof BootError)) throw error;
        return { ...facts, parts, boot: null, bootProblem: error.message };
      }
    });
  }

  async #with<T>(file: string, format: string, action: (store: BlockStore) => Promise<T>): Promise<T> {
    // A domain that is restarted keeps its disk until the backend has given it up.
    await this.#parts.backends.released();
    let store: BlockStore | null = null;
    try {
      store = await this.#parts.disks.open(file, format, "read");
      return await action(store);
    } catch (error) {
      if (error instanceof StoreError) throw new Refusal(error.code, `The disk can't be read: ${error.message}.`);
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

/** Returns the first bytes of a file, and how many bytes it takes on this computer's disk. Throws Refusal. */
async function beginning(file: string): Promise<{ head: Uint8Array; allocated: number }> {
  try {
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const { size, blocks } = await handle.stat();
      const { bytesRead, buffer } = await handle.read(new Uint8Array(SNIFF_BYTES), 0, SNIFF_BYTES, 0);
      // Windows does not count blocks.
      return { head: buffer.subarray(0, bytesRead), allocated: blocks ? Math.min(size, blocks * 512) : size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code, message } = storeError(error, file);
    throw new Refusal(code, `The disk can't be read: ${message}.`);
  }
}

/** As when libxl calls pygrub: what the domain's configuration says about kernel, RAM disk and command line is passed on. */
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
  for (const spec of devices) {
    const { kind, back } = spec;
    if (kind !== "vbd") continue;
    if (isElsewhere(spec))
      throw new Refusal("EINVAL", `${name}: its boot loader can't read its first disk, which ${spec.backend} has.`);
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
