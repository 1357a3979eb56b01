/** Where a console's ring leads to: a log that people attach to, or a socket of the host's computer (socket-line.ts). */
import type { BehindState } from "../../xenbus/kind.ts";
import type { Consoles } from "./consoles.ts";

/** The guest's end of the line. */
export interface GuestEnd {
  /** Hands bytes over as the guest makes room. Returns false, with nothing taken, when too much is waiting already. */
  type(bytes: Uint8Array): boolean;
  /** Says that the line takes output again. */
  resume(): void;
}

export interface Line {
  /** Gets ready for a guest. Rejects when it can't. */
  open(): Promise<void>;
  /** Called when the guest's end is there, and with null when it is gone. */
  connect(guest: GuestEnd | null): void;
  /** Whether output may be taken now. If not, resume() follows. */
  readonly takes: boolean;
  output(bytes: Uint8Array): void;
  /** Called when everything that was typed has gone to the guest. */
  fed(): void;
  close(): Promise<void>;
  behind(): BehindState;
}

/** Console `number` of the domain, among those that people can attach to. */
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
