/** Carries out requests about domains that are saved and restored. */
import type { HandlersOf } from "../requests/request.ts";
import type { SAVING_REQUESTS } from "../requests/saving.ts";
import { namedFile, passTo, type SessionContext } from "./context.ts";

export function savingHandlers(session: SessionContext): HandlersOf<typeof SAVING_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  return {
    save: ({ domid, file, resume }) =>
      host.save(domid, file === undefined ? null : namedFile(session, file), resume ?? false),
    saveCancel: pass("saveCancel"),
    dumpCore: ({ domid, file }) => host.toolstack.request("dumpCore", { domid, file: namedFile(session, file) }),
    restore: ({ file, uuid, paused }) =>
      uuid !== undefined
        ? host.restoreSaved(uuid, paused ?? false)
        : host.toolstack.request("restore", { file: namedFile(session, file!), paused: paused ?? false }),
    savedDomains: () => [...host.saved.all],
    savedDiscard: async ({ uuid }) => {
      await host.saved.discard(uuid);
      return null;
    },
  };
}
