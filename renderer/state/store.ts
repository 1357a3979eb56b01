/** What the application shows, apart from figures (core/api/history/live.ts) and the text of consoles (console/consoles.ts). */
import { create } from "zustand";
import type { DomainInfo, HostState, KeptDomain } from "../../core/api/schema.ts";
import type { Trouble } from "./connect.ts";
import { DOM0_TABS, DOMAIN_TABS, HOST_TABS, type DomainTab, type HostTab } from "./tabs.ts";
import { NO_LOG, type XenLogState } from "./xen-log.ts";

export { DOM0_TABS, DOMAIN_TABS, HOST_TABS, type DomainTab, type HostTab };

/** A page without a tab shows its first tab. */
export type View = { page: "host"; tab?: HostTab } | { page: "domain"; domid: number; tab: DomainTab };

export interface Toast {
  id: number;
  severity: "info" | "warning" | "error";
  message: string;
}

/** A domain that is gone and whose console is kept. */
export interface Departed {
  domid: number;
  /** "" if it is not known. */
  uuid: string;
  name: string;
  /** Why the domain went; "" if nobody knows. */
  reason: string;
  /** The domain as this window or the host last saw it; null if neither did. */
  last: DomainInfo | null;
}
/**
 * A domain that does not run, as lists show it. If `kept` is not null, it can be started again; otherwise nothing is left but its console. A domain
 * that has not run since power-on has a number below 0 as its domid.
 */
export interface EndedDomain extends Departed {
  kept: KeptDomain | null;
}

/** A question before something that cannot be undone. */
export interface Question {
  title: string;
  text: string;
  action: string;
  onConfirm: () => void;
  /** What can be done instead, if there is something. */
  instead?: { action: string; onConfirm: () => void };
}

export interface AppState {
  connection: "connecting" | "open" | "lost";
  /** A sentence that says why the connection is lost, and what to do about it. */
  connectionReason: string;
  connectionTrouble: Trouble;
  host: HostState | null;
  domains: DomainInfo[];
  departed: ReadonlyMap<number, Departed>;
  /** The domains that the host keeps, whether they run or not. */
  kept: readonly KeptDomain[];
  /** The domains that are gone and not kept, and that the user no longer wants to see. They are forgotten until the next power-on. */
  forgotten: ReadonlySet<number>;
  view: View;
  toasts: Toast[];
  /** Counts the snapshots that were taken into the history, so that what shows figures looks again. */
  tick: number;
  xenLog: XenLogState;
  dialog: "none" | "new-domain" | "fetch-guest" | "shortcuts" | "palette" | "words";
  question: Question | null;
  /** Whether the console that is shown is searched. */
  consoleSearch: boolean;
  /** Whether this is the application's first start and the hint, which says where files go, has not been dismissed. */
  firstHint: boolean;
}

export const useApp = create<AppState>()(() => ({
  connection: "connecting",
  connectionReason: "",
  connectionTrouble: "away",
  host: null,
  domains: [],
  departed: new Map(),
  kept: [],
  forgotten: new Set(),
  view: { page: "host" },
  toasts: [],
  tick: 0,
  xenLog: NO_LOG,
  dialog: "none",
  question: null,
  consoleSearch: false,
  firstHint: false,
}));

/** How long a message stays. What went wrong is read more slowly. What the host did is among tasks and events too. */
const TOAST_MS: Record<Toast["severity"], number> = { info: 5000, warning: 12_000, error: 15_000 };
const MOST_TOASTS = 5;
let nextToast = 1;
let going = new Map<number, ReturnType<typeof setTimeout>>();
/** Shows a message, which vanishes by itself. */
export function toast(severity: Toast["severity"], message: string): void {
  const id = nextToast++;
  useApp.setState(({ toasts }) => ({ toasts: [...toasts.slice(1 - MOST_TOASTS), { id, severity, message }] }));
  going.set(
    id,
    setTimeout(() => dismissToast(id), TOAST_MS[severity]),
  );
}
/** All messages stay while somebody reads them. The returned function starts their time again. */
export function holdToasts(): () => void {
  for (const timer of going.values()) clearTimeout(timer);
  going = new Map();
  return () => {
    for (const { id, severity } of useApp.getState().toasts)
      going.set(
        id,
        setTimeout(() => dismissToast(id), TOAST_MS[severity]),
      );
  };
}
export function dismissToasts(): void {
  for (const { id } of useApp.getState().toasts) dismissToast(id);
}
export function dismissToast(id: number): void {
  clearTimeout(going.get(id));
  going.delete(id);
  useApp.setState(({ toasts }) => ({ toasts: toasts.filter((each) => each.id !== id) }));
}

export function show(view: View): void {
  useApp.setState({ view });
}
/** Shows the console of a domain that is gone, if there may be one. */
export function showEnded(domid: number): void {
  show({ page: "domain", domid, tab: domid < 0 ? "overview" : "console" });
}
export function openDialog(dialog: AppState["dialog"]): void {
  useApp.setState({ dialog });
}
export function ask(question: Question): void {
  useApp.setState({ question });
}

/** By UUID, the number that stands for a domid where a domain has none. */
const standIns = new Map<string, number>();
function standIn(uuid: string): number {
  let id = standIns.get(uuid);
  if (id === undefined) standIns.set(uuid, (id = -1 - standIns.size));
  return id;
}

type Gone = Pick<AppState, "departed" | "domains" | "forgotten" | "kept">;

/**
 * Returns the domains that do not run. First come those that are kept, in the order in which they were created. Then come those of which only the
 * console is left, the latest first, without those whose name another domain has taken since and those that were forgotten.
 */
export function endedDomains({ departed, domains, forgotten, kept }: Gone): EndedDomain[] {
  const living = new Set(domains.map(({ uuid }) => uuid));
  const lastRuns = new Map([...departed.values()].map((each) => [each.uuid, each]));
  const halted = kept
    .filter(({ uuid }) => !living.has(uuid))
    .map((each): EndedDomain => {
      const run = lastRuns.get(each.uuid);
      const { uuid, name } = each;
      return {
        uuid,
        name,
        domid: run?.domid ?? standIn(uuid),
        reason: run?.reason ?? "",
        last: run?.last ?? null,
        kept: each,
      };
    });
  const ids = new Set([...domains, ...halted].map(({ domid }) => domid));
  const known = new Set(kept.map(({ uuid }) => uuid));
  const taken = new Set([...domains, ...kept].map(({ name }) => name));
  const latest = new Map<string, EndedDomain>();
  for (const each of departed.values())
    if (!forgotten.has(each.domid) && !ids.has(each.domid) && !known.has(each.uuid) && !taken.has(each.name))
      latest.set(each.name, { ...each, kept: null });
  return [...halted, ...[...latest.values()].reverse()];
}
export function forget(domids: readonly number[]): void {
  useApp.setState(({ forgotten }) => ({ forgotten: new Set([...forgotten, ...domids]) }));
}
export function forgetEnded(): void {
  const { departed, domains } = useApp.getState();
  const living = new Set(domains.map(({ domid }) => domid));
  useApp.setState({ forgotten: new Set([...departed.keys()].filter((domid) => !living.has(domid))) });
}
