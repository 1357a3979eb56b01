/** Requests about virtual networks: bridges, forwarded ports, services of this computer, captures. */
import { createWriteStream } from "node:fs";
import path from "node:path";
import type { CaptureSink, Networks } from "../dom0/network/networks.ts";
import { ipBytes } from "../dom0/network/packet/address.ts";
import { Refusal } from "./error.ts";
import type { ToolstackRequests } from "./messages.ts";

/** How many bytes a capture may keep in memory when the disk is slow. Further frames are left out. */
const WAITING_BYTES = 16 << 20;

export class NetworkRequests {
  readonly #networks: Networks;

  constructor(networks: Networks) {
    this.#networks = networks;
  }

  list(): ToolstackRequests["networkList"]["result"] {
    return this.#networks.report();
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
  async capture({ network, port, file }: ToolstackRequests["networkCapture"]["args"]): Promise<void> {
    const target = wholePath(file);
    // The file is made before anything is captured, so that an error is reported at once.
    const sink = await fileSink(target);
    try {
      this.#networks.startCapture(target, network, port, sink);
    } catch (error) {
      sink.close();
      throw error;
    }
  }

  endCapture(file: string): void {
    this.#networks.stopCapture(wholePath(file));
  }
}

/** A path that means the same wherever the host was started. */
function wholePath(file: string): string {
  if (path.isAbsolute(file)) return path.normalize(file);
  throw new Refusal("EINVAL", `The capture's file is "${file}"; it must be a whole path, from the root on.`);
}

function fileSink(file: string): Promise<CaptureSink> {
  return new Promise((resolve, reject) => {
    const stream = createWriteStream(file, { flags: "wx", mode: 0o600 });
    stream.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EEXIST" ? "there is a file of that name" : error.message;
      reject(new Refusal(error.code ?? "EIO", `${file} can't be made: ${why}.`));
    });
    stream.once("open", () => {
      stream.on("error", () => {});
      resolve({
        write: (bytes) => {
          const hasRoom = !stream.errored && stream.writableLength < WAITING_BYTES;
          if (hasRoom) stream.write(bytes);
          return hasRoom;
        },
        close: () => stream.end(),
      });
    });
  });
}
