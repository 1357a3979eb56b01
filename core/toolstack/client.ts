/** The other end of dom0's worker: requests as promises, events as listeners. */
import type {
  FromToolstack,
  ToolstackErrorData,
  ToolstackEventName,
  ToolstackEvents,
  ToolstackRequestName,
  ToolstackRequests,
  ToToolstack,
  ConfigDiagnostic,
} from "./messages.ts";

/** A request that the toolstack refused; `message` is a sentence for the user. */
export class ToolstackError extends Error {
  override readonly name = "ToolstackError";
  readonly code: string;
  readonly diagnostics: ConfigDiagnostic[];
  constructor(data: ToolstackErrorData) {
    super(data.message);
    this.code = data.code;
    this.diagnostics = data.diagnostics ?? [];
  }
}

/** What a Worker and a MessagePort have in common in node:worker_threads. */
export interface ToolstackPort {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  on(event: "message", listener: (message: FromToolstack) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "exit", listener: (code: number) => void): unknown;
}

type Listener<E extends ToolstackEventName> = (data: ToolstackEvents[E]) => void;

export class ToolstackClient {
  readonly #port: ToolstackPort;
  readonly #pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<ToolstackEventName, Set<Listener<ToolstackEventName>>>();
  readonly #closedListeners = new Set<(error: Error) => void>();
  #nextId = 1;
  #closed: ToolstackError | null = null;

  constructor(port: ToolstackPort) {
    this.#port = port;
    port.on("message", (message) => this.#receive(message));
    port.on("error", (error) => this.close(`dom0 has crashed: ${error.message}`));
    port.on("exit", (code) => this.close(`dom0 has ended (exit ${code}).`));
  }

  /** Sends one request. Rejects with ToolstackError when it is refused or dom0 is gone. */
  request<N extends ToolstackRequestName>(
    request: N,
    ...rest: Record<string, never> extends ToolstackRequests[N]["args"]
      ? [args?: ToolstackRequests[N]["args"]]
      : [args: ToolstackRequests[N]["args"]]
  ): Promise<ToolstackRequests[N]["result"]> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    const message: ToToolstack = { id, request, args: rest[0] ?? {} };
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#port.postMessage(message);
    });
  }

  /** Calls `listener` for each event of that name; the returned function ends it. */
  on<E extends ToolstackEventName>(event: E, listener: Listener<E>): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    set.add(listener as Listener<ToolstackEventName>);
    return () => set.delete(listener as Listener<ToolstackEventName>);
  }

  /** The next event of that name that `accept` takes. Rejects when dom0 ends first. */
  once<E extends ToolstackEventName>(
    event: E,
    accept: (data: ToolstackEvents[E]) => boolean = () => true,
  ): Promise<ToolstackEvents[E]> {
    if (this.#closed) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      const offClosed = this.onClosed((error) => {
        off();
        reject(error);
      });
      const off = this.on(event, (data) => {
        if (!accept(data)) return;
        off();
        offClosed();
        resolve(data);
      });
    });
  }

  /** dom0's worker has ended or crashed: every pending and later request fails with this error. */
  onClosed(listener: (error: Error) => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** Fails all that is pending. The worker itself is its owner's to terminate. */
  close(message: string): void {
    if (this.#closed) return;
    this.#closed = new ToolstackError({ code: "ECONNRESET", message });
    for (const { reject } of this.#pending.values()) reject(this.#closed);
    this.#pending.clear();
    for (const listener of [...this.#closedListeners]) listener(this.#closed);
  }

  #receive(message: FromToolstack): void {
    if ("event" in message) {
      for (const listener of [...(this.#listeners.get(message.event) ?? [])]) listener(message.data as never);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if ("error" in message) pending.reject(new ToolstackError(message.error));
    else pending.resolve(message.result as never);
  }
}
