/** What a console's ring leads to: a log that people attach to, or a socket of the host's computer (socket-line.ts). */
import type { BehindState } from "../../xenbus/kind.ts";
import type { Consoles } from "./consoles.ts";

/** The end at the guest. */
export interface GuestEnd {
  /** Hands bytes over as the guest makes room; false, with nothing taken, when too much waits already. */
  type(bytes: Uint8Array): boolean;
  /** The line takes output again. */
  resume(): void;
}

export interface Line {
  /** Gets ready for a guest. Rejects when it can't. */
  open(): Promise<void>;
  /** The guest's end is there, and gone with null. */
  connect(guest: GuestEnd | null): void;
  /** Whether output is to be taken now; resume() follows if it was not. */
  readonly takes: boolean;
  output(bytes: Uint8Array): void;
  /** Everything that was typed has gone to the guest. */
  fed(): void;
  close(): Promise<void>;
  behind(): BehindState;
}

/** Console `number` of the domain among those that people look at. */
export class LogLine implements Line {
  readonly takes = true;
  readonly #consoles: Consoles;
  readonly #domid: number;
  readonly #number: number;

  constructor(consoles: Consoles, domid: number, number: number) {
    this.#consoles = consoles;
    this.#domid = domid;
    this.#number = number;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }
  connect(guest: GuestEnd | null): void {
    this.#consoles.connect(this.#domid, guest && ((bytes) => guest.type(bytes)), this.#number);
  }
  output(bytes: Uint8Array): void {
    this.#consoles.output(this.#domid, bytes, this.#number);
  }
  fed(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
  behind(): BehindState {
    const { kept, written } = this.#consoles.sizes(this.#domid, this.#number);
    return {
      title: "Console log",
      figures: [
        { name: "streamBytes", label: "Written", value: written, unit: "bytes" },
        { name: "keptBytes", label: "Kept", value: kept, unit: "bytes" },
      ],
    };
  }
}
