/** Carries out requests about consoles: a session hears those that it has attached to. */
import type { CONSOLE_REQUESTS } from "../requests/consoles.ts";
import type { HandlersOf } from "../requests/request.ts";
import { passTo, type SessionContext } from "./context.ts";

export function consoleHandlers(session: SessionContext): HandlersOf<typeof CONSOLE_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  const attached = new Set<number>();
  const detach = async (domid: number): Promise<void> => {
    await host.toolstack.request("consoleDetach", { domid });
  };
  session.listen("console", (data) => {
    if (attached.has(data.domid)) session.send("console", data);
  });
  session.onPowerOn(() => attached.clear());
  session.onEnd(() => {
    for (const domid of attached) void detach(domid).catch(() => {});
    attached.clear();
  });
  return {
    consoleAttach: async ({ domid }) => {
      if (attached.has(domid)) await detach(domid);
      // Events between the snapshot and the answer are sent too; offsets tell the client what it has.
      attached.add(domid);
      try {
        return await host.toolstack.request("consoleAttach", { domid });
      } catch (error) {
        attached.delete(domid);
        throw error;
      }
    },
    consoleDetach: async ({ domid }) => {
      if (attached.delete(domid)) await detach(domid);
      return null;
    },
    consoleInput: pass("consoleInput"),
    consoleLogs: pass("consoleLogs"),
  };
}
