/** Carries out requests about xenstore. */
import { oneAtATime } from "../../files/one-at-a-time.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { XENSTORE_REQUESTS } from "../requests/xenstore.ts";
import { StoreWatches } from "../store-watches.ts";
import { passTo, type SessionContext } from "./context.ts";

export function xenstoreHandlers(session: SessionContext): HandlersOf<typeof XENSTORE_REQUESTS> {
  const { host } = session;
  const pass = passTo(host);
  const watches = new StoreWatches(
    (data) => session.send("xenstoreChanged", data),
    () => session.isBehind,
  );
  session.onPowerOn(() => watches.forget());
  session.onEnd(() => watches.end());
  // One walk through the whole tree at a time, however many are asked for.
  const next = oneAtATime();
  return {
    xenstoreRead: pass("xenstoreRead"),
    xenstoreList: pass("xenstoreList"),
    xenstoreNodes: pass("xenstoreNodes"),
    xenstoreSearch: (args) => next(() => host.toolstack.request("xenstoreSearch", args)),
    xenstoreAccounts: pass("xenstoreAccounts"),
    xenstoreWrite: pass("xenstoreWrite"),
    xenstoreMkdir: pass("xenstoreMkdir"),
    xenstoreRemove: pass("xenstoreRemove"),
    xenstoreSetPermissions: pass("xenstoreSetPermissions"),
    xenstoreWatch: ({ path }) => watches.add(host.toolstack, path),
    xenstoreUnwatch: ({ watch }) => watches.remove(watch),
  };
}
