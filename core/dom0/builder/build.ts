/** What a domain is built from, and the result, whatever its type. */
import type { ElfImage } from "./elf.ts";

/** A file that a kernel is given. Each may have a command line of its own, which PV kernels are not told. */
export interface Module {
  bytes: Uint8Array;
  cmdline: string | null;
}

export interface DomainBuild {
  domid: number;
  kernel: ElfImage;
  /** A RAM disk, or whatever else the kernel takes. A PV kernel takes at most one. */
  modules: readonly Module[];
  cmdline: string;
  /** Pages at the beginning, and at most. */
  totalPages: number;
  mostPages: number;
  /** vCPUs that are online at first, and at most. */
  vcpus: number;
  maxvcpus: number;
  /** Ports of the new domain that are unbound and reserved for dom0. */
  storePort: number;
  consolePort: number;
}

/** What is prepared for a domain, new or restored, before it gets its memory. */
export interface DomainPreparation {
  domid: number;
  /** The most pages it may have. */
  mostPages: number;
  maxvcpus: number;
}

export interface Built {
  /** Frames of the xenstore and console rings, numbered as the domain does. */
  storeMfn: number;
  consoleMfn: number;
  /** Duration of each step in milliseconds. */
  timings: { name: string; milliseconds: number }[];
}

/** What differs between types of domains besides how they are filled. */
export interface DomainShape {
  /** Returns how many frames a domain that may have so many pages takes at least besides its memory. */
  framesBesides(mostPages: number): number;
  /** Called before the domain gets any memory, whether it is built or restored. Throws HypercallError. */
  prepare(domain: DomainPreparation): void;
  /** Called when the target of the domain's balloon driver becomes `pages`. Throws HypercallError. */
  retarget(domid: number, pages: number): void;
}

/** Fills a new domain with its kernel and what that is given. Throws ImageError or HypercallError; then the domain is destroyed. */
export interface DomainBuilder extends DomainShape {
  build(request: DomainBuild): Promise<Built>;
}
