/** A connection to the user's running host. */
import { ApiClient } from "../api/client.ts";
import type { HostState } from "../api/schema.ts";
import { connectLocal } from "../api/transport/local-client.ts";

/** Rejects with a sentence if there is none. `socket` is where it listens, if not in the user's usual place. */
export async function connectHost(socket?: string): Promise<ApiClient> {
  const client = new ApiClient(await connectLocal(socket));
  await started(client);
  return client;
}

/** Waits for a host that is just being powered on, because a script may start it and go on. */
function started(client: ApiClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = ({ power }: HostState): void => {
      if (power !== "starting") resolve();
    };
    client.on("host", look);
    client.request("hostState", {}).then(look, reject);
  });
}
