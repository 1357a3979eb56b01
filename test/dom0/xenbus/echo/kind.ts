/** A device that answers each request with its words doubled, the smallest possible kind. Its row is all that it needs. */
import { BackRing } from "../../../../core/dom0/xenbus/back-ring.ts";
import type { Channel } from "../../../../core/dom0/xenbus/channel.ts";
import {
  SpecError,
  type Backend,
  type BackendContext,
  type BackendState,
  type DeviceKind,
} from "../../../../core/dom0/xenbus/kind.ts";

/** A request: its number, and the words to double. */
export const SLOT_BYTES = 8;

class EchoDevice implements Backend {
  readonly #context: BackendContext;
  #channel: Channel | null = null;
  #ring: BackRing | null = null;
  #answered = 0;

  constructor(context: BackendContext) {
    this.#context = context;
  }

  prepare() {
    return { "max-ring-page-order": 1 };
  }

  async connect() {
    const { frontNumber, ringRefs, memory } = this.#context;
    const refs = await ringRefs("", await frontNumber("ring-page-order", 1, 0));
    this.#channel = this.#context.open(refs, await frontNumber("event-channel"), () => this.#serve());
    this.#ring = new BackRing(memory.memory.buffer, this.#channel.addresses, SLOT_BYTES);
    this.#serve();
    return { greeting: (await this.#context.back("greeting")) ?? "" };
  }

  disconnect(): void {
    this.#ring = null;
    this.#channel = null;
  }
  close(): void {}

  #serve(): void {
    const ring = this.#ring;
    if (!ring) return;
    try {
      do
        while (ring.take()) {
          ring.respond(Int32Array.of(ring.request[0]!, 2 * ring.request[1]!));
          this.#answered++;
        }
      while (ring.more());
      if (ring.push()) this.#channel!.notify();
    } catch (error) {
      this.#context.fail(error);
    }
  }

  state(): BackendState {
    const indices = this.#ring?.indices();
    return {
      traffic: null,
      rings:
        indices && this.#channel
          ? [
              {
                name: "ring",
                structure: "echo_sring",
                unit: "requests",
                directions: [
                  {
                    name: "req",
                    towards: "backend",
                    producer: indices.requestProducer,
                    consumer: indices.requestConsumer,
                    size: indices.size,
                  },
                ],
                error: null,
                port: this.#channel.port,
                pages: this.#channel.pages,
              },
            ]
          : [],
      behind: {
        title: "Echo chamber",
        figures: [{ name: "answered", label: "Answered", value: this.#answered, unit: "" }],
      },
    };
  }
}

export const ECHO: DeviceKind = {
  kind: "echo",
  title: "Echo",
  config: {
    key: "echo",
    parse(text, before) {
      const [, backend, greeting] = /^(?:backend=([^,]+),)?(\w+)$/.exec(text) ?? [];
      if (greeting === undefined) throw new SpecError("allowed: a word");
      const id = String(before.length);
      return { kind: "echo", id, backend: backend ?? "0", front: {}, back: { greeting }, files: [] };
    },
  },
  create: (context) => new EchoDevice(context),
};
