/** A client of a host in this process, like a window or the command line. Messages are copied, so that nothing is shared. */
import { ApiClient, Heard } from "../../core/api/client.ts";
import type { HostService } from "../../core/api/host-service.ts";
import { Session } from "../../core/api/session.ts";

export interface InMemory {
  client: ApiClient;
  session: Session;
  /** How many bytes the client is assumed not to have read. */
  reader: { backlog: number };
}

export function connectInMemory(host: HostService, mayNameFiles = false): InMemory {
  const heard = new Heard();
  const reader = { backlog: 0 };
  const session = new Session(host, {
    send: (message) => heard.message(structuredClone(message)),
    get backlog() {
      return reader.backlog;
    },
    end: (reason) => heard.closed(reason),
    mayNameFiles,
  });
  const client = new ApiClient({
    send: (message) => void session.receive(structuredClone(message)),
    listen: (listener) => heard.listen(listener),
    close: () => session.end(),
  });
  return { client, session, reader };
}
