/** What a domain is built from, and what comes of it, whatever its type. */
import type { ElfImage } from "./elf.ts";

/** A file that a kernel is given. Each may have a command line of its own, which PV kernels hear nothing of. */
export interface Module {
  bytes: Uint8Array;
  cmdline: string | null;
}

export interface DomainBuild {
  domid: number;
  kernel: ElfImage;
  /** A RAM disk, or whatever else the kernel takes; for a PV kernel one at most. */
  modules: readonly Module[];
  cmdline: string;
  /** To begin with, and at most. */
  totalPages: number;
  mostPages: number;
  /** Online at first, and at most. */
  vcpus: number;
  maxvcpus: number;
  /** Ports in the new domain, unbound and meant for dom0. */
  storePort: number;
  consolePort: number;
}

/** What a domain is made ready with before it gets its memory, whether it is new or restored. */
export interface DomainPreparation {
  domid: number;
  /** Pages at most. */
  mostPages: number;
  maxvcpus: number;
}

export interface Built {
  /** Frames of the xenstore and console rings, as the domain numbers its frames. */
  storeMfn: number;
  consoleMfn: number;
  /** Milliseconds by step. */
  timings: { name: string; milliseconds: number }[];
}

/** Fills a new domain with what it begins with. Throws ImageError or HypercallError; the domain is destroyed then. */
export interface DomainBuilder {
  /** Frames that a new domain takes at least besides its memory. */
  readonly framesBesides: number;
  /** Before it gets any memory, whether it is built or restored. Throws HypercallError. */
  prepare(domain: DomainPreparation): void;
  build(request: DomainBuild): Promise<Built>;
  /** The target of its balloon driver is `pages` from now on. Throws HypercallError. */
  retarget(domid: number, pages: number): void;
}
