/** Carries out requests about domains that are saved and restored. */
import type { HandlersOf } from "../requests/request.ts";
import type { SAVING_REQUESTS } from "../requests/saving.ts";
import { namedFile, passTo, type SessionContext } from "./context.ts";

export function savingHandlers(session: SessionContext): HandlersOf<typeof SAVING_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  return {
    save: ({ domid, file, resume }) =>
      file === undefined
        ? host.kept.save(domid)
        : host.toolstack.request("save", { domid, file: namedFile(session, file), resume: resume ?? false }),
    saveAll: async () => ({ failed: await host.kept.saveRunning() }),
    saveCancel: pass("saveCancel"),
    dumpCore: ({ domid, file }) => host.toolstack.request("dumpCore", { domid, file: namedFile(session, file) }),
    restore: ({ file, uuid, paused }) =>
      uuid !== undefined
        ? host.kept.restore(uuid, paused ?? false)
        : host.kept.restoreFile(namedFile(session, file!), paused ?? false),
    savedDiscard: async ({ uuid }) => {
      await host.library.discardSaved(uuid);
      return null;
    },
  };
}
