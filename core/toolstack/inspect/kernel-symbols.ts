/** The symbols of domains' kernels. They are read once for each domain, by a thread beside that of dom0. */
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Lifecycle, ManagedDomain } from "../lifecycle.ts";
import { Symbols, type SymbolTable } from "../profile/symbols.ts";

export interface SymbolsRequest {
  /** The contents of the kernel, or its path. */
  kernel: Uint8Array | string;
}
/** null: the kernel has no symbols. */
export type SymbolsReply = SymbolTable | null;

/** The number of domains whose symbols are kept. */
const MOST = 8;

export class KernelSymbols {
  readonly #domains: Lifecycle["domains"];
  /** By domain: undefined while the symbols are being read. The domain that was asked for last stands last. */
  readonly #kept = new Map<ManagedDomain, Symbols | null | undefined>();
  /** The readings that are under way. */
  readonly #reading = new Map<ManagedDomain, Promise<void>>();

  constructor(domains: Lifecycle["domains"]) {
    this.#domains = domains;
  }

  /** Returns undefined while they are being read, and null if the kernel has none. */
  of(domid: number): Symbols | null | undefined {
    const domain = this.#domains.get(domid);
    if (!domain) return null;
    for (const other of [...this.#kept.keys()]) if (this.#domains.get(other.domid) !== other) this.#kept.delete(other);
    const known = this.#kept.has(domain);
    const found = this.#kept.get(domain);
    this.#kept.delete(domain);
    this.#kept.set(domain, found);
    if (!known) this.#read(domain);
    for (const other of [...this.#kept.keys()].slice(0, -MOST)) this.#kept.delete(other);
    return found;
  }

  /** Resolves when of() has an answer, and at once if there is no such domain. */
  async whenRead(domid: number): Promise<void> {
    if (this.of(domid) === undefined) await this.#reading.get(this.#domains.get(domid)!);
  }

  #read(domain: ManagedDomain): void {
    const { config, options } = domain;
    const given = options.files?.[config.kernel];
    // The kernel is on the domain's disk, to which the domain itself writes.
    if (config.bootloader) return void this.#kept.set(domain, null);
    const folder = options.configName ? path.dirname(path.resolve(options.configName)) : ".";
    const request: SymbolsRequest = { kernel: given ?? path.resolve(folder, config.kernel) };
    const take = (symbols: Symbols | null): void => {
      if (this.#kept.has(domain)) this.#kept.set(domain, symbols);
    };
    const worker = new Worker(new URL("symbols.js", import.meta.url), { workerData: request, name: "symbols" });
    worker.once("message", (table: SymbolsReply) => take(table && Symbols.of(table)));
    worker.once("error", () => take(null));
    // This resolves whatever has ended the reading, so that nobody waits for ever.
    const ended = new Promise<void>((resolve) =>
      worker.once("exit", () => {
        if (this.#kept.get(domain) === undefined) take(null);
        this.#reading.delete(domain);
        resolve();
      }),
    );
    this.#reading.set(domain, ended);
  }
}
