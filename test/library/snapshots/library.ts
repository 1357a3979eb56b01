/** A library of one or more domains that do not run, with disks whose content is known. Tests of snapshots use it. */
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openStore } from "../../../core/dom0/storage/open.ts";
import { createQcow2 } from "../../../core/dom0/storage/qcow2/create.ts";
import type { AwayText } from "../../../core/library/definition.ts";
import type { Definition, Definitions } from "../../../core/library/snapshots/parts.ts";
import { disksOf } from "../../../core/library/snapshots/parts.ts";
import type { SnapshotWork } from "../../../core/library/snapshots/report.ts";
import { Snapshots } from "../../../core/library/snapshots/snapshots.ts";

export const DISK_BYTES = 1 << 20;

export class FakeDefinitions implements Definitions {
  readonly known = new Map<string, Definition>();
  /** Those in the bin or put aside. */
  readonly gone: AwayText[] = [];
  all(): readonly (Definition & { uuid: string })[] {
    return [...this.known].map(([uuid, definition]) => ({ ...definition, uuid }));
  }
  away(): Promise<AwayText[]> {
    return Promise.resolve(this.gone);
  }
  async find(uuid: string): Promise<Definition | null> {
    return this.known.get(uuid) ?? null;
  }
  async change(uuid: string, config: string): Promise<void> {
    const before = this.known.get(uuid);
    if (before) this.known.set(uuid, { ...before, config });
  }
  async add(uuid: string, definition: Definition): Promise<void> {
    this.known.set(uuid, definition);
  }
  async remove(uuid: string): Promise<void> {
    this.known.delete(uuid);
  }
}

export class TestLibrary {
  readonly folder: string;
  readonly definitions: FakeDefinitions;
  readonly warnings: string[] = [];
  /** Hears what is done. */
  heard: (work: SnapshotWork | null) => void = () => {};
  readonly snapshots: Snapshots;
  readonly #clock: { now: number | null };

  constructor(folder: string, definitions = new FakeDefinitions(), clock: { now: number | null } = { now: null }) {
    this.folder = folder;
    this.#clock = clock;
    this.definitions = definitions;
    this.snapshots = new Snapshots({
      folder: path.join(folder, "domains"),
      definitions,
      toolstack: () => null,
      changed: (_, work) => this.heard(work),
      warn: (message) => this.warnings.push(message),
      now: () => clock.now ?? Date.now(),
    });
  }

  /** Sets the computer's clock, in milliseconds since 1970. */
  set now(now: number) {
    this.#clock.now = now;
  }

  /** Deletes a snapshot, and empties the bin of it. */
  async gone(uuid: string, id: string): Promise<void> {
    await this.snapshots.remove(uuid, id);
    await this.snapshots.purge(uuid, id);
  }

  /** Opens it again, as after a restart of the application. */
  reopened(): TestLibrary {
    return new TestLibrary(this.folder, this.definitions, this.#clock);
  }

  /** Adds a domain with an empty disk of that format, which lies beside the library. */
  async domain(name: string, format: "raw" | "qcow2", disks = 1): Promise<string> {
    const uuid = crypto.randomUUID();
    const images = path.join(this.folder, "images");
    mkdirSync(images, { recursive: true });
    const files = Array.from({ length: disks }, (_, i) =>
      path.join(images, `${name}-${i}.${format === "raw" ? "img" : format}`),
    );
    for (const file of files) {
      if (existsSync(file)) continue;
      if (format === "qcow2") await createQcow2({ path: file, size: DISK_BYTES });
      else {
        writeFileSync(file, "");
        truncateSync(file, DISK_BYTES);
      }
    }
    const specs = files.map(
      (file, i) => `"format=${format},vdev=xvd${String.fromCharCode(97 + i)},access=rw,target=${file}"`,
    );
    const config = `name = "${name}"\nkernel = "k" # mine\nmemory = 32\ndisk = [ ${specs.join(", ")} ]\n`;
    this.definitions.known.set(uuid, {
      name,
      config,
      configName: null,
      isSaved: false,
      files: () => Promise.resolve({}),
    });
    return uuid;
  }

  /** Returns the images that the domain starts from. */
  images(uuid: string): { file: string; format: string }[] {
    return disksOf(this.definitions.known.get(uuid)!);
  }

  async write(uuid: string, offset: number, bytes: Uint8Array, disk = 0): Promise<void> {
    const { file, format } = this.images(uuid)[disk]!;
    const store = await openStore(file, format, "read-write");
    try {
      await store.write(offset, [bytes]);
    } finally {
      await store.close();
    }
  }

  async read(uuid: string, disk = 0): Promise<Buffer> {
    const { file, format } = this.images(uuid)[disk]!;
    return contentOf(file, format);
  }

  /** The names of the files beside the images. */
  get files(): string[] {
    return readdirSync(path.join(this.folder, "images")).sort();
  }
}

export async function contentOf(file: string, format: string): Promise<Buffer> {
  const store = await openStore(file, format, "read");
  try {
    const all = Buffer.alloc(store.size);
    await store.read(0, [all]);
    return all;
  } finally {
    await store.close();
  }
}
