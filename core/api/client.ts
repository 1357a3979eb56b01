/** The API's client: requests as promises, events as listeners, over any transport. Safe to import in a browser. */
import type {
  ApiErrorData,
  Arguments,
  ClientMessage,
  ConfigDiagnostic,
  EventName,
  Events,
  RequestName,
  Results,
  ServerMessage,
} from "./schema.ts";

/** One connection to a server. It starts open; `onMessage` and `onClose` are set by the client. */
export interface Transport {
  send(message: ClientMessage): void;
  onMessage: (message: ServerMessage) => void;
  /** Once; with a sentence that says why. */
  onClose: (reason: string) => void;
  close(): void;
}

/** A request that was refused; `message` is a sentence for the user. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly diagnostics: ConfigDiagnostic[];
  constructor(data: ApiErrorData) {
    super(data.message);
    this.code = data.code;
    this.diagnostics = data.diagnostics ?? [];
  }
}

type Listener<E extends EventName> = (data: Events[E]) => void;

export class ApiClient {
  readonly #transport: Transport;
  readonly #pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<EventName, Set<Listener<EventName>>>();
  readonly #closedListeners = new Set<(reason: string) => void>();
  #nextId = 1;
  #closed: string | null = null;

  constructor(transport: Transport) {
    this.#transport = transport;
    transport.onMessage = (message) => this.#receive(message);
    transport.onClose = (reason) => this.#lost(reason);
  }

  /** Why the connection is gone; null while it is open. */
  get closed(): string | null {
    return this.#closed;
  }

  /** Rejects with ApiError when the request is refused or the connection is lost. */
  request<N extends RequestName>(
    request: N,
    ...rest: Record<string, never> extends Arguments<N> ? [args?: Arguments<N>] : [args: Arguments<N>]
  ): Promise<Results[N]> {
    if (this.#closed !== null) return Promise.reject(new ApiError({ code: "ECONNRESET", message: this.#closed }));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#transport.send({ id, request, args: rest[0] ?? {} });
    });
  }

  /** The returned function ends it. */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    set.add(listener as Listener<EventName>);
    return () => void set.delete(listener as Listener<EventName>);
  }

  onClosed(listener: (reason: string) => void): () => void {
    this.#closedListeners.add(listener);
    return () => void this.#closedListeners.delete(listener);
  }

  close(): void {
    this.#lost("The connection was closed.");
    this.#transport.close();
  }

  #receive(message: ServerMessage): void {
    if ("event" in message) {
      for (const listener of [...(this.#listeners.get(message.event) ?? [])]) listener(message.data as never);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if ("error" in message) pending.reject(new ApiError(message.error));
    else pending.resolve(message.result as never);
  }

  #lost(reason: string): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    for (const { reject } of this.#pending.values()) reject(new ApiError({ code: "ECONNRESET", message: reason }));
    this.#pending.clear();
    for (const listener of [...this.#closedListeners]) listener(reason);
  }
}
