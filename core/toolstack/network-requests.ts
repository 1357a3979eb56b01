/** Requests about virtual networks: bridges, forwarded ports, services of this computer, captures. */
import path from "node:path";
import type { NativeThreads } from "../dom0/native/threads.ts";
import { captureToFile } from "../dom0/network/capture-file.ts";
import type { Networks } from "../dom0/network/networks.ts";
import { ipBytes } from "../dom0/network/packet/address.ts";
import { Refusal } from "./error.ts";
import type { ToolstackRequests } from "./messages.ts";

export class NetworkRequests {
  readonly #networks: Networks;
  readonly #natives: Pick<NativeThreads, "networks" | "ask">;

  /** `natives` have networks of their own. */
  constructor(networks: Networks, natives: Pick<NativeThreads, "networks" | "ask">) {
    this.#networks = networks;
    this.#natives = natives;
  }

  async list(): Promise<ToolstackRequests["networkList"]["result"]> {
    const own = this.#networks.report().map((network) => ({ ...network, backend: 0 }));
    const others = [...(await this.#natives.networks())].flatMap(([backend, reports]) =>
      reports.map((network) => ({ ...network, backend })),
    );
    return [...own, ...others];
  }

  create(definition: ToolstackRequests["networkCreate"]["args"]): void {
    this.#networks.create(definition);
  }

  setLoss({ name, percent }: ToolstackRequests["networkLoss"]["args"]): void {
    this.#networks.setLoss(name, percent);
  }

  setMode({ name, mode }: ToolstackRequests["networkMode"]["args"]): void {
    this.#networks.setMode(name, mode);
  }

  remove(name: string): void {
    this.#networks.remove(name);
  }

  forward({ network, forward }: ToolstackRequests["networkForward"]["args"]) {
    const address = (text: string, what: string): void => {
      if (!ipBytes(text)) throw new Refusal("EINVAL", `${what} is "${text}"; allowed: an IP address.`);
    };
    address(forward.hostAddress, "The address to listen at");
    address(forward.guestAddress, "The guest's address");
    return this.#networks.addForward(network, forward);
  }

  unforward({ network, ...forward }: ToolstackRequests["networkUnforward"]["args"]): void {
    this.#networks.removeForward(network, forward);
  }

  service({ network, port, hostPort }: ToolstackRequests["networkService"]["args"]): void {
    if (hostPort === null) this.#networks.forbidService(network, port);
    else this.#networks.allowService(network, { port, hostPort });
  }

  /**
   * Begins to write the traffic of a bridge to a new file. Rejects if the path is not absolute, if the file exists already, or if it can't be made.
   */
  async capture({ backend, file, ...what }: ToolstackRequests["networkCapture"]["args"]): Promise<void> {
    const wanted = { ...what, file: wholePath(file) };
    if (backend) await this.#natives.ask(backend, "capture", wanted);
    else await captureToFile(this.#networks, wanted);
  }

  async endCapture(file: string): Promise<void> {
    const target = wholePath(file);
    const found = (await this.list()).find(({ captures }) => captures.some((each) => each.file === target));
    if (found?.backend) await this.#natives.ask(found.backend, "captureEnd", { file: target });
    else this.#networks.stopCapture(target);
  }
}

/** A path that means the same wherever the host was started. */
function wholePath(file: string): string {
  if (path.isAbsolute(file)) return path.normalize(file);
  throw new Refusal("EINVAL", `The capture's file is "${file}"; it must be a whole path, from the root on.`);
}
