/** The other end of the connection to dom0's worker. */
import { RequestClient, RequestError } from "./request-client.ts";
import type { FromToolstack, ToolstackEvents, ToolstackRequests } from "./messages.ts";

/** A request that the toolstack refused. `message` is a sentence for the user. */
export class ToolstackError extends RequestError {
  override readonly name = "ToolstackError";
}

/** What a Worker and a MessagePort of node:worker_threads have in common. */
export interface ToolstackPort {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  on(event: "message", listener: (message: FromToolstack) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "exit", listener: (code: number) => void): unknown;
}

export class ToolstackClient extends RequestClient<ToolstackRequests, ToolstackEvents> {
  constructor(port: ToolstackPort) {
    super((message) => port.postMessage(message), ToolstackError);
    port.on("message", (message) => this.receive(message));
    port.on("error", (error) => this.close(`dom0 has crashed: ${error.message}`));
    port.on("exit", (code) => this.close(`dom0 has ended (exit ${code}).`));
  }

  /** Makes all pending requests fail. The owner of the worker terminates it. */
  close(reason: string): void {
    this.lost(reason);
  }
}
