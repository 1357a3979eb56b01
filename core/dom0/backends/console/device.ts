/**
 * Serves a console's ring: what the guest writes goes to the line, and what comes from the line is queued and handed over as the guest makes room.
 */
import { GNTTAB_RESERVED_CONSOLE } from "../../../abi/grant_table.ts";
import type { Channel } from "../../xenbus/channel.ts";
import type { Backend, BackendContext, BackendState } from "../../xenbus/kind.ts";
import { InputQueue } from "./input-queue.ts";
import type { GuestEnd, Line } from "./line.ts";
import { ConsoleRing } from "./ring.ts";

/** How many bytes may wait that were typed and that the guest has not taken. What exceeds this is refused. */
const INPUT_QUEUE_BYTES = 1 << 20;
/** How often the ring is emptied in one go before other work has its turn. */
const TURNS_PER_SERVICE = 32;

export class ConsoleDevice implements Backend, GuestEnd {
  readonly #context: BackendContext;
  readonly #makeLine: (context: BackendContext) => Promise<Line>;
  #line: Line | null = null;
  #channel: Channel | null = null;
  #ring: ConsoleRing | null = null;
  readonly #input = new InputQueue(INPUT_QUEUE_BYTES);
  /** The next turn of the event loop goes on where this one left off. */
  #willService = false;

  constructor(context: BackendContext, makeLine: (context: BackendContext) => Promise<Line>) {
    this.#context = context;
    this.#makeLine = makeLine;
  }

  async prepare(): Promise<Record<string, never>> {
    this.#line ??= await this.#makeLine(this.#context);
    await this.#line.open();
    return {};
  }

  /** The page of the first console is granted under a reserved reference. Xenstore also has its frame number, which a backend does not need. */
  async connect(): Promise<Record<string, never>> {
    const { address, memory, frontNumber } = this.#context;
    const port = await frontNumber("port");
    const ref = address.id === "0" ? GNTTAB_RESERVED_CONSOLE : await frontNumber("ring-ref");
    this.#channel = this.#context.open([ref], port, () => this.#service());
    this.#ring = new ConsoleRing(memory.memory.buffer, this.#channel.addresses[0]!);
    this.#line?.connect(this);
    // Serves what the guest has written before its event could be heard.
    this.#context.later(() => this.#service());
    return {};
  }

  /** Takes the last output. The log stays. */
  disconnect(): void {
    if (!this.#ring) return;
    this.drain();
    this.#ring = null;
    this.#channel = null;
    this.#willService = false;
    this.#input.clear();
    this.#line?.connect(null);
  }

  async close(): Promise<void> {
    await this.#line?.close();
    this.#line = null;
  }

  resume(): void {
    this.#service();
  }

  drain(): void {
    for (let turns = TURNS_PER_SERVICE; turns > 0 && this.#take(); turns--);
  }

  state(): BackendState {
    const { title, figures } = this.#line?.behind() ?? { title: "Console log", figures: [] };
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
        title,
        figures: [
          ...figures.slice(0, 1),
          { name: "waitingInput", label: "Typed ahead", value: this.#input.length, unit: "bytes" },
          ...figures.slice(1),
        ],
      },
    };
  }

  type(bytes: Uint8Array): boolean {
    if (!this.#input.add(bytes)) return false;
    if (this.#feed()) this.#channel?.notify();
    return true;
  }

  #service(): void {
    // At most one turn is to come: if each event could add one, a guest that never lets its ring become empty would have them all.
    if (this.#willService) return;
    let moved = false;
    let turns = TURNS_PER_SERVICE;
    while (turns > 0 && this.#take()) {
      moved = true;
      turns--;
    }
    if (this.#feed()) moved = true;
    if (moved) this.#channel?.notify();
    if (turns > 0) return;
    this.#willService = true;
    this.#context.later(() => {
      this.#willService = false;
      this.#service();
    });
  }

  #take(): boolean {
    if (!this.#line?.takes) return false;
    const bytes = this.#ring?.takeOutput();
    if (!bytes) return false;
    this.#line.output(bytes);
    return true;
  }

  /** Hands queued input to the guest. Returns true when any was taken. */
  #feed(): boolean {
    let moved = false;
    while (this.#ring && this.#input.length > 0) {
      const taken = this.#ring.putInput(this.#input.front());
      if (taken === 0) break;
      moved = true;
      this.#input.remove(taken);
    }
    if (moved && this.#input.length === 0) this.#line?.fed();
    return moved;
  }
}
