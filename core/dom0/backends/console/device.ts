/** A domain's console ring: what the guest writes goes to the log, what is typed is queued and handed over as the guest makes room. */
import { GNTTAB_RESERVED_CONSOLE } from "../../kernel/abi.ts";
import type { Channel } from "../../xenbus/channel.ts";
import type { Backend, BackendContext, BackendState } from "../../xenbus/kind.ts";
import { ConsoleRing } from "./ring.ts";

/** Typed ahead and not yet taken by the guest; what exceeds it is refused. */
const INPUT_QUEUE_BYTES = 1 << 20;
/** Rings emptied in one go before other work has its turn. */
const TURNS_PER_SERVICE = 32;

export class ConsoleDevice implements Backend {
  readonly #context: BackendContext;
  #channel: Channel | null = null;
  #ring: ConsoleRing | null = null;
  #input: Uint8Array[] = [];
  #inputBytes = 0;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  prepare(): Record<string, never> {
    return {};
  }

  /** The page is granted under a reserved reference; xenstore has its frame, for which a backend has no use. */
  async connect(): Promise<Record<string, never>> {
    const { address, memory, services } = this.#context;
    const port = await this.#context.frontNumber("port");
    this.#channel = this.#context.open([GNTTAB_RESERVED_CONSOLE], port, () => this.#service());
    this.#ring = new ConsoleRing(memory.memory.buffer, this.#channel.addresses[0]!);
    services.consoles.connect(address.domid, (bytes) => this.#type(bytes));
    return {};
  }

  /** Takes the last output; the log stays. */
  disconnect(): void {
    if (!this.#ring) return;
    this.drain();
    this.#ring = null;
    this.#channel = null;
    this.#input = [];
    this.#inputBytes = 0;
    const { address, services } = this.#context;
    services.consoles.connect(address.domid, null);
  }

  close(): void {}

  drain(): void {
    for (let turns = TURNS_PER_SERVICE; turns > 0 && this.#take(); turns--);
  }

  state(): BackendState {
    const { kept, written } = this.#context.services.consoles.sizes(this.#context.address.domid);
    const indices = this.#ring?.indices();
    return {
      traffic: null,
      rings:
        indices && this.#channel
          ? [
              {
                name: "ring",
                structure: "xencons_interface",
                unit: "bytes",
                directions: [
                  { name: "out", towards: "backend", ...indices.out },
                  { name: "in", towards: "frontend", ...indices.in },
                ],
                error: null,
                port: this.#channel.port,
                pages: this.#channel.pages,
              },
            ]
          : [],
      behind: {
        title: "Console log",
        figures: [
          { name: "streamBytes", label: "Written in all", value: written, unit: "bytes" },
          { name: "waitingInput", label: "Typed ahead", value: this.#inputBytes, unit: "bytes" },
          { name: "keptBytes", label: "Kept", value: kept, unit: "bytes" },
        ],
      },
    };
  }

  #type(bytes: Uint8Array): boolean {
    if (this.#inputBytes + bytes.length > INPUT_QUEUE_BYTES) return false;
    this.#input.push(bytes.slice());
    this.#inputBytes += bytes.length;
    if (this.#feed()) this.#channel?.notify();
    return true;
  }

  #service(): void {
    let moved = false;
    let turns = TURNS_PER_SERVICE;
    while (turns > 0 && this.#take()) {
      moved = true;
      turns--;
    }
    if (this.#feed()) moved = true;
    if (moved) this.#channel?.notify();
    if (turns === 0) setImmediate(() => this.#service());
  }

  #take(): boolean {
    const bytes = this.#ring?.takeOutput();
    if (!bytes) return false;
    this.#context.services.consoles.output(this.#context.address.domid, bytes);
    return true;
  }

  /** Hands queued input to the guest; true when any went. */
  #feed(): boolean {
    let moved = false;
    while (this.#ring && this.#input.length > 0) {
      const first = this.#input[0]!;
      const taken = this.#ring.putInput(first);
      if (taken === 0) break;
      moved = true;
      this.#inputBytes -= taken;
      if (taken === first.length) this.#input.shift();
      else this.#input[0] = first.subarray(taken);
    }
    return moved;
  }
}
