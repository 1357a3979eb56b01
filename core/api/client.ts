/** The API's client, over any transport. Safe to import in a browser. */
import { RequestClient, RequestError } from "../toolstack/request-client.ts";
import type { Arguments, ClientMessage, Events, RequestName, Results, ServerMessage } from "./schema.ts";

/** Who hears a connection. */
export interface TransportListener {
  message(message: ServerMessage): void;
  /** Once, when the connection is gone; with a sentence that says why. */
  closed(reason: string): void;
}

/**
 * One connection to a server; it starts open. The listener is given to it and not put into it, as properties of an object that a
 * promise was resolved with: Rollup takes such a property for what it was at first, and drops calls of one that did nothing then.
 */
export interface Transport {
  send(message: ClientMessage): void;
  /** Once: what came before is heard first. */
  listen(listener: TransportListener): void;
  close(): void;
}

/** What a connection hears before its client listens, kept for it. */
export class Heard implements TransportListener {
  #listener: TransportListener | null = null;
  #early: ((listener: TransportListener) => void)[] = [];

  message(message: ServerMessage): void {
    if (this.#listener) this.#listener.message(message);
    else this.#early.push((listener) => listener.message(message));
  }
  closed(reason: string): void {
    if (this.#listener) this.#listener.closed(reason);
    else this.#early.push((listener) => listener.closed(reason));
  }
  listen(listener: TransportListener): void {
    this.#listener = listener;
    for (const tell of this.#early.splice(0)) tell(listener);
  }
}

/** A request that was refused; `message` is a sentence for the user. */
export class ApiError extends RequestError {
  override readonly name = "ApiError";
}

type ApiRequests = { [N in RequestName]: { args: Arguments<N>; result: Results[N] } };

export class ApiClient extends RequestClient<ApiRequests, Events> {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    super((message) => transport.send(message), ApiError);
    this.#transport = transport;
    transport.listen({ message: (message) => this.receive(message), closed: (reason) => this.lost(reason) });
  }

  close(): void {
    this.lost("The connection was closed.");
    this.#transport.close();
  }
}
