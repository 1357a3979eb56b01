/** The guest that comes with Xenarium: the names that its domains get, and what they are created from. */
import { readFileSync } from "node:fs";
import type { Library } from "../library/library.ts";
import type { AutostartEntry } from "../toolstack/messages.ts";
import type { KeptDomains } from "./kept-domains.ts";

interface BundledEntry {
  config: string;
  configName: string;
  files: Record<string, Uint8Array>;
}
type Named = readonly { name: string }[];

const nameOf = (number: number): string => `mini-${number}`;

export class BundledGuest {
  readonly #image: URL;
  readonly #library: Library;
  readonly #kept: KeptDomains;
  /** Number of the guest that was created last. */
  #number = 0;
  /** Whether the first guest is still to be started. */
  #isFirstDue: boolean;
  #firstName: string | null = null;

  /** `withFirst`: the first power-on starts such a guest if the user has no other domain. */
  constructor(image: URL, library: Library, kept: KeptDomains, withFirst: boolean) {
    this.#image = image;
    this.#library = library;
    this.#kept = kept;
    this.#isFirstDue = withFirst;
  }

  /** Name of the guest that the last power-on started by itself; null if it started none. */
  get firstName(): string | null {
    return this.#firstName;
  }

  /** Returns what a power-on starts by itself: a guest at the first power-on, if the user has no domains. */
  async first(): Promise<AutostartEntry | null> {
    const name = nameOf(1);
    const isFirst = this.#isFirstDue && this.#library.all.every((each) => each.name === name);
    this.#isFirstDue = false;
    this.#firstName = isFirst ? name : null;
    const before = this.#library.byName(name);
    if (!isFirst || before?.template || before?.saved || before?.autostart) return null;
    return before ? this.#kept.bootEntryOf(before) : this.#entry(1, 2);
  }

  /** Returns what the next guest would be created from, given the domains that run. */
  next(running: Named, vcpus: number): BundledEntry {
    return this.#entry(this.#freeNumber(running), vcpus);
  }

  /** The same for a guest that is created now; its name is not used again. */
  take(running: Named, vcpus: number): BundledEntry {
    this.#number = this.#freeNumber(running);
    return this.#entry(this.#number, vcpus);
  }

  /** Returns the first number above the last one whose name neither a running nor a kept domain has. */
  #freeNumber(running: Named): number {
    const taken = new Set([...running, ...this.#library.all].map(({ name }) => name));
    let number = this.#number + 1;
    while (taken.has(nameOf(number))) number++;
    return number;
  }

  #entry(number: number, vcpus: number): BundledEntry {
    const config = `name = "${nameOf(number)}"\nkernel = "mini.elf"\nmemory = 32\nvcpus = ${vcpus}\n`;
    return { config, configName: "bundled guest", files: { "mini.elf": readFileSync(this.#image) } };
  }
}
