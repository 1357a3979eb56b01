/** A host in this process with Debian guests. Their consoles are watched from here, so times are by the host's clock and not by the guests'. */
import { PoweredHost } from "../../core/toolstack/power.ts";
import { dist } from "../dist.ts";
import { debianKernel } from "../guests/images.ts";

export interface GuestOptions {
  name: string;
  ramdisk: string;
  memoryMiB: number;
  vcpus?: number;
  /** Further lines of its configuration. */
  lines?: readonly string[];
}

export class BenchGuest {
  readonly #host: PoweredHost;
  readonly domid: number;
  readonly #waiting = new Set<() => void>();
  #text = "";
  #stopped: string | null = null;

  constructor(host: PoweredHost, domid: number) {
    this.#host = host;
    this.domid = domid;
    host.toolstack.on("console", ({ domid, bytes }) => {
      if (domid !== this.domid) return;
      this.#text += Buffer.from(bytes).toString("latin1").replaceAll("\r", "");
      this.#look();
    });
    host.toolstack.on("stopped", ({ domid, reason }) => {
      if (domid !== this.domid) return;
      this.#stopped = reason;
      this.#look();
    });
  }
  get text(): string {
    return this.#text;
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves when the console has shown the pattern that many times. */
  shown(pattern: RegExp, times = 1): Promise<void> {
    const all = new RegExp(pattern.source, "gm");
    return this.#until(`${times} times ${pattern}`, () => (this.#text.match(all)?.length ?? 0) >= times);
  }

  #until(what: string, reached: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (action: () => void) => {
        this.#waiting.delete(look);
        action();
      };
      const look = () => {
        if (reached()) finish(resolve);
        else if (this.#stopped !== null)
          finish(() => reject(new Error(`the guest stopped (${this.#stopped}) before ${what}:\n${this.#text}`)));
      };
      this.#waiting.add(look);
      look();
    });
  }

  async type(text: string): Promise<void> {
    await this.#host.toolstack.request("consoleInput", {
      domid: this.domid,
      bytes: Uint8Array.from(Buffer.from(text)),
    });
  }
  async destroy(): Promise<void> {
    await this.#host.toolstack.request("destroy", { domid: this.domid });
  }
}

export class BenchHost {
  readonly powered: PoweredHost;

  static async start(pcpus: number, memoryMiB = 1024): Promise<BenchHost> {
    const host = new PoweredHost({ memoryMiB, pcpus, imageFolder: dist });
    await host.start();
    return new BenchHost(host);
  }
  private constructor(powered: PoweredHost) {
    this.powered = powered;
  }

  /** Creates the guest. It runs only after its console is watched. */
  async create({ name, ramdisk, memoryMiB, vcpus = 1, lines = [] }: GuestOptions): Promise<BenchGuest> {
    const { toolstack } = this.powered;
    const config = [
      `name = "${name}"`,
      `kernel = "${debianKernel()}"`,
      `ramdisk = "${ramdisk}"`,
      `memory = ${memoryMiB}`,
      `vcpus = ${vcpus}`,
      'extra = "console=hvc0 quiet"',
      ...lines,
    ].join("\n");
    const { domid } = await toolstack.request("create", { config, paused: true });
    const guest = new BenchGuest(this.powered, domid);
    await toolstack.request("consoleAttach", { domid });
    await toolstack.request("unpause", { domid });
    return guest;
  }

  async close(): Promise<void> {
    await this.powered.powerOff();
  }
}
