/** What may be done with domains, by buttons, menus and the palette alike. */
import type { DomainInfo } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { ask, forget, show, useApp, type Departed } from "../state/store.ts";

export type DomainAction = "pause" | "unpause" | "shutdown" | "reboot" | "destroy";

export const ACTION_WORDS: Record<DomainAction, string> = {
  pause: "Pause",
  unpause: "Unpause",
  shutdown: "Shut down",
  reboot: "Reboot",
  destroy: "Destroy",
};

/** Whether it makes sense now; Domain-0 is the host's and takes none. */
export function mayDo(action: DomainAction, { domid, state }: DomainInfo): boolean {
  if (domid === 0 || state.dying) return false;
  if (action === "destroy") return true;
  if (state.shutdown) return false;
  return action === "unpause" ? state.paused : !state.paused;
}

function carryOut(action: DomainAction, domid: number): void {
  if (action === "shutdown") void act("shutdown", { domid, reason: "poweroff" });
  else if (action === "reboot") void act("shutdown", { domid, reason: "reboot" });
  else void act(action, { domid });
}

/** Does it with those for which it makes sense; asks before domains are destroyed. */
export function doWith(action: DomainAction, domains: readonly DomainInfo[]): void {
  const wanted = domains.filter((domain) => mayDo(action, domain));
  const go = (): void => wanted.forEach(({ domid }) => carryOut(action, domid));
  if (action !== "destroy") {
    go();
    return;
  }
  const names = wanted.map(({ name }) => name);
  const one = names.length === 1;
  ask({
    title: one ? `Destroy ${names[0]}` : `Destroy ${names.length} domains`,
    text: one
      ? "The domain ends at once, as if its plug was pulled. What it has not saved is lost."
      : `${names.slice(0, 12).join(", ")}${names.length > 12 ? " and more" : ""} end at once, as if their plugs were pulled. What they have not saved is lost.`,
    action: "Destroy",
    onConfirm: go,
  });
}

/** What may be done with domains that have ended. */
export type EndedAction = "start-again" | "forget";

export const ENDED_WORDS: Record<EndedAction, string> = { "start-again": "Start again", forget: "Forget" };

/** What they were created from is gone with the host. */
export function mayDoEnded(action: EndedAction): boolean {
  return action === "forget" || useApp.getState().host?.power === "running";
}

export function doWithEnded(action: EndedAction, ended: readonly Departed[]): void {
  if (action === "forget") forget(ended.map(({ domid }) => domid));
  else for (const { domid } of ended) void startAgain(domid);
}

/** Where it was looked at, the one that takes its place is. */
async function startAgain(domid: number): Promise<void> {
  const started = await act("startAgain", { domid });
  const { view } = useApp.getState();
  if (started && view.page === "domain" && view.domid === domid) show({ ...view, domid: started.domid });
}
