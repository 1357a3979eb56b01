/** What the application shows, apart from figures (history.ts) and console text (consoles.ts). */
import { create } from "zustand";
import type { DomainInfo, HostState } from "../../core/api/schema.ts";

export const HOST_TABS = [
  ["overview", "Overview"],
  ["devices", "Devices"],
  ["xenstore", "Xenstore"],
] as const;
export type HostTab = (typeof HOST_TABS)[number][0];
export const DOMAIN_TABS = [
  ["overview", "Overview"],
  ["console", "Console"],
  ["devices", "Devices"],
  ["xenstore", "Xenstore"],
] as const;
export type DomainTab = (typeof DOMAIN_TABS)[number][0];

/** A page without a tab shows its first. */
export type View = { page: "host"; tab?: HostTab } | { page: "domain"; domid: number; tab: DomainTab };

export interface Toast {
  id: number;
  severity: "info" | "warning" | "error";
  message: string;
}

/** A domain that is gone but still looked at: why it went. */
export interface Departed {
  domid: number;
  name: string;
  reason: string;
}

export interface AppState {
  connection: "connecting" | "open" | "lost";
  /** Why it is lost; a sentence. */
  connectionReason: string;
  host: HostState | null;
  domains: DomainInfo[];
  departed: ReadonlyMap<number, Departed>;
  view: View;
  toasts: Toast[];
  /** Counts the snapshots that history.ts took in: what shows figures looks again. */
  tick: number;
  /** Text of the Xen log. */
  xenLog: string;
  dialog: "none" | "new-domain" | "shortcuts";
}

export const useApp = create<AppState>()(() => ({
  connection: "connecting",
  connectionReason: "",
  host: null,
  domains: [],
  departed: new Map(),
  view: { page: "host" },
  toasts: [],
  tick: 0,
  xenLog: "",
  dialog: "none",
}));

let nextToast = 1;
/** Shows a message until it is dismissed; information goes by itself. */
export function toast(severity: Toast["severity"], message: string): void {
  const id = nextToast++;
  useApp.setState(({ toasts }) => ({ toasts: [...toasts.slice(-4), { id, severity, message }] }));
  if (severity === "info") setTimeout(() => dismissToast(id), 5000);
}
export function dismissToast(id: number): void {
  useApp.setState(({ toasts }) => ({ toasts: toasts.filter((each) => each.id !== id) }));
}

export function show(view: View): void {
  useApp.setState({ view });
}
export function openDialog(dialog: AppState["dialog"]): void {
  useApp.setState({ dialog });
}
