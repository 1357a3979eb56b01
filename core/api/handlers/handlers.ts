/** Makes a handler for every request of the API, for one session. */
import type { HandlersOf } from "../requests/request.ts";
import type { REQUESTS } from "../requests/table.ts";
import type { SessionContext } from "./context.ts";
import { hostHandlers } from "./host.ts";
import { domainHandlers } from "./domains.ts";
import { keptHandlers } from "./kept.ts";
import { savingHandlers } from "./saving.ts";
import { snapshotHandlers } from "./snapshots.ts";
import { consoleHandlers } from "./consoles.ts";
import { displayHandlers } from "./displays.ts";
import { deviceHandlers } from "./devices.ts";
import { diskHandlers } from "./disks.ts";
import { imageHandlers } from "./images.ts";
import { downloadHandlers } from "./downloads.ts";
import { networkHandlers } from "./networks.ts";
import { inspectHandlers } from "./inspect.ts";
import { xenstoreHandlers } from "./xenstore.ts";
import { fileHandlers } from "./files.ts";
import { figureHandlers } from "./figures.ts";
import { transferHandlers } from "./transfer.ts";
import { tracingHandlers } from "./tracing.ts";
import { journalHandlers } from "./journal.ts";

export function handlersFor(session: SessionContext): HandlersOf<typeof REQUESTS> {
  return {
    ...hostHandlers(session),
    ...domainHandlers(session),
    ...keptHandlers(session),
    ...savingHandlers(session),
    ...snapshotHandlers(session),
    ...consoleHandlers(session),
    ...displayHandlers(session),
    ...deviceHandlers(session),
    ...diskHandlers(session),
    ...imageHandlers(session),
    ...downloadHandlers(session),
    ...networkHandlers(session),
    ...inspectHandlers(session),
    ...xenstoreHandlers(session),
    ...fileHandlers(session),
    ...figureHandlers(session),
    ...transferHandlers(session),
    ...tracingHandlers(session),
    ...journalHandlers(session),
  };
}
