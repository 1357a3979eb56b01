/** Domains as the hypervisor makes them for a configuration, with vCPUs and limits, before they have memory or anything of the toolstack's. */
import type { DomainBuilder, DomainShape } from "../dom0/builder/build.ts";
import type { NativeBuilder } from "../dom0/builder/native.ts";
import type { DomainTypeName, GuestTypeName, Hypercalls } from "../dom0/kernel/hypercalls.ts";
import type { DomainConfig } from "./messages.ts";
import { checkMemory, MAXMEM_SLACK_KIB } from "./resources.ts";

/** A domain that the hypervisor has, and nobody else knows of: with its vCPUs, limits, and perhaps memory. */
export interface Shell {
  /** Its domid. Who calls this ends it from now on if need be. */
  take(): number;
}

export interface ShellParts {
  hypercalls: Hypercalls;
  /** The builder that fills a domain, for each type of guest. */
  builders: Readonly<Record<GuestTypeName, DomainBuilder>>;
  native: NativeBuilder;
}

export class Shells {
  readonly #parts: ShellParts;

  constructor(parts: ShellParts) {
    this.#parts = parts;
  }

  shapeOf(type: DomainTypeName): DomainShape {
    return type === "native" ? this.#parts.native : this.#parts.builders[type];
  }

  /** Throws Refusal where the host has no room for a domain with `pages` of memory and what it takes besides. */
  checkRoom(config: DomainConfig, pages: number): void {
    const besides = this.shapeOf(config.type).framesBesides(config.maxmemMiB * 256);
    checkMemory(this.#parts.hypercalls, config.name, pages + besides);
  }

  /**
   * A domain as the configuration has it, without memory, a name or anything of the toolstack's; its domid. It is there for who fills it with `pages` of
   * memory at once. Throws Refusal, HypercallError.
   */
  make(config: DomainConfig, pages: number): number {
    this.checkRoom(config, pages);
    const domid = this.create({ ...config, uuid: crypto.randomUUID() }, 0);
    try {
      this.prepare(domid, config);
      return domid;
    } catch (error) {
      this.#parts.hypercalls.domains.destroy(domid);
      throw error;
    }
  }

  /** Ends one that nothing was made of. */
  drop(domid: number): void {
    this.#parts.hypercalls.domains.destroy(domid);
  }

  /** Asks the hypervisor for the domain alone; prepare() is to follow. `domid` 0: any that is free. Returns its domid. */
  create({ uuid, maxvcpus, limits, msrRelaxed, type }: DomainConfig, domid: number): number {
    return this.#parts.hypercalls.domains.create(uuid, maxvcpus, limits, { msrRelaxed, type, domid });
  }

  /** Gives it its vCPUs and limits. */
  prepare(domid: number, { type, maxvcpus, maxmemMiB, cpuid }: DomainConfig): void {
    const { domains } = this.#parts.hypercalls;
    domains.setMaxVcpus(domid, maxvcpus);
    if (cpuid) domains.changeCpuPolicy(domid, cpuid);
    domains.setMaxMemory(domid, maxmemMiB * 1024 + MAXMEM_SLACK_KIB);
    this.shapeOf(type).prepare({ domid, mostPages: maxmemMiB * 256, maxvcpus });
  }
}
