/** What dom0 does for the thread of a native domain (messages.ts), and undoes when that has ended. */
import type { ImageRegister, Use } from "../backends/blk/image-register.ts";
import type { DomainHolds } from "../backends/blk/room.ts";
import { NetworkError } from "../network/networks.ts";
import { storeError } from "../storage/block-store.ts";
import type { Claim } from "./claim.ts";
import type { Leftovers } from "./leftovers.ts";
import type {
  Answer,
  AnswerToDom0,
  Dom0Questions,
  FromThread,
  ThreadNotice,
  ThreadQuestion,
  ToThread,
} from "./messages.ts";

export interface HostServices {
  register: ImageRegister;
  holds: DomainHolds;
  /** Where what is written to disposable disks lies until it is thrown away. */
  scratchFolder: string;
}

interface ThreadUse extends Use {
  /** Resolves `closed`. */
  close: () => void;
}

export class ThreadClient {
  readonly #services: HostServices;
  readonly #send: (message: ToThread) => void;
  readonly #uses = new Map<number, ThreadUse>();
  readonly #held = new Map<string, { domid: number; key: string }>();
  readonly #leftovers: Leftovers;
  readonly #asking = new Map<number, { resolve: (result: unknown) => void; reject: (error: NetworkError) => void }>();
  #nextAsked = 1;
  #isEnded = false;

  /** `leftovers` are those of an earlier thread of the domain. */
  constructor(services: HostServices, leftovers: Leftovers, send: (message: ToThread) => void) {
    this.#services = services;
    this.#leftovers = leftovers;
    this.#send = send;
  }

  receive(message: FromThread): void {
    if ("asked" in message) {
      this.#told(message);
      return;
    }
    if ("notice" in message) {
      this.#note(message);
      return;
    }
    const { number } = message;
    if (message.question === "record") {
      this.#send({ number, record: this.#leftovers.record(message.key, message.ring, message.bytes) });
      return;
    }
    this.#consider(message).then(
      (answer) => this.#send({ number, ...answer }),
      (error: unknown) => {
        const { code, message: text } = storeError(error, "file" in message ? message.file : "image");
        this.#send({ number, error: { code, message: text } });
      },
    );
  }

  /** Asks the thread. Rejects with NetworkError if it refuses, or ends before it has answered. By `claim` the question can be withdrawn. */
  ask<Q extends keyof Dom0Questions>(
    question: Q,
    args: Dom0Questions[Q]["args"],
    claim: Claim,
  ): Promise<Dom0Questions[Q]["result"]> {
    const asked = this.#nextAsked++;
    return new Promise((resolve, reject) => {
      this.#asking.set(asked, { resolve: resolve as (result: unknown) => void, reject });
      this.#send({ asked, question, args, claim: claim.shared });
    });
  }

  #told({ asked, result, error }: AnswerToDom0): void {
    const asking = this.#asking.get(asked);
    this.#asking.delete(asked);
    if (error) asking?.reject(new NetworkError(error.message, error.code));
    else asking?.resolve(result);
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
    for (const { reject } of this.#asking.values()) reject(new NetworkError("The driver domain has ended.", "ESRCH"));
    this.#asking.clear();
  }

  async #consider(asked: Exclude<ThreadQuestion, { question: "record" }>): Promise<Omit<Answer, "number">> {
    const { register, scratchFolder } = this.#services;
    if (asked.question === "scratch")
      return { scratch: await this.#leftovers.scratch(asked.key, scratchFolder, asked.bytes) };
    if (asked.question === "checkFrozen") {
      await register.checkFrozen(asked.file);
      return {};
    }
    const { use, besides, id, file, access } = asked;
    const others = new Set(besides.map((number) => this.#uses.get(number)).filter((other) => other !== undefined));
    const own = this.#use(use);
    await register.claim(own, others, id, file, access);
    // It may have had to wait for another, longer than the thread lived.
    if (this.#isEnded) register.forget(own);
    return {};
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
      case "dropRecord":
        this.#leftovers.dropRecord(told.key);
        return;
      case "dropScratch":
        // A file that can't be closed or removed now is gone with this process.
        void this.#leftovers.dropScratch(told.key).catch(() => {});
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
