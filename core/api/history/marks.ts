/** Finds what happens to domains and is marked in graphs: from the toolstack's events, and from changes in its lists and figures. */
import type { DomainInfo, StatisticsSnapshot, ToolstackEvents } from "../../toolstack/messages.ts";
import { BOOT_MS, STOPS } from "../stop-words.ts";

interface Seen {
  uuid: string;
  name: string;
  createdAt: number;
  paused: boolean | null;
  online: number | null;
  targetMiB: number | null;
  /** Whether its stop was marked, so that its end follows from that. */
  ends: boolean;
}

export class Marks {
  readonly #mark: (uuid: string | null, title: string, trouble: boolean) => void;
  readonly #seen = new Map<number, Seen>();

  constructor(mark: (uuid: string | null, title: string, trouble: boolean) => void) {
    this.#mark = mark;
  }

  created({ domid, name, uuid, restored }: ToolstackEvents["created"]): void {
    this.#seen.set(domid, {
      uuid,
      name,
      createdAt: Date.now(),
      paused: null,
      online: null,
      targetMiB: null,
      ends: false,
    });
    this.#mark(uuid, `${name} was ${restored ? "restored" : "created"}`, false);
  }

  stopped({ domid, name, uuid, reason, action }: ToolstackEvents["stopped"]): void {
    this.#mark(uuid, `${name} ${STOPS[reason]}`, reason === "crash" || reason === "watchdog");
    const seen = this.#seen.get(domid);
    if (seen) seen.ends = action !== "preserve" && action !== "rename-restart";
  }

  destroyed({ domid, name, uuid }: ToolstackEvents["destroyed"]): void {
    if (!this.#seen.get(domid)?.ends) this.#mark(uuid, `${name} was destroyed`, false);
    this.#seen.delete(domid);
  }

  /** Marks pauses and renames. */
  domains(list: readonly DomainInfo[]): void {
    for (const { domid, uuid, name, state } of list) {
      const seen = this.#of(domid, uuid);
      if (!seen) continue;
      if (seen.paused !== null && seen.paused !== state.paused)
        this.#mark(uuid, `${name} is ${state.paused ? "paused" : "unpaused"}`, false);
      seen.paused = state.paused;
      if (seen.name !== name) this.#mark(uuid, `${seen.name} is called ${name} now`, false);
      seen.name = name;
    }
  }

  /** Marks vCPUs that came or went, and changed memory targets. */
  figures({ domains }: StatisticsSnapshot): void {
    for (const { domid, uuid, vcpus, memoryTargetMiB } of domains) {
      const seen = this.#of(domid, uuid);
      if (!seen) continue;
      const online = vcpus.filter((each) => each.online).length;
      const boots = Date.now() - seen.createdAt < BOOT_MS;
      if (seen.online !== null && seen.online !== online && !boots)
        this.#mark(uuid, `${seen.name} has ${online} of ${vcpus.length} vCPUs online`, false);
      seen.online = online;
      if (seen.targetMiB !== null && memoryTargetMiB !== null && seen.targetMiB !== memoryTargetMiB)
        this.#mark(uuid, `The memory target of ${seen.name} is ${memoryTargetMiB} MiB`, false);
      seen.targetMiB = memoryTargetMiB;
    }
  }

  /** All that lived ended with the host. */
  hostEnded(crashed: boolean): void {
    for (const { uuid, name, ends } of this.#seen.values())
      if (!ends) this.#mark(uuid, `${name} ended with the host`, crashed);
    this.#seen.clear();
  }

  #of(domid: number, uuid: string): Seen | null {
    const seen = this.#seen.get(domid);
    return seen?.uuid === uuid ? seen : null;
  }
}
