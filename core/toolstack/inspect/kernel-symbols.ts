/** The symbols of domains' kernels: read once for each domain, in a thread beside dom0's. */
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { Lifecycle, ManagedDomain } from "../lifecycle.ts";
import { Symbols, type SymbolTable } from "../profile/symbols.ts";

export interface SymbolsRequest {
  /** Contents, or path. */
  kernel: Uint8Array | string;
}
/** null: it has none. */
export type SymbolsReply = SymbolTable | null;

/** Domains whose symbols are kept. */
const MOST = 8;

export class KernelSymbols {
  readonly #domains: Lifecycle["domains"];
  /** By domain: undefined while they are read. The one asked for last is the last. */
  readonly #kept = new Map<ManagedDomain, Symbols | null | undefined>();
  /** Readings that are under way. */
  readonly #reading = new Map<ManagedDomain, Promise<void>>();

  constructor(domains: Lifecycle["domains"]) {
    this.#domains = domains;
  }

  /** undefined while they are being read; null when the kernel has none. */
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

  /** Resolves when of() knows; at once where there is no such domain. */
  async whenRead(domid: number): Promise<void> {
    if (this.of(domid) === undefined) await this.#reading.get(this.#domains.get(domid)!);
  }

  #read(domain: ManagedDomain): void {
    const { config, options } = domain;
    const given = options.files?.[config.kernel];
    // The kernel lies on the domain's disk, which the domain writes to.
    if (config.bootloader) return void this.#kept.set(domain, null);
    const folder = options.configName ? path.dirname(path.resolve(options.configName)) : ".";
    const request: SymbolsRequest = { kernel: given ?? path.resolve(folder, config.kernel) };
    const take = (symbols: Symbols | null): void => {
      if (this.#kept.has(domain)) this.#kept.set(domain, symbols);
    };
    const worker = new Worker(new URL("symbols.js", import.meta.url), { workerData: request, name: "symbols" });
    worker.once("message", (table: SymbolsReply) => take(table && Symbols.of(table)));
    worker.once("error", () => take(null));
    // Whatever ended it: who asks is not to wait for ever.
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
