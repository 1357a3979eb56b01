/** What the user arranged. It is kept in the browser between starts, and not trusted when it is read again. */
import { create } from "zustand";
import { GRAPH_RANGES, type GraphRange } from "./long-history.ts";
import { DOMAIN_TABS, HOST_TABS, show, useApp, type DomainTab, type HostTab } from "./store.ts";
import { LEVEL_IDS, type LevelId } from "./xen-log.ts";

const KEY = "xenarium.layout";
export const SIDEBAR = { least: 180, most: 420, usual: 232 };
export const PANEL = { least: 96, most: 480, usual: 180 };
/** The size of a console's letters in pixels. */
export const CONSOLE_FONT = { least: 9, most: 28, usual: 13 };
/** The columns of the list of domains by which it can be sorted. */
export const LIST_COLUMNS = [
  ["name", "Name"],
  ["domid", "Domid"],
  ["state", "State"],
  ["folder", "Folder"],
  ["tags", "Tags"],
  ["cpu", "CPU"],
  ["vcpus", "vCPUs"],
  ["memory", "Memory"],
  ["hypercalls", "Hypercalls"],
  ["events", "Events"],
  ["disk", "Disks"],
  ["network", "Network"],
  ["cpuTime", "CPU time"],
  ["uptime", "Up"],
] as const;
export type ListColumn = (typeof LIST_COLUMNS)[number][0];

export interface Layout {
  sidebarWidth: number;
  panelOpen: boolean;
  panelHeight: number;
  hostTab: HostTab;
  domainTab: DomainTab;
  /** The name of the domain that was looked at last; null for the host. Domids may mean other domains after a power cycle. */
  domain: string | null;
  consoleFont: number;
  /** The names of domains whose console has 80 columns and 24 lines, scaled. The others fit the window. */
  serialConsoles: readonly string[];
  sortBy: ListColumn;
  sortDown: boolean;
  /** The columns of the list that are not shown. The name always is. */
  hiddenColumns: readonly ListColumn[];
  graphRange: GraphRange;
  /** Whether a domain's graphs beside vCPUs and memory are unfolded. */
  moreGraphs: boolean;
  /** The levels of the Xen log that are not shown, and whether its lines have times. */
  logHidden: LevelId[];
  logTimes: boolean;
}

const USUAL: Layout = {
  sidebarWidth: SIDEBAR.usual,
  panelOpen: false,
  panelHeight: PANEL.usual,
  hostTab: "overview",
  domainTab: "overview",
  domain: null,
  consoleFont: CONSOLE_FONT.usual,
  serialConsoles: [],
  sortBy: "domid",
  sortDown: false,
  hiddenColumns: [],
  graphRange: "10min",
  moreGraphs: false,
  logHidden: [],
  logTimes: false,
};

/** Nothing was arranged before. */
const isFirst = localStorage.getItem(KEY) === null;
export const useLayout = create<Layout>()(() => read());

function read(): Layout {
  let given: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof parsed === "object" && parsed !== null) given = parsed as Record<string, unknown>;
  } catch {
    // The text is not ours or is damaged, so it is treated as if there was none.
  }
  const within = (value: unknown, { least, most, usual }: typeof SIDEBAR): number =>
    typeof value === "number" && value >= least && value <= most ? value : usual;
  const oneOf = <T extends string>(value: unknown, all: readonly (readonly [T, string])[], usual: T): T =>
    all.find(([id]) => id === value)?.[0] ?? usual;
  return {
    sidebarWidth: within(given.sidebarWidth, SIDEBAR),
    panelOpen: given.panelOpen === true,
    panelHeight: within(given.panelHeight, PANEL),
    hostTab: oneOf(given.hostTab, HOST_TABS, USUAL.hostTab),
    domainTab: oneOf(given.domainTab, DOMAIN_TABS, USUAL.domainTab),
    domain: typeof given.domain === "string" ? given.domain.slice(0, 128) : null,
    serialConsoles: (Array.isArray(given.serialConsoles) ? (given.serialConsoles as unknown[]) : [])
      .filter((each): each is string => typeof each === "string" && each.length <= 128)
      .slice(-200),
    consoleFont: Math.round(within(given.consoleFont, CONSOLE_FONT)),
    sortBy: oneOf(given.sortBy, LIST_COLUMNS, USUAL.sortBy),
    sortDown: given.sortDown === true,
    hiddenColumns: LIST_COLUMNS.map(([id]) => id).filter(
      (id) => id !== "name" && Array.isArray(given.hiddenColumns) && given.hiddenColumns.includes(id),
    ),
    graphRange: oneOf(given.graphRange, GRAPH_RANGES, USUAL.graphRange),
    moreGraphs: given.moreGraphs === true,
    logHidden: LEVEL_IDS.filter((id) => Array.isArray(given.logHidden) && given.logHidden.includes(id)),
    logTimes: given.logTimes === true,
  };
}

/** Stores changes, and follows which view is open. */
export function keepLayout(): void {
  const { hostTab, domain } = useLayout.getState();
  if (domain === null) show({ page: "host", tab: hostTab });
  useLayout.subscribe((layout) => localStorage.setItem(KEY, JSON.stringify(layout)));
  let restored = false;
  useApp.subscribe(({ view, domains, host }, before) => {
    if (!restored && domains.length > 0 && host?.power === "running") {
      restored = true;
      restore();
      return;
    }
    if (view === before.view || !restored) return;
    if (view.page === "host") useLayout.setState({ hostTab: view.tab ?? "overview", domain: null });
    else {
      const name = domains.find(({ domid }) => domid === view.domid)?.name ?? null;
      useLayout.setState({ domainTab: view.tab, domain: name });
    }
  });
}

/**
 * At the first start it opens the bundled guest's console. Later it opens the domain that was looked at last, if one of that name runs. If the user
 * has gone elsewhere in the meantime, the view stays.
 */
function restore(): void {
  const { domain, domainTab, hostTab } = useLayout.getState();
  const { domains, host, view } = useApp.getState();
  if (view.page !== "host") return;
  const first = isFirst && domain === null ? domains.find(({ name }) => name === host?.firstGuest) : undefined;
  if (first) {
    useApp.setState({ firstHint: true });
    show({ page: "domain", domid: first.domid, tab: "console" });
    return;
  }
  const found = domain === null ? undefined : domains.find(({ name }) => name === domain);
  if (found) show({ page: "domain", domid: found.domid, tab: domainTab });
  else show({ page: "host", tab: view.tab ?? hostTab });
}

/** Shows a domain in the tab that was open last. */
export function showDomain(domid: number): void {
  const { view } = useApp.getState();
  const tab = view.page === "domain" ? view.tab : useLayout.getState().domainTab;
  show({ page: "domain", domid, tab: domid === 0 && tab === "console" ? "overview" : tab });
}
