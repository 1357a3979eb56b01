/** The client of the API, over any transport. Can be imported in a browser. */
import { RequestClient, RequestError } from "../toolstack/request-client.ts";
import type { Arguments, ClientMessage, Events, RequestName, Results, ServerMessage } from "./schema.ts";

/** Is told what a connection receives. */
export interface TransportListener {
  message(message: ServerMessage): void;
  /** Called once when the connection is gone, with a sentence that says why. */
  closed(reason: string): void;
}

/**
 * One connection to a server, which is open from the beginning. The listener is passed to a method and is not a property of this object: Rollup
 * assumes that a property of an object with which a promise is resolved keeps its first value, and drops calls of a function that did nothing then.
 */
export interface Transport {
  send(message: ClientMessage): void;
  /** Called once. What came before is passed on first. */
  listen(listener: TransportListener): void;
  close(): void;
}

/** Keeps what a connection receives before its client listens. */
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

/** A request was refused; `message` is a sentence for the user. */
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
