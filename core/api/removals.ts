/** Deletes what the host keeps in its folders, unless a domain needs it. */
import type { Library } from "../library/library.ts";
import type { ToolstackClient } from "../toolstack/client.ts";
import type { DomainInfo } from "../toolstack/messages.ts";
import type { Captures } from "./captures.ts";
import type { DiskImages } from "./disk-images.ts";
import { ApiFailure } from "./failure.ts";
import type { Fetching } from "./fetching.ts";
import { configOf, type KeptDomains } from "./kept-domains.ts";

interface Keepers {
  images: DiskImages;
  fetching: Fetching;
  captures: Captures;
  library: Library;
  kept: KeptDomains;
  /** Of the host that runs; null while none does. */
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

  /** A disk image. Throws ApiFailure EBUSY while a domain has it, ENOENT. */
  async image(name: string): Promise<void> {
    const { images, kept } = this.#keepers;
    const image = (await images.all()).find((each) => each.name === name);
    const user = (await this.#running()).find(({ config }) =>
      config?.devices.some(({ files }) => files.includes(image?.path ?? "")),
    );
    if (user) throw new ApiFailure("EBUSY", `${user.name} has ${name} as a disk: detach it there first.`);
    const owner = kept.all.find(({ files }) => files.includes(image?.path ?? ""));
    if (owner)
      throw new ApiFailure("EBUSY", `${owner.name} has ${name} as a disk when it runs: delete it, or edit it, first.`);
    await images.remove(name);
  }

  /** A kernel or RAM disk. Throws ApiFailure EBUSY while a domain runs of it or would start with it, Refusal ENOENT. */
  async kernel(name: string): Promise<void> {
    const { fetching, library } = this.#keepers;
    const { path } = await fetching.kernels.find(name);
    const user = (await this.#running()).find(({ config }) => config && [config.kernel, config.ramdisk].includes(path));
    const owner =
      user ??
      library.all.find((each) => {
        const config = configOf(each);
        return config && [config.kernel, config.ramdisk].includes(path);
      });
    if (owner) throw new ApiFailure("EBUSY", `${owner.name} is made of ${name}, and needs it when it starts.`);
    await fetching.kernels.remove(name);
  }

  /** A capture of a network's traffic. Throws ApiFailure EBUSY while it grows, ENOENT. */
  async capture(name: string): Promise<void> {
    const { captures } = this.#keepers;
    const networks = (await this.#keepers.toolstack()?.request("networkList")) ?? [];
    const kept = (await captures.all()).find((each) => each.name === name);
    if (networks.some((network) => network.captures.some(({ file }) => file === kept?.path)))
      throw new ApiFailure("EBUSY", `${name} is being captured: stop that first.`);
    await captures.remove(name);
  }
}
