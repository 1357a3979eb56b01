/** Carries out requests about the inside of a domain: one at a time, however many are made. */
import { oneAtATime } from "../../files/one-at-a-time.ts";
import type { INSPECT_REQUESTS } from "../requests/inspect.ts";
import type { HandlersOf } from "../requests/request.ts";
import type { Results } from "../requests/table.ts";
import { passTo, type PassedName, type SessionContext } from "./context.ts";

export function inspectHandlers(session: SessionContext): HandlersOf<typeof INSPECT_REQUESTS> {
  const pass = passTo(session.host);
  const next = oneAtATime();
  const look =
    <N extends PassedName>(name: N) =>
    (args: unknown): Promise<Results[N]> =>
      next(() => pass(name)(args));
  return {
    inspectRegisters: look("inspectRegisters"),
    inspectWalk: look("inspectWalk"),
    inspectFrame: look("inspectFrame"),
    inspectSymbol: look("inspectSymbol"),
    inspectMemory: look("inspectMemory"),
    inspectEvents: look("inspectEvents"),
    inspectGrants: look("inspectGrants"),
  };
}
