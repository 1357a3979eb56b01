/** Carries out requests about tasks and events. */
import type { JOURNAL_REQUESTS } from "../requests/journal.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { SessionContext } from "./context.ts";

export function journalHandlers(session: SessionContext): HandlersOf<typeof JOURNAL_REQUESTS> {
  const { journal } = session.host;
  let attached = false;
  session.listen("journal", (data) => {
    if (attached) session.send("journal", data);
  });
  return {
    journalAttach: ({ client }) => {
      session.who = { ...session.who, id: client };
      attached = true;
      return { entries: journal.entries };
    },
    taskCancel: ({ id }) => {
      journal.cancel(id);
      return null;
    },
  };
}
