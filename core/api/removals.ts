/** Deletes kernels and captures that the host keeps, unless they are needed; for disk images see image-library.ts. */
import type { Library } from "../library/library.ts";
import { bootFiles } from "../toolstack/boot-files.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import type { DomainConfig, DomainInfo } from "../toolstack/messages.ts";
import type { Captures } from "./captures.ts";
import { ApiFailure } from "./failure.ts";
import type { Fetching } from "./fetching.ts";
import { configOf } from "./definition-facts.ts";

interface Keepers {
  fetching: Fetching;
  captures: Captures;
  library: Library;
  /** Of the running host; null while none runs. */
  toolstack: () => ToolstackClient | null;
}

export class Removals {
  readonly #keepers: Keepers;

  constructor(keepers: Keepers) {
    this.#keepers = keepers;
  }

  async #running(): Promise<DomainInfo[]> {
    return (await this.#keepers.toolstack()?.request("list")) ?? [];
  }

  /** Deletes a kernel, RAM disk or shim. Throws ApiFailure EBUSY while a domain runs that was made of it, or would start with it; Refusal ENOENT. */
  async kernel(name: string): Promise<void> {
    const { fetching, library } = this.#keepers;
    const { path } = await fetching.kernels.find(name);
    const needs = (config: DomainConfig | null): boolean => config !== null && bootFiles(config).includes(path);
    const owner =
      (await this.#running()).find(({ config }) => needs(config)) ?? library.all.find((each) => needs(configOf(each)));
    if (owner) throw new ApiFailure("EBUSY", `${owner.name} is made of ${name}, and needs it when it starts.`);
    await fetching.kernels.remove(name);
  }

  /** Deletes a capture of a network's traffic. Throws ApiFailure EBUSY while it grows, ENOENT. */
  async capture(name: string): Promise<void> {
    const { captures } = this.#keepers;
    const networks = (await this.#keepers.toolstack()?.request("networkList")) ?? [];
    const kept = (await captures.all()).find((each) => each.name === name);
    if (networks.some((network) => network.captures.some(({ file }) => file === kept?.path)))
      throw new ApiFailure("EBUSY", `${name} is being captured: stop that first.`);
    await captures.remove(name);
  }
}
