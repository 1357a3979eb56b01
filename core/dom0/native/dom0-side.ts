/** What dom0 does for the thread of a native domain (messages.ts), and undoes when that has ended. */
import type { ImageRegister, Use } from "../backends/blk/image-register.ts";
import type { DomainHolds } from "../backends/blk/room.ts";
import { storeError } from "../storage/block-store.ts";
import type { DeviceReport } from "../xenbus/devices.ts";
import type { Answer, FromThread, ThreadNotice, ThreadQuestion } from "./messages.ts";

export interface HostServices {
  register: ImageRegister;
  holds: DomainHolds;
}

/** Records of requests by the names that the thread gives them. */
export type Records = Map<string, { ring: string; memory: SharedArrayBuffer }>;

interface ThreadUse extends Use {
  /** Resolves `closed`. */
  close: () => void;
}

export class ThreadClient {
  readonly #services: HostServices;
  readonly #answer: (answer: Answer) => void;
  readonly #uses = new Map<number, ThreadUse>();
  readonly #held = new Map<string, { domid: number; key: string }>();
  readonly #records: Records;
  readonly #asking: ((devices: DeviceReport[]) => void)[] = [];
  #isEnded = false;

  /** `records` are those that an earlier thread of the domain has left. */
  constructor(services: HostServices, records: Records, answer: (answer: Answer) => void) {
    this.#services = services;
    this.#records = records;
    this.#answer = answer;
  }

  receive(message: FromThread): void {
    if ("devices" in message) {
      for (const told of this.#asking.splice(0)) told(message.devices);
      return;
    }
    if ("notice" in message) {
      this.#note(message);
      return;
    }
    const { number } = message;
    if (message.question === "record") {
      this.#answer({ number, record: this.#record(message.key, message.ring, message.bytes) });
      return;
    }
    this.#consider(message).then(
      () => this.#answer({ number }),
      (error: unknown) => {
        const { code, message: text } = storeError(error, "file" in message ? message.file : "image");
        this.#answer({ number, error: { code, message: text } });
      },
    );
  }

  /** Calls back with the next report of the thread's devices. */
  onDevices(told: (devices: DeviceReport[]) => void): void {
    this.#asking.push(told);
  }

  /** The thread is about to end: who wants what it has open waits until ended() is called. */
  ending(): void {
    for (const use of this.#uses.values()) this.#closing(use);
  }

  /** The thread has ended: it has nothing open any more, and keeps nobody from running. */
  ended(): void {
    this.#isEnded = true;
    this.ending();
    for (const number of [...this.#uses.keys()]) this.#forget(number);
    for (const { domid, key } of this.#held.values()) this.#services.holds.release(domid, key);
    this.#held.clear();
  }

  #record(key: string, ring: string, bytes: number): SharedArrayBuffer {
    const before = this.#records.get(key);
    if (before?.ring === ring && before.memory.byteLength === bytes) return before.memory;
    const memory = new SharedArrayBuffer(bytes);
    this.#records.set(key, { ring, memory });
    return memory;
  }

  async #consider(asked: Exclude<ThreadQuestion, { question: "record" }>): Promise<void> {
    const { register } = this.#services;
    if (asked.question === "checkFrozen") return register.checkFrozen(asked.file);
    const { use, besides, id, file, access } = asked;
    const others = new Set(besides.map((number) => this.#uses.get(number)).filter((other) => other !== undefined));
    const own = this.#use(use);
    await register.claim(own, others, id, file, access);
    // It may have had to wait for another, longer than the thread lived.
    if (this.#isEnded) register.forget(own);
  }

  #use(number: number): ThreadUse {
    const known = this.#uses.get(number);
    if (known) return known;
    const use: ThreadUse = { closed: null, close: () => {} };
    this.#uses.set(number, use);
    return use;
  }

  #note(told: ThreadNotice): void {
    const { holds, register } = this.#services;
    switch (told.notice) {
      case "closing":
        this.#closing(this.#use(told.use));
        return;
      case "forget":
        this.#forget(told.use);
        return;
      case "readsOnly":
        register.readsOnly(this.#use(told.use), new Set(told.ids));
        return;
      case "drop":
        this.#records.delete(told.key);
        return;
      case "hold":
        this.#held.set(`${told.domid}/${told.key}`, told);
        holds.hold(told.domid, told.key, told.reason);
        return;
      case "release":
        this.#held.delete(`${told.domid}/${told.key}`);
        holds.release(told.domid, told.key);
    }
  }

  #closing(use: ThreadUse): void {
    if (use.closed) return;
    use.closed = new Promise((resolve) => (use.close = resolve));
    this.#services.register.closing(use);
  }

  #forget(number: number): void {
    const use = this.#uses.get(number);
    if (!use) return;
    this.#uses.delete(number);
    this.#services.register.forget(use);
    use.close();
  }
}
