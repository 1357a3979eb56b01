/** A connection to the user's running host. */
import { ApiClient } from "../api/client.ts";
import type { HostState } from "../api/schema.ts";
import { connectLocal } from "../api/transport/local-socket.ts";

/** Rejects with a sentence if there is none. `socket`: where it listens, if not where the user's does. */
export async function connectHost(socket?: string): Promise<ApiClient> {
  const client = new ApiClient(await connectLocal(socket));
  await started(client);
  return client;
}

/** A host that is just being powered on is waited for: a script may start it and go on. */
function started(client: ApiClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = ({ power }: HostState): void => {
      if (power !== "starting") resolve();
    };
    client.on("host", look);
    client.request("hostState", {}).then(look, reject);
  });
}
