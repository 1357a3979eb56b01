/** What may be done with domains, by buttons, menus and the palette alike. */
import type { DomainInfo } from "../../core/api/schema.ts";
import { act } from "../state/session.ts";
import { ask, forget, show, useApp, type EndedDomain } from "../state/store.ts";

export type DomainAction = "pause" | "unpause" | "save" | "shutdown" | "reboot" | "destroy";

export const ACTION_WORDS: Record<DomainAction, string> = {
  pause: "Pause",
  unpause: "Unpause",
  save: "Save",
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
export type EndedAction = "restore" | "start-again" | "forget" | "discard";

export const ENDED_WORDS: Record<EndedAction, string> = {
  restore: "Restore",
  "start-again": "Start again",
  forget: "Forget",
  discard: "Discard what is saved",
};

/** One that is saved is restored, and not started beside that. */
export function isOf(action: EndedAction, { saved }: EndedDomain): boolean {
  return (action === "restore" || action === "discard") === (saved !== null);
}

/** What they were created from is gone with the host. */
export function mayDoEnded(action: EndedAction, ended: EndedDomain): boolean {
  if (!isOf(action, ended)) return false;
  return action === "forget" || action === "discard" || useApp.getState().host?.power === "running";
}

/** Does it with those for which it makes sense; asks before what is saved is discarded. */
export function doWithEnded(action: EndedAction, ended: readonly EndedDomain[]): void {
  const wanted = ended.filter((each) => mayDoEnded(action, each));
  if (action === "forget") forget(wanted.map(({ domid }) => domid));
  else if (action === "discard") askDiscard(wanted);
  else for (const each of wanted) void comeBack(each);
}

/** Where it was looked at, the one that takes its place is. */
async function comeBack({ domid, saved }: EndedDomain): Promise<void> {
  const started = await (saved ? act("restore", { uuid: saved.uuid }) : act("startAgain", { domid }));
  const { view } = useApp.getState();
  if (started && view.page === "domain" && view.domid === domid) show({ ...view, domid: started.domid });
}

function askDiscard(ended: readonly EndedDomain[]): void {
  const names = ended.map(({ name }) => name);
  ask({
    title: names.length === 1 ? `Discard what is saved of ${names[0]}` : `Discard ${names.length} saved domains`,
    text: `What was in ${names.slice(0, 12).join(", ")}${names.length > 12 ? " and more" : ""} is lost: it can only be created anew then.`,
    action: "Discard",
    onConfirm: () => {
      for (const { saved } of ended) if (saved) void act("savedDiscard", { uuid: saved.uuid });
    },
  });
}
