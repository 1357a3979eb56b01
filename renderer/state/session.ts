/** The application's session with the host. It fills the store from events, and carries out what the user asks for. */
import { ApiError, type ApiClient } from "../../core/api/client.ts";
import type { Arguments, DomainStop, Events, RequestName, Results } from "../../core/api/schema.ts";
import { LiveHistory } from "../../core/api/history/live.ts";
import { connect, troubleOf, type Trouble } from "./connect.ts";
import { Consoles } from "../console/consoles.ts";
import { useDownloads } from "./downloads.ts";
import { CLIENT_ID, noteJournal, takeJournal } from "./journal.ts";
import { say } from "./messages.ts";
import { addMark, takeMarks } from "./marks.ts";
import { useStops } from "./stops.ts";
import { forget, show, toast, useApp } from "./store.ts";
import { NO_LOG, withMore } from "./xen-log.ts";

const RECONNECT_MS = 2000;
const REFUSED_MS = 10_000;
/** The host keeps the consoles of as many. */
const MOST_DEPARTED = 64;

export const history = new LiveHistory();
export const consoles = new Consoles(request);

const storeListeners = new Set<(event: Events["xenstoreChanged"]) => void>();
const consoleListeners = new Set<(event: Events["console"]) => void>();
const traceListeners = new Set<(event: Events["trace"]) => void>();
const snapshotListeners = new Set<(event: Events["snapshots"]) => void>();
const wiringListeners = new Set<(report: Events["wiring"]) => void>();

let client: ApiClient | null = null;

/** Sends a request to the host. Rejects with an error whose message is a sentence. */
export function request<N extends RequestName>(name: N, args: Arguments<N>): Promise<Results[N]> {
  if (!client) return Promise.reject(new Error("There is no connection to the host."));
  return (client.request as (name: N, args: Arguments<N>) => Promise<Results[N]>)(name, args);
}

/** Whether somebody ended it before it was done. */
export function isCancel(error: unknown): boolean {
  return error instanceof ApiError && error.code === "ECANCELED";
}

/** Does the same for a button: a refusal is shown to the user. */
export async function act<N extends RequestName>(name: N, args: Arguments<N>): Promise<Results[N] | null> {
  try {
    return await request(name, args);
  } catch (error) {
    // The user who cancelled it knows; others are told.
    say(isCancel(error) ? "info" : "error", sentence(error));
    return null;
  }
}

/** Calls the listener with what changed in xenstore where this session watches. The returned function ends it. */
export function onStoreChanged(listener: (event: Events["xenstoreChanged"]) => void): () => void {
  storeListeners.add(listener);
  return () => void storeListeners.delete(listener);
}

/** Calls the listener with what happens to snapshots. The returned function ends it. */
export function onSnapshots(listener: (event: Events["snapshots"]) => void): () => void {
  snapshotListeners.add(listener);
  return () => void snapshotListeners.delete(listener);
}

/** Calls the listener with the wiring that this session asked for. The returned function ends it. */
export function onWiring(listener: (report: Events["wiring"]) => void): () => void {
  wiringListeners.add(listener);
  return () => void wiringListeners.delete(listener);
}

/** Hears what domains write on their consoles, of those that this session is attached to. The returned function ends it. */
export function onConsole(listener: (event: Events["console"]) => void): () => void {
  consoleListeners.add(listener);
  return () => void consoleListeners.delete(listener);
}

/** Hears of the hypercalls that this session traces. The returned function ends it. */
export function onTrace(listener: (event: Events["trace"]) => void): () => void {
  traceListeners.add(listener);
  return () => void traceListeners.delete(listener);
}

export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Connects, and connects again whenever the connection is lost. */
export async function startSession(): Promise<void> {
  clearTimeout(trying);
  try {
    client = await connect();
  } catch (error) {
    lost(sentence(error), troubleOf(error));
    return;
  }
  listen(client);
  useApp.setState({ connection: "open", connectionReason: "" });
  void client.request("keptDomains").then(
    (kept) => useApp.setState({ kept }),
    () => {},
  );
  void consoles.attachAgain();
  void client.request("journalAttach", { client: CLIENT_ID }).then(
    ({ entries }) => takeJournal(entries),
    () => {},
  );
  void client.request("downloadsAttach").then(
    ({ downloads }) => useDownloads.setState({ downloads }),
    () => {},
  );
  const log = await client.request("xenLogAttach").catch(() => null);
  if (log) useApp.setState({ xenLog: { first: 0, ...log } });
  const live = await client.request("liveAttach").catch(() => null);
  if (!live) return;
  history.load(live);
  useApp.setState(({ tick }) => ({ tick: tick + 1 }));
}

let trying: ReturnType<typeof setTimeout> | undefined;
/** A server that answers with a refusal is asked less often than one that does not answer. */
function lost(reason: string, trouble: Trouble): void {
  client = null;
  useApp.setState({ connection: "lost", connectionReason: reason, connectionTrouble: trouble });
  const wait = trouble === "away" || trouble === "lost" ? RECONNECT_MS : REFUSED_MS;
  trying = setTimeout(() => void startSession(), wait);
}

/** The CPU time of each domain in nanoseconds when the list was last asked for, and how many snapshots ago that was. */
let listed = new Map<number, number>();
let listedAgo = 0;
/** Half of the unit in which Domain-0's CPU time is shown. It is the only figure that changes while no guest runs. */
const SHOWN_NS = 5e7;
/** After this many snapshots, what others have changed of a sleeping domain is shown. */
const MOST_AGO = 10;

/** States (running, blocked) change without an event, but only those of a domain that ran. */
function isListOld({ domains }: Events["statistics"]): boolean {
  const hasRun = ({ domid, cpuTime }: { domid: number; cpuTime: number }): boolean => {
    const ran = cpuTime - (listed.get(domid) ?? 0);
    return domid === 0 ? Math.abs(ran) >= SHOWN_NS : ran !== 0;
  };
  if (++listedAgo < MOST_AGO && !domains.some(hasRun)) return false;
  listed = new Map(domains.map(({ domid, cpuTime }) => [domid, cpuTime]));
  listedAgo = 0;
  return true;
}

/** The connection over which the state of its host was read. */
let known: ApiClient | null = null;

function listen(api: ApiClient): void {
  api.onClosed((reason) => lost(reason, "lost"));
  api.on("host", (host) => {
    const before = useApp.getState().host;
    useApp.setState({ host });
    // This is another power cycle, maybe of another server, in which the same domids mean other domains.
    if (before && host.cycle !== before.cycle) {
      history.clear();
      consoles.clear();
      useStops.setState({ stops: [] });
      useApp.setState({
        xenLog: NO_LOG,
        departed: new Map(),
        forgotten: new Set(),
        view: { page: "host", tab: "overview" },
      });
    }
    if (host.power === "running" && (api !== known || before?.power !== "running")) {
      known = api;
      void api.request("list").then(
        (domains) => useApp.setState({ domains }),
        () => {},
      );
      void knowPast(api);
    }
    if (host.power === "crashed" && before?.power !== "crashed") {
      departAll();
      void askStops(api);
    }
  });
  api.on("domains", ({ domains }) => {
    useApp.setState({ domains });
  });
  api.on("created", ({ domid }) => {
    // A restarted domain replaces the one that is looked at.
    const { view, departed } = useApp.getState();
    if (view.page === "domain" && departed.get(view.domid)?.reason === "reboot") show({ ...view, domid });
    void consoles.attach(domid);
  });
  api.on("stopped", ({ domid, name, reason, uuid }) => {
    depart(domid, name, reason, uuid);
    void askStops(api);
    // What happened, and what the host says about it, is in the host's own list.
    if (reason === "crash") toast("error", `${name} has crashed. Its console is kept.`);
  });
  api.on("destroyed", ({ domid, name, uuid }) => {
    const had = useApp.getState().departed.get(domid);
    // A domain that was kept beside its successor is another domain by now.
    if (had?.uuid !== uuid) depart(domid, name, had?.reason ?? "destroyed", uuid);
    void askStops(api);
  });
  api.on("journal", ({ entries }) => noteJournal(entries));
  api.on("kept", ({ domains: kept }) => {
    const { kept: before, departed } = useApp.getState();
    const deleted = before.filter(({ uuid }) => !kept.some((each) => each.uuid === uuid));
    useApp.setState({ kept });
    // What somebody deleted must not appear as a domain that is gone.
    forget(
      [...departed.values()].flatMap(({ domid, uuid }) => (deleted.some((each) => each.uuid === uuid) ? domid : [])),
    );
  });
  api.on("downloads", ({ downloads }) => useDownloads.setState({ downloads }));
  api.on("mark", addMark);
  api.on("notice", (notice) => {
    toast(notice.severity, notice.message);
  });
  api.on("console", (event) => {
    consoles.output(event.domid, event.bytes, event.offset);
    for (const listener of [...consoleListeners]) listener(event);
  });
  api.on("xenstoreChanged", (event) => {
    for (const listener of [...storeListeners]) listener(event);
  });
  api.on("snapshots", (event) => {
    for (const listener of [...snapshotListeners]) listener(event);
  });
  api.on("wiring", (report) => {
    for (const listener of [...wiringListeners]) listener(report);
  });
  api.on("trace", (event) => {
    for (const listener of [...traceListeners]) listener(event);
  });
  api.on("xenLog", (more) => useApp.setState(({ xenLog }) => ({ xenLog: withMore(xenLog, more) })));
  api.on("statistics", (snapshot) => {
    history.add(snapshot);
    useApp.setState(({ tick }) => ({ tick: tick + 1 }));
    if (!isListOld(snapshot)) return;
    api.request("list").then(
      (domains) => useApp.setState({ domains }),
      () => {},
    );
  });
}

function depart(domid: number, name: string, reason: string, uuid: string): void {
  const { departed, domains } = useApp.getState();
  const last = domains.find((each) => each.domid === domid) ?? null;
  const all = [...departed].filter(([each]) => each !== domid).slice(-(MOST_DEPARTED - 1));
  useApp.setState({ departed: new Map([...all, [domid, { domid, uuid, name, reason, last }]]) });
}

/** When the host ends, its domains end too. What their terminals have is kept. */
function departAll(): void {
  for (const { domid, name, uuid } of useApp.getState().domains) if (domid !== 0) depart(domid, name, "host", uuid);
}

async function askStops(api: ApiClient): Promise<DomainStop[]> {
  const stops = await api.request("stops").catch((): DomainStop[] => []);
  useStops.setState({ stops });
  return stops;
}

/** Learns what happened before this window existed: the marks of graphs, and the domains that went, whose consoles the host keeps. */
async function knowPast(api: ApiClient): Promise<void> {
  const marks = await api.request("marks").catch(() => null);
  if (marks) takeMarks(marks);
  const stops = await askStops(api);
  const logs = await api.request("consoleLogs").catch(() => []);
  const departed = new Map(useApp.getState().departed);
  for (const { domid, name, alive } of logs) {
    if (alive || departed.has(domid)) continue;
    const stop = stops.findLast((each) => each.domid === domid);
    departed.set(domid, { domid, uuid: stop?.uuid ?? "", name, reason: stop?.reason ?? "", last: stop?.last ?? null });
  }
  useApp.setState({ departed });
}
