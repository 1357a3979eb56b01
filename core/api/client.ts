/** The API's client, over any transport. Safe to import in a browser. */
import { RequestClient, RequestError } from "../toolstack/request-client.ts";
import type { Arguments, ClientMessage, Events, RequestName, Results, ServerMessage } from "./schema.ts";

/** One connection to a server. It starts open; `onMessage` and `onClose` are set by the client. */
export interface Transport {
  send(message: ClientMessage): void;
  onMessage: (message: ServerMessage) => void;
  /** Once; with a sentence that says why. */
  onClose: (reason: string) => void;
  close(): void;
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
    transport.onMessage = (message) => this.receive(message);
    transport.onClose = (reason) => this.lost(reason);
  }

  close(): void {
    this.lost("The connection was closed.");
    this.#transport.close();
  }
}
