/**
 * The asking end of a connection: requests are promises, and events have listeners. A subclass carries the messages (dom0's worker, a WebSocket,
 * Electron's IPC). This file may be imported in a browser.
 */
import type { ConfigDiagnostic, ToolstackErrorData } from "./messages.ts";

/** A request that was refused. `message` is a sentence for the user. */
export class RequestError extends Error {
  override readonly name: string = "RequestError";
  readonly code: string;
  readonly diagnostics: ConfigDiagnostic[];
  constructor(data: ToolstackErrorData) {
    super(data.message);
    this.code = data.code;
    this.diagnostics = data.diagnostics ?? [];
  }
}

export interface Request {
  id: number;
  request: string;
  args: unknown;
}
export type Answer<Event> =
  { id: number; result: unknown } | { id: number; error: ToolstackErrorData } | { event: Event; data: unknown };

type RequestMap<Requests> = { [N in keyof Requests]: { args: unknown; result: unknown } };
type Listener<Data> = (data: Data) => void;

export class RequestClient<Requests extends RequestMap<Requests>, Events> {
  readonly #send: (message: Request) => void;
  readonly #Refusal: new (data: ToolstackErrorData) => RequestError;
  readonly #pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #closedListeners = new Set<(reason: string) => void>();
  #nextId = 1;
  #closed: string | null = null;

  /** `Refusal`: the class of errors with which requests reject. */
  protected constructor(
    send: (message: Request) => void,
    Refusal: new (data: ToolstackErrorData) => RequestError = RequestError,
  ) {
    this.#send = send;
    this.#Refusal = Refusal;
  }

  /** A sentence that says why the connection is gone; null while it is open. */
  get closed(): string | null {
    return this.#closed;
  }

  /** Rejects with a RequestError if the request is refused or the connection is lost. */
  request<N extends keyof Requests & string>(
    request: N,
    ...rest: Record<string, never> extends Requests[N]["args"]
      ? [args?: Requests[N]["args"]]
      : [args: Requests[N]["args"]]
  ): Promise<Requests[N]["result"]> {
    if (this.#closed !== null) return Promise.reject(this.#gone(this.#closed));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: never) => void, reject });
      this.#send({ id, request, args: rest[0] ?? {} });
    });
  }

  /** Calls `listener` for each event of that name. The returned function ends it. */
  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    set.add(listener as Listener<never>);
    return () => void set.delete(listener as Listener<never>);
  }

  /** Resolves with the next event of that name. Rejects if the connection is lost first. */
  once<E extends keyof Events>(event: E): Promise<Events[E]> {
    if (this.#closed !== null) return Promise.reject(this.#gone(this.#closed));
    return new Promise((resolve, reject) => {
      const offClosed = this.onClosed((reason) => {
        off();
        reject(this.#gone(reason));
      });
      const off = this.on(event, (data) => {
        off();
        offClosed();
        resolve(data);
      });
    });
  }

  /** Calls the listener once, when the connection is gone: every pending and later request fails with that reason. */
  onClosed(listener: (reason: string) => void): () => void {
    this.#closedListeners.add(listener);
    return () => void this.#closedListeners.delete(listener);
  }

  /** Takes one message from the other end. */
  protected receive(message: Answer<keyof Events>): void {
    if ("event" in message) {
      for (const listener of [...(this.#listeners.get(message.event) ?? [])]) listener(message.data as never);
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if ("error" in message) pending.reject(new this.#Refusal(message.error));
    else pending.resolve(message.result as never);
  }

  /** The other end is gone. Only the first reason counts. */
  protected lost(reason: string): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    for (const { reject } of this.#pending.values()) reject(this.#gone(reason));
    this.#pending.clear();
    for (const listener of [...this.#closedListeners]) listener(reason);
  }

  #gone(reason: string): RequestError {
    return new this.#Refusal({ code: "ECONNRESET", message: reason });
  }
}
