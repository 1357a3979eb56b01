/** What may be done with domains, whether by button, menu or palette. */
import type { DomainInfo } from "../../core/api/schema.ts";
import { askLibrary } from "../library/asked.ts";
import { exportDomain } from "../library/transfer.ts";
import { act } from "../state/session.ts";
import { ask, forget, show, useApp, type EndedDomain } from "../state/store.ts";
import { askDelete } from "./deletion.ts";
import { listed } from "./goes-with.ts";

export type DomainAction = "pause" | "unpause" | "save" | "shutdown" | "reboot" | "destroy";

export const ACTION_WORDS: Record<DomainAction, string> = {
  pause: "Pause",
  unpause: "Unpause",
  save: "Save",
  shutdown: "Shut down",
  reboot: "Reboot",
  destroy: "Destroy",
};

/** Whether the action makes sense now. Domain-0 belongs to the host and takes none. */
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

/** Does it with the domains for which it makes sense. Asks before domains are destroyed. */
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

/** What is done with one domain that is kept, and asks first how. */
export type AskedAction = "snapshot" | "fork";

export const ASKED_WORDS: Record<AskedAction, string> = { snapshot: "Take a snapshot", fork: "Fork" };

/** What is saved has its disks as they are now until it is restored or discarded; a template is cloned. */
export function mayAsk(action: AskedAction, uuid: string): boolean {
  const { domains, kept } = useApp.getState();
  const definition = kept.find((each) => each.uuid === uuid);
  if (!definition || definition.saved !== null || definition.template) return false;
  const domain = domains.find((each) => each.uuid === uuid);
  if (action === "fork") return domain !== undefined && mayDo("save", domain);
  return domain === undefined || mayDo("destroy", domain);
}

export function askHow(action: AskedAction, uuid: string): void {
  askLibrary({ what: action, uuid });
}

/** What may be done with domains that do not run. */
export type EndedAction = "restore" | "start" | "edit" | "clone" | "export" | "forget" | "discard" | "delete";

export const ENDED_WORDS: Record<EndedAction, string> = {
  restore: "Restore",
  start: "Start",
  edit: "Edit configuration",
  clone: "Clone",
  export: "Export",
  forget: "Forget",
  discard: "Discard what is saved",
  delete: "Delete",
};
export const ENDED_DANGERS: readonly EndedAction[] = ["discard", "delete"];

/** A saved domain is restored, and is not started as well. */
export function isOf(action: EndedAction, { kept }: EndedDomain): boolean {
  if (kept === null) return action === "forget";
  if (action === "restore" || action === "discard") return kept.saved !== null;
  if (action === "start") return kept.saved === null && !kept.template;
  if (action === "edit" || action === "clone" || action === "export") return kept.saved === null;
  return action === "delete";
}

export function mayDoEnded(action: EndedAction, ended: EndedDomain): boolean {
  if (!isOf(action, ended)) return false;
  return (action !== "restore" && action !== "start") || useApp.getState().host?.power === "running";
}

/** Does it with the domains for which it makes sense. Asks before something is lost. */
export function doWithEnded(action: EndedAction, ended: readonly EndedDomain[]): void {
  const wanted = ended.filter((each) => mayDoEnded(action, each));
  if (action === "forget") forget(wanted.map(({ domid }) => domid));
  else if (action === "discard") askDiscard(wanted);
  else if (action === "delete") void askDelete(wanted);
  else if (action === "export") for (const { uuid } of wanted) void exportDomain(uuid);
  else if (action === "edit" || action === "clone") {
    // The dialog asks about one domain at a time.
    const [only] = wanted;
    if (only) askLibrary({ what: action, uuid: only.uuid });
  } else for (const each of wanted) void comeBack(each);
}

/** If the ended domain was looked at, the domain that takes its place is shown. */
async function comeBack({ domid, uuid }: EndedDomain): Promise<void> {
  const started = await act("keptStart", { uuid });
  const { view } = useApp.getState();
  if (started && view.page === "domain" && view.domid === domid)
    show({ ...view, domid: started.domid, tab: domid < 0 ? "console" : view.tab });
}

function askDiscard(ended: readonly EndedDomain[]): void {
  const names = ended.map(({ name }) => name);
  ask({
    title:
      names.length === 1 ? `Discard what is saved of ${names[0]}` : `Discard what is saved of ${names.length} domains`,
    text: `What was in the memory of ${listed(names)} is lost: it can only be started anew then, as after a power failure.`,
    action: "Discard",
    onConfirm: () => ended.forEach(({ uuid }) => void act("savedDiscard", { uuid })),
  });
}
