/** Tasks that this window asked for and events of the host, each with its cause, the latest first. */
import { create } from "zustand";
import type { Arguments, DomainInfo, Events, RequestName } from "../../core/api/schema.ts";
import { hostIs } from "./power-words.ts";
import { useApp } from "./store.ts";

export interface Entry {
  id: number;
  /** Milliseconds since 1970. */
  at: number;
  kind: "task" | "event";
  state: "running" | "done" | "failed" | "cancelled" | "info" | "warning" | "error";
  title: string;
  /** Why it came about. */
  cause: string;
  /** What came of it: an error's sentence, what follows. */
  detail: string;
  domid: number | null;
  /** A task's duration in milliseconds, once it has ended. */
  took: number | null;
  /** Of a task under way: how much is done, 0 to 1; null where nobody measures it. */
  progress: number | null;
  /** Ends a task under way; null where nothing can. */
  cancel: (() => void) | null;
}

/** How a task ended, if not as it was meant to. */
export interface Failure {
  message: string;
  /** Somebody wanted it to end. */
  cancelled: boolean;
}
/** A task under way, for who carries it out. */
export interface Work {
  progress(done: number | null): void;
  end(failure?: Failure): void;
}

const MOST_ENTRIES = 500;
/** How long after a request what happens is taken to come from it. */
const CAUSE_MS = 15_000;
/** A guest may take its time to shut down. */
const SHUTDOWN_MS = 10 * 60_000;

export const useJournal = create<{ entries: readonly Entry[] }>()(() => ({ entries: [] }));

let nextId = 1;
/** When this window asked, by request and domain. */
const asked = new Map<string, number[]>();
const MOST_ASKED = 100;

function add(entry: Omit<Entry, "id" | "at" | "took" | "progress" | "cancel">, cancel: Entry["cancel"] = null): number {
  const id = nextId++;
  const begun = { ...entry, id, at: Date.now(), took: null, progress: null, cancel };
  useJournal.setState(({ entries }) => ({ entries: [begun, ...entries.slice(0, MOST_ENTRIES - 1)] }));
  return id;
}
function change(id: number, to: Partial<Entry>): void {
  useJournal.setState(({ entries }) => ({
    entries: entries.map((entry) => (entry.id === id ? { ...entry, ...to } : entry)),
  }));
}

function savedName(uuid: unknown): string {
  return useApp.getState().saved.find((each) => each.uuid === uuid)?.name ?? "a domain";
}

type Title = (args: Record<string, unknown>, name: (domid: unknown) => string) => string;
/** Requests that do something worth telling. */
const TASKS: Partial<Record<RequestName, Title>> = {
  hostPowerOn: () => "Power the host on",
  hostPowerOff: () => "Power the host off",
  hostReboot: () => "Reboot the host",
  create: ({ config }) => `Create ${/^\s*name\s*=\s*["']([^"']*)/m.exec(String(config))?.[1] ?? "a domain"}`,
  createBundled: () => "Start the bundled guest",
  startAgain: ({ domid }, name) => `Start ${name(domid)} again`,
  save: ({ domid }, name) => `Save ${name(domid)}`,
  restore: ({ uuid }) => `Restore ${savedName(uuid)}`,
  savedDiscard: ({ uuid }) => `Discard what is saved of ${savedName(uuid)}`,
  shutdown: ({ domid, reason }, name) =>
    `Ask ${name(domid)} to ${reason === "poweroff" ? "power off" : String(reason)}`,
  pause: ({ domid }, name) => `Pause ${name(domid)}`,
  unpause: ({ domid }, name) => `Unpause ${name(domid)}`,
  destroy: ({ domid }, name) => `Destroy ${name(domid)}`,
  rename: ({ domid, name: to }, name) => `Rename ${name(domid)} to ${String(to)}`,
  setScheduler: ({ domid }, name) => `Set weight and cap of ${name(domid)}`,
  setAffinity: ({ domid, vcpu, cpus }, name) =>
    `Let vCPU ${String(vcpu)} of ${name(domid)} run on ${cpus === "all" ? "all pCPUs" : `pCPU ${String(cpus)}`}`,
  setVcpus: ({ domid, vcpus }, name) => `Set ${name(domid)} to ${String(vcpus)} vCPUs`,
  setMemory: ({ domid, memoryMiB }, name) => `Set the memory target of ${name(domid)} to ${String(memoryMiB)} MiB`,
  xenstoreWrite: ({ path }) => `Write ${String(path)}`,
  xenstoreMkdir: ({ path }) => `Make ${String(path)}`,
  xenstoreRemove: ({ path }) => `Remove ${String(path)}`,
  xenstoreSetPermissions: ({ path }) => `Set permissions of ${String(path)}`,
};

/** Enters something that this window does, until it is told that it has ended. */
export function beginWork(title: string, cancel: Entry["cancel"], domid: number | null = null): Work {
  const began = performance.now();
  const id = add({ kind: "task", state: "running", title, cause: HERE, detail: "", domid }, cancel);
  return {
    progress: (progress) => change(id, { progress }),
    end: (failure) =>
      change(id, {
        state: failure === undefined ? "done" : failure.cancelled ? "cancelled" : "failed",
        detail: failure?.message ?? "",
        took: performance.now() - began,
        progress: null,
        cancel: null,
      }),
  };
}

/** Enters a request that is sent; null for one that does nothing worth telling. */
export function beginTask<N extends RequestName>(
  name: N,
  args: Arguments<N>,
  nameOf: (domid: number) => string,
  cancel: Entry["cancel"],
): Work | null {
  const title = TASKS[name];
  if (!title) return null;
  const given = args as Record<string, unknown>;
  const domid = typeof given.domid === "number" ? given.domid : null;
  const key = `${name} ${domid ?? ""}`;
  asked.set(key, [...(asked.get(key) ?? []), Date.now()].slice(-MOST_ASKED));
  const work = beginWork(
    title(given, (each) => nameOf(Number(each))),
    cancel,
    domid,
  );
  return {
    progress: work.progress,
    end: (failure) => {
      // What was refused is the cause of nothing.
      if (failure !== undefined) askedFor(name, domid);
      work.end(failure);
    },
  };
}

/** Whether this window asked for what happened now. One request is the cause of one event, unless it `remains`. */
function askedFor(name: RequestName, domid: number | null, within = CAUSE_MS, remains = false): boolean {
  const key = `${name} ${domid ?? ""}`;
  const times = (asked.get(key) ?? []).filter((at) => Date.now() - at < within);
  const found = times.length > 0;
  if (found && !remains) times.shift();
  if (times.length) asked.set(key, times);
  else asked.delete(key);
  return found;
}

/** The same where the event does not say of which domain. */
function askedForAny(name: RequestName): boolean {
  const key = [...asked.keys()].find((each) => each.startsWith(`${name} `));
  return key !== undefined && askedFor(name, Number(key.slice(name.length + 1)));
}

const HERE = "You, in this window";
const POWER_OFF = "The host’s power-off";
const ELSEWHERE = "Another client of this host";
/** What followed the last stop of a domain, by domid. */
const stops = new Map<number, string>();

export function noteHost(power: Events["host"]["power"], reason: string | null): void {
  const on = power === "starting" || power === "running";
  const here = (["hostPowerOn", "hostPowerOff", "hostReboot"] as const).some((each) =>
    askedFor(each, null, CAUSE_MS, true),
  );
  add({
    kind: "event",
    state: power === "crashed" ? "error" : "info",
    title: hostIs(power),
    cause: power === "crashed" ? "The host itself" : here ? HERE : on ? "The application’s start" : ELSEWHERE,
    detail: reason ?? "",
    domid: null,
  });
}

export function noteCreated({ domid, name, restored }: Events["created"], hostIsUp: boolean): void {
  const replaced = [...stops].reverse().find(([, why]) => why.startsWith(`${name}: `));
  const here =
    askedFor("create", null) ||
    askedFor("createBundled", null) ||
    askedFor("restore", null) ||
    askedForAny("startAgain");
  add({
    kind: "event",
    state: "info",
    title: `${name} was ${restored ? "restored" : "created"}`,
    cause: replaced
      ? `Domain ${replaced[0]} stopped, ${replaced[1].slice(name.length + 2)}`
      : here
        ? HERE
        : hostIsUp
          ? ELSEWHERE
          : "Autostart",
    detail: `domid ${domid}`,
    domid,
  });
  if (replaced) stops.delete(replaced[0]);
}

export function noteStopped(
  { domid, name, reason, action }: Events["stopped"],
  power: Events["host"]["power"] | undefined,
): void {
  const crashed = reason === "crash" || reason === "watchdog";
  const wasAsked = askedFor("shutdown", domid, SHUTDOWN_MS) || askedFor("save", domid, SHUTDOWN_MS);
  const setting = crashed ? "on_crash" : reason === "reboot" ? "on_reboot" : "on_poweroff";
  stops.delete(domid);
  if (/restart|soft-reset/.test(action)) stops.set(domid, `${name}: ${setting} is ${action}`);
  if (stops.size > 64) stops.delete(stops.keys().next().value!);
  add({
    kind: "event",
    state: crashed ? "error" : "info",
    title: `${name} ${STOPS[reason] ?? `stopped: ${reason}`}`,
    cause: crashed ? "The guest itself" : power === "stopping" ? POWER_OFF : wasAsked ? HERE : "The guest itself",
    detail: reason === "suspend" ? "" : `${setting} is ${action}`,
    domid,
  });
}
const STOPS: Record<string, string> = {
  poweroff: "powered off",
  reboot: "rebooted",
  crash: "crashed",
  suspend: "was saved",
  watchdog: "did not feed its watchdog",
};

export function noteDestroyed(
  { domid, name }: Events["destroyed"],
  hasStopped: boolean,
  power: Events["host"]["power"] | undefined,
): void {
  add({
    kind: "event",
    state: "info",
    title: `${name} is gone`,
    cause: askedFor("destroy", domid)
      ? HERE
      : hasStopped
        ? "It had stopped"
        : power === "stopping"
          ? POWER_OFF
          : ELSEWHERE,
    detail: `domid ${domid}`,
    domid,
  });
}

export function noteNotice({ severity, message, domid }: Events["notice"]): void {
  add({ kind: "event", state: severity, title: message, cause: "The toolstack", detail: "", domid });
}

/** Pauses and renames have no event of their own: the list tells. */
export function noteChanges(before: readonly DomainInfo[], now: readonly DomainInfo[]): void {
  for (const domain of now) {
    const was = before.find(({ domid }) => domid === domain.domid);
    if (!was || was.uuid !== domain.uuid) continue;
    const { domid, name } = domain;
    const entry = { kind: "event", state: "info", detail: "", domid } as const;
    if (was.state.paused !== domain.state.paused)
      add({
        ...entry,
        title: `${name} is ${domain.state.paused ? "paused" : "unpaused"}`,
        cause: askedFor(domain.state.paused ? "pause" : "unpause", domid) ? HERE : ELSEWHERE,
      });
    if (was.name !== name)
      add({
        ...entry,
        title: `${was.name} is called ${name} now`,
        cause: askedFor("rename", domid) ? HERE : ELSEWHERE,
      });
    if (was.onlineVcpus !== domain.onlineVcpus && Date.now() - domain.createdAt > 10_000)
      add({
        ...entry,
        title: `${name} has ${domain.onlineVcpus} of ${domain.vcpus} vCPUs online`,
        cause: askedFor("setVcpus", domid) ? HERE : "The guest itself",
      });
  }
}
