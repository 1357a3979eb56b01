/** The host's journal: clients' requests become tasks, and what happens to the host becomes events, each with its cause. */
import type { DomainInfo, StatisticsSnapshot, ToolstackEvents } from "../../toolstack/messages.ts";
import type { Events, HostPower, HostState, RequestName } from "../schema.ts";
import { BOOT_MS, STOPS } from "../stop-words.ts";
import { Asked, DEEDS } from "./asked.ts";
import { AwaitedGuests } from "./awaited.ts";
import type { Client, Failure, JournalEntry } from "./entry.ts";
import { Journal, type Work } from "./journal.ts";
import { TASKS, makingOf, namesOf, type Names } from "./tasks.ts";

const PAGES_PER_MIB = 256;
/** Firmware, boot menu, hypervisor, dom0, xenstored, toolstack, autostart: core/toolstack/power.ts and dom0.ts report each. */
const POWER_ON_STAGES = 7;
const POWER_OFF = "The host’s power-off";
const ELSEWHERE = "Another client of this host";
const GUEST = "The guest itself";

interface Seen {
  uuid: string;
  name: string;
  createdAt: number;
  paused: boolean | null;
  online: number | null;
  stopped: boolean;
}

/** Names of domains that do not run; null where there is none. */
export interface KnownNames {
  gone(domid: number): string | null;
  kept(uuid: string): string | null;
}

export class HostJournal {
  readonly #journal: Journal;
  readonly #asked = new Asked();
  readonly #awaited: AwaitedGuests;
  /** By domid, from its creation on. What is in a list before that is not complete yet. */
  readonly #seen = new Map<number, Seen>();
  /** By domid, what follows the last stop of a domain. */
  readonly #restarts = new Map<number, { name: string; why: string }>();
  readonly #saves = new Map<number, Work>();
  #powersOn: Work | null = null;
  #power: HostPower = "off";
  readonly #known: KnownNames;

  constructor(tell: (entries: JournalEntry[]) => void, known: KnownNames, patienceMilliseconds?: number) {
    this.#journal = new Journal(tell);
    this.#known = known;
    this.#awaited = new AwaitedGuests(patienceMilliseconds);
  }

  get entries(): JournalEntry[] {
    return this.#journal.entries;
  }
  cancel(id: number): void {
    this.#journal.cancel(id);
  }
  /** Begins a task for something that a client does here besides its requests. */
  begin(title: string, who: Client, cancel: (() => void) | null): Work {
    return this.#journal.begin(title, who, null, cancel);
  }

  /**
   * Begins a task for a request that is carried out, if it is a task. The returned function is called when the request is answered. `cancel` ends it
   * before that; null where nothing can.
   */
  asks(
    request: RequestName,
    args: Record<string, unknown>,
    who: Client,
    cancel: (() => void) | null,
  ): ((failure?: Failure) => void) | null {
    const title = TASKS[request];
    if (!title) return null;
    const domid = typeof args.domid === "number" ? args.domid : null;
    const isName = namesOf(request, args, this.#names);
    const answered = this.#asked.add(request, who, domid, isName, makingOf(request, args, this.#names));
    const work = this.#journal.begin(title(args, this.#names), who, domid, cancel);
    if (request === "hostPowerOn") this.#powersOn = work;
    if (request === "save" && domid !== null) this.#saves.set(domid, work);
    return (failure) => {
      answered(failure !== undefined);
      if (this.#powersOn === work) this.#powersOn = null;
      if (domid !== null && this.#saves.get(domid) === work) this.#saves.delete(domid);
      if (failure === undefined && domid !== null && this.#awaits(request, domid, args, work)) return;
      work.end(failure);
    };
  }

  /** A client makes a domain of that name as a part of something else: the returned function is called when it is made, or refused. */
  makes(name: string, who: Client): (refused: boolean) => void {
    return this.#asked.add("create", who, null, (each) => each === name);
  }

  /** Who asked for what happens to a domain now, by itself or as a part of something larger; null if nobody did. */
  #who(requests: readonly RequestName[], name: string, domid: number): Client | null {
    return this.#asked.who(requests, { domid }) ?? this.#asked.who(DEEDS, { name, remains: true });
  }

  /** Returns whether the guest still has to do it. */
  #awaits(request: RequestName, domid: number, args: Record<string, unknown>, work: Work): boolean {
    const name = this.#name(domid);
    if (request === "shutdown") {
      const advice = `${name} has not reacted yet: it may not know the request, or hang. Destroy ends it at once.`;
      if (this.#seen.get(domid)?.stopped !== false) return false;
      this.#awaited.add(domid, work, ({ stopped }) => stopped, advice, "destroy");
    } else if (request === "setVcpus") {
      const advice = `${name} has not followed yet: it may not know the request.`;
      this.#awaited.add(domid, work, ({ onlineVcpus }) => onlineVcpus === args.vcpus, advice, null);
    } else if (request === "setMemory") {
      const target = Number(args.memoryMiB);
      const near = Math.max(2, target / 50);
      const advice = `${name} has not followed yet: it may have no balloon driver, or no memory to spare.`;
      this.#awaited.add(domid, work, ({ memoryMiB }) => Math.abs(memoryMiB - target) <= near, advice, null);
    } else return false;
    return true;
  }

  host({ power, reason, stages }: HostState): void {
    if (power === "starting") this.#powersOn?.progress(Math.min(1, stages.length / POWER_ON_STAGES));
    if (power === this.#power) return;
    this.#power = power;
    const on = power === "starting" || power === "running";
    const who = this.#asked.who(["hostPowerOn", "hostPowerOff", "hostReboot"], { remains: true });
    const title = power === "crashed" ? "The host has crashed" : `The host is ${power}`;
    this.#journal.event({
      title,
      domid: null,
      state: power === "crashed" ? "error" : "info",
      cause: power === "crashed" ? "The host itself" : (who ?? (on ? "The application’s start" : ELSEWHERE)),
      detail: reason ?? "",
    });
    if (power !== "off" && power !== "crashed") return;
    this.#awaited.hostEnded();
    this.#seen.clear();
    this.#restarts.clear();
  }

  created({ domid, name, uuid, restored }: ToolstackEvents["created"]): void {
    const seen = { uuid, name, createdAt: Date.now(), paused: null, online: null, stopped: false };
    this.#seen.set(domid, seen);
    const replaced = [...this.#restarts].reverse().find(([, restart]) => restart.name === name);
    const plainly = this.#asked.who(["create", "createBundled", "restore", "keptStart"], { name });
    const deed = plainly ? null : this.#asked.making(name);
    const who = plainly ?? this.#asked.who(DEEDS, { name, remains: true });
    this.#journal.event({
      title: deed ?? `${name} was ${restored ? "restored" : "created"}`,
      domid,
      cause: replaced
        ? `Domain ${replaced[0]} stopped, ${replaced[1].why}`
        : (who ?? (this.#power === "running" ? ELSEWHERE : "Autostart")),
      detail: `domid ${domid}`,
    });
    if (replaced) this.#restarts.delete(replaced[0]);
  }

  stopped({ domid, name, reason, action }: ToolstackEvents["stopped"]): void {
    const crashed = reason === "crash" || reason === "watchdog";
    const all = reason === "suspend" ? this.#asked.who(["saveAll"], { remains: true }) : null;
    const who = this.#who(["shutdown", "save"], name, domid) ?? all;
    const setting = crashed ? "on_crash" : reason === "reboot" ? "on_reboot" : "on_poweroff";
    const why = `${setting} is ${action}`;
    this.#restarts.delete(domid);
    if (/restart|soft-reset/.test(action)) this.#restarts.set(domid, { name, why });
    const seen = this.#seen.get(domid);
    if (seen) seen.stopped = true;
    this.#awaited.seen(domid, { stopped: true, onlineVcpus: NaN, memoryMiB: NaN });
    this.#journal.event({
      title: `${name} ${STOPS[reason]}`,
      domid,
      state: crashed ? "error" : "info",
      cause: crashed ? GUEST : this.#power === "stopping" ? POWER_OFF : (who ?? GUEST),
      detail: reason === "suspend" ? "" : why,
    });
  }

  destroyed({ domid, name }: ToolstackEvents["destroyed"]): void {
    const hasStopped = this.#seen.get(domid)?.stopped ?? false;
    const who = this.#who(["destroy"], name, domid);
    this.#awaited.seen(domid, { stopped: true, onlineVcpus: NaN, memoryMiB: NaN });
    this.#seen.delete(domid);
    this.#journal.event({
      title: `${name} is gone`,
      domid,
      cause: who ?? (hasStopped ? "It had stopped" : this.#power === "stopping" ? POWER_OFF : ELSEWHERE),
      detail: `domid ${domid}`,
    });
  }

  saving({ domid, share }: ToolstackEvents["saving"]): void {
    this.#saves.get(domid)?.progress(share);
  }

  notice({ severity, message, domid }: Events["notice"]): void {
    this.#journal.event({ title: message, domid, state: severity, cause: "The toolstack" });
  }

  /** Pauses, renames and vCPUs have no events of their own, so they are found in the list. */
  domains(list: readonly DomainInfo[]): void {
    for (const { domid, uuid, name, state, vcpus, onlineVcpus, memoryMiB } of list) {
      const seen = this.#seen.get(domid);
      if (seen?.uuid !== uuid) continue;
      if (seen.paused !== null && seen.paused !== state.paused)
        this.#journal.event({
          title: `${name} is ${state.paused ? "paused" : "unpaused"}`,
          domid,
          cause: this.#who([state.paused ? "pause" : "unpause"], name, domid) ?? ELSEWHERE,
        });
      if (seen.name !== name)
        this.#journal.event({
          title: `${seen.name} is called ${name} now`,
          domid,
          cause: this.#asked.who(["rename"], { domid }) ?? ELSEWHERE,
        });
      seen.paused = state.paused;
      seen.name = name;
      this.#online(domid, seen, onlineVcpus, vcpus);
      this.#awaited.seen(domid, { stopped: false, onlineVcpus, memoryMiB });
    }
  }

  figures({ domains }: StatisticsSnapshot): void {
    for (const { domid, uuid, vcpus, memoryPages } of domains) {
      const seen = this.#seen.get(domid);
      if (seen?.uuid !== uuid) continue;
      const online = vcpus.filter((each) => each.online).length;
      this.#online(domid, seen, online, vcpus.length);
      this.#awaited.seen(domid, { stopped: false, onlineVcpus: online, memoryMiB: memoryPages / PAGES_PER_MIB });
    }
  }

  #online(domid: number, seen: Seen, online: number, vcpus: number): void {
    if (seen.online !== null && seen.online !== online && Date.now() - seen.createdAt > BOOT_MS)
      this.#journal.event({
        title: `${seen.name} has ${online} of ${vcpus} vCPUs online`,
        domid,
        cause: this.#asked.who(["setVcpus"], { domid }) ?? GUEST,
      });
    seen.online = online;
  }

  #name(domid: number | null): string {
    if (domid === null) return "a domain";
    return this.#seen.get(domid)?.name ?? this.#known.gone(domid) ?? `domain ${domid}`;
  }
  readonly #names: Names = {
    domain: (domid) => (domid === 0 ? "Domain-0" : this.#name(typeof domid === "number" ? domid : null)),
    kept: (uuid) => this.#known.kept(String(uuid)) ?? "a domain",
  };
}
