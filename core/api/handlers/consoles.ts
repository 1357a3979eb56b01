/** Carries out requests about consoles. A session hears only the consoles that it has attached to. */
import type { CONSOLE_REQUESTS } from "../requests/consoles.ts";
import type { HandlersOf } from "../requests/request.ts";
import { passTo, type SessionContext } from "./context.ts";

export function consoleHandlers(session: SessionContext): HandlersOf<typeof CONSOLE_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  /** By domid and number. */
  const attached = new Map<string, { domid: number; console?: number }>();
  const keyOf = ({ domid, console = 0 }: { domid: number; console?: number | undefined }): string =>
    `${domid}/${console}`;
  const detach = async (which: { domid: number; console?: number | undefined }): Promise<void> => {
    await host.toolstack.request("consoleDetach", which);
  };
  session.listen("console", (data) => {
    if (attached.has(keyOf(data))) session.send("console", data);
  });
  session.onPowerOn(() => attached.clear());
  session.onEnd(() => {
    for (const which of attached.values()) void detach(which).catch(() => {});
    attached.clear();
  });
  return {
    consoleAttach: async ({ domid, console = 0 }) => {
      const which = { domid, console };
      if (attached.has(keyOf(which))) await detach(which);
      // Events between the snapshot and the answer are sent too; their offsets tell the client what it has already.
      attached.set(keyOf(which), which);
      try {
        return await host.toolstack.request("consoleAttach", which);
      } catch (error) {
        attached.delete(keyOf(which));
        throw error;
      }
    },
    consoleDetach: async (which) => {
      if (attached.delete(keyOf(which))) await detach(which);
      return null;
    },
    consoleInput: pass("consoleInput"),
    consoleLogs: pass("consoleLogs"),
  };
}
