/**
 * The event channels of a native domain: the 2-level bitmaps of shared_info, which are scanned when `native_event_word` changes. It waits by
 * Atomics.waitAsync, which does not keep Node alive. The owner of the worker keeps a port open for that.
 */
import {
  SHARED_INFO_EVTCHN_MASK,
  SHARED_INFO_EVTCHN_PENDING,
  VCPU_INFO_EVTCHN_PENDING_SEL,
  VCPU_INFO_EVTCHN_UPCALL_MASK,
  VCPU_INFO_EVTCHN_UPCALL_PENDING,
  VCPU_INFO_SIZE,
} from "../../abi/xen.ts";
import type { Hypercalls } from "./hypercalls.ts";
import type { PhysicalMemory } from "./memory.ts";

/** Scans that follow each other while other domains send events, before timers, messages and files have their turn. */
const SCANS_PER_TURN = 16;

export type EventHandler = () => void;

/** The counts begin when the port is bound. An event that comes while another one is pending is delivered together with it. */
export interface PortTraffic {
  /** Events that were delivered to this domain. */
  received: number;
  /** Events that this domain has sent. */
  sent: number;
}

export class EventChannels {
  readonly #hypercalls: Hypercalls;
  readonly #memory: PhysicalMemory;
  readonly #pending: BigUint64Array;
  readonly #mask: BigUint64Array;
  readonly #upcallPending: Uint8Array;
  /** The address of the byte that makes the vCPU take no events. */
  readonly #upcallMask: number;
  readonly #selector: BigUint64Array;
  readonly #handlers = new Map<number, EventHandler>();
  readonly #traffic = new Map<number, PortTraffic>();
  readonly #onError: (port: number, error: unknown) => void;
  #stopped = false;
  #wake: Int32Array | null = null;

  /** `sharedInfo` is the machine address of the domain's shared_info. `onError` is called for handlers that throw. */
  constructor(hypercalls: Hypercalls, sharedInfo: number, onError: (port: number, error: unknown) => void, vcpu = 0) {
    this.#hypercalls = hypercalls;
    this.#memory = hypercalls.memory;
    const buffer = this.#memory.memory.buffer;
    const vcpuInfo = sharedInfo + vcpu * VCPU_INFO_SIZE;
    this.#pending = new BigUint64Array(buffer, sharedInfo + SHARED_INFO_EVTCHN_PENDING, 64);
    this.#mask = new BigUint64Array(buffer, sharedInfo + SHARED_INFO_EVTCHN_MASK, 64);
    this.#upcallMask = vcpuInfo + VCPU_INFO_EVTCHN_UPCALL_MASK;
    this.#upcallPending = new Uint8Array(buffer, vcpuInfo + VCPU_INFO_EVTCHN_UPCALL_PENDING, 1);
    this.#selector = new BigUint64Array(buffer, vcpuInfo + VCPU_INFO_EVTCHN_PENDING_SEL, 1);
    this.#onError = onError;
  }

  /** Calls `handler` for each event on the port, which is unmasked now. An event that came before is not lost. */
  bind(port: number, handler: EventHandler): void {
    this.#handlers.set(port, handler);
    this.#traffic.set(port, { received: 0, sent: 0 });
    this.#hypercalls.ports.unmask(port);
  }

  bindInterdomain(remote: number, remotePort: number, handler: EventHandler): number {
    const port = this.#hypercalls.ports.bindInterdomain(remote, remotePort);
    this.bind(port, handler);
    return port;
  }

  bindVirq(virq: number, handler: EventHandler): number {
    const port = this.#hypercalls.ports.bindVirq(virq);
    this.bind(port, handler);
    return port;
  }

  /** Closes the port. It is no error if the hypervisor has closed it already because its domain is gone. */
  close(port: number): void {
    this.#handlers.delete(port);
    this.#traffic.delete(port);
    try {
      this.#hypercalls.ports.close(port);
    } catch {
      // EINVAL: it was closed together with its domain.
    }
  }

  /** Returns null for a port that is not bound here. */
  traffic(port: number): Readonly<PortTraffic> | null {
    return this.#traffic.get(port) ?? null;
  }

  notify(port: number): void {
    const traffic = this.#traffic.get(port);
    if (traffic) traffic.sent++;
    this.#hypercalls.ports.send(port);
  }

  /** Delivers events until stop(). `word` is the address that native_event_word returned. */
  async run(word: number): Promise<void> {
    // From now on the vCPU accepts events.
    this.#memory.set8(this.#upcallMask, 0);
    const words = this.#memory.words(word, 1);
    this.#wake = words;
    while (!this.#stopped) {
      const seen = Atomics.load(words, 0);
      this.deliver();
      const wait = Atomics.waitAsync(words, 0, seen);
      if (wait.async) await wait.value;
      // The word has changed meanwhile. Timers and messages get their turn before the next scan.
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#wake) Atomics.notify(this.#wake, 0);
  }

  /**
   * Takes every port that is pending, unmasked and has a handler, and calls the handler. It goes on with what has become pending meanwhile, but not for
   * as long as others may send events: then the word has changed, and run() comes back.
   */
  deliver(): void {
    for (let scans = 0; scans < SCANS_PER_TURN && Atomics.exchange(this.#upcallPending, 0, 0); scans++) {
      let selector = Atomics.exchange(this.#selector, 0, 0n);
      for (let word = 0; selector !== 0n; word++, selector >>= 1n) {
        if (!(selector & 1n)) continue;
        const mask = Atomics.load(this.#mask, word);
        let ready = Atomics.load(this.#pending, word) & ~mask;
        for (let bit = 0; ready !== 0n; bit++, ready >>= 1n) {
          if (!(ready & 1n)) continue;
          Atomics.and(this.#pending, word, ~(1n << BigInt(bit)) & 0xffffffffffffffffn);
          this.#call(word * 64 + bit);
        }
      }
    }
  }

  #call(port: number): void {
    const traffic = this.#traffic.get(port);
    if (traffic) traffic.received++;
    try {
      this.#handlers.get(port)?.();
    } catch (error) {
      this.#onError(port, error);
    }
  }
}
