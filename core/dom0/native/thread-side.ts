/** Dom0's services as the thread of a native domain has them: each call is a message (messages.ts). */
import type { Access, ImageRegister, Use } from "../backends/blk/image-register.ts";
import type { DomainHolds } from "../backends/blk/room.ts";
import { StoreError } from "../storage/block-store.ts";
import { Scratch } from "../storage/scratch.ts";
import type { RequestRecords } from "../xenbus/request-record.ts";
import type { Answer, FromThread, ThreadQuestion } from "./messages.ts";

/** Where writes to disposable disks go, by the names of them. */
export interface Scratches {
  /** Rejects with StoreError. */
  open(key: string, bytes: number): Promise<Scratch>;
}

export class Dom0Services {
  readonly register: ImageRegister;
  readonly holds: DomainHolds;
  readonly records: RequestRecords;
  readonly scratches: Scratches;
  readonly #send: (message: FromThread) => void;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: unknown) => void }>();
  readonly #uses = new WeakMap<Use, number>();
  #nextQuestion = 1;
  #nextUse = 1;
  #isStopping = false;

  constructor(send: (message: FromThread) => void) {
    this.#send = send;
    this.register = {
      checkFrozen: async (file) => void (await this.#ask({ question: "checkFrozen", file })),
      claim: async (use, besides, id, file, access: Access) => {
        const others = [...besides].map((other) => this.#number(other));
        await this.#ask({ question: "claim", use: this.#number(use), besides: others, id, file, access });
      },
      closing: (use) => send({ notice: "closing", use: this.#number(use) }),
      forget: (use) => send({ notice: "forget", use: this.#number(use) }),
      readsOnly: (use, ids) => send({ notice: "readsOnly", use: this.#number(use), ids: [...ids] }),
    };
    this.holds = {
      hold: (domid, key, reason) => send({ notice: "hold", domid, key, reason }),
      release: (domid, key) => send({ notice: "release", domid, key }),
    };
    this.records = {
      open: async (key, ring, bytes) => (await this.#ask({ question: "record", key, ring, bytes })).record ?? null,
      drop: (key) => {
        if (!this.#isStopping) send({ notice: "dropRecord", key });
      },
    };
    this.scratches = {
      open: async (key, bytes) => {
        const { scratch } = await this.#ask({ question: "scratch", key, bytes });
        return Scratch.borrow(scratch!, () => {
          if (!this.#isStopping) send({ notice: "dropScratch", key });
        });
      },
    };
  }

  /** The domain stops, and its devices with it: who comes after it goes on with what their frontends have asked for. */
  stopping(): void {
    this.#isStopping = true;
  }

  receive(answer: Answer): void {
    const { number, error } = answer;
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (error) waiting?.reject(new StoreError(error.code, error.message));
    else waiting?.resolve(answer);
  }

  #ask(question: ThreadQuestion): Promise<Answer> {
    const number = this.#nextQuestion++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve, reject });
      this.#send({ ...question, number });
    });
  }

  #number(use: Use): number {
    const known = this.#uses.get(use);
    if (known !== undefined) return known;
    this.#uses.set(use, this.#nextUse);
    return this.#nextUse++;
  }
}
