/** Carries out requests about screens. A session can ask only about those that it looks at. */
import type { ToolstackRequests } from "../../toolstack/messages.ts";
import { SessionDisplays } from "../displays.ts";
import type { DISPLAY_REQUESTS } from "../requests/displays.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Results } from "../requests/table.ts";
import type { SessionContext } from "./context.ts";

type OfViewer = "displayPart" | "displayKey" | "displayPointer" | "displayRelease";

export function displayHandlers(session: SessionContext): HandlersOf<typeof DISPLAY_REQUESTS> {
  const displays = new SessionDisplays();
  session.onPowerOn(() => displays.forget());
  session.onEnd(() => displays.end());
  const ask =
    <N extends OfViewer>(name: N) =>
    (args: ToolstackRequests[N]["args"]): Promise<Results[N]> =>
      displays.hostOf(args.viewer).request(name, args) as Promise<Results[N]>;
  return {
    displayOpen: async (args) => {
      const opened = await displays.open(session.host.toolstack, args);
      // The session has ended meanwhile.
      if (session.ended) displays.end();
      return opened;
    },
    displayPart: ask("displayPart"),
    displayClose: ({ viewer }) => displays.close(viewer),
    displayKey: ask("displayKey"),
    displayPointer: ask("displayPointer"),
    displayRelease: ask("displayRelease"),
  };
}
