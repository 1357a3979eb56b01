/**
 * Event channels of a native domain: the 2-level bitmaps of shared_info, scanned when `native_event_word` changes.
 * The wait is Atomics.waitAsync, which does not keep Node alive: the owner of the worker holds a port open for that.
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

export type EventHandler = () => void;

/** Since the port was bound. An event that came while another was pending is delivered with it. */
export interface PortTraffic {
  /** Delivered to this domain. */
  received: number;
  /** Sent by it. */
  sent: number;
}

export class EventChannels {
  readonly #hypercalls: Hypercalls;
  readonly #memory: PhysicalMemory;
  readonly #pending: BigUint64Array;
  readonly #mask: BigUint64Array;
  readonly #upcallPending: Uint8Array;
  /** Address of the byte by which the vCPU takes no events. */
  readonly #upcallMask: number;
  readonly #selector: BigUint64Array;
  readonly #handlers = new Map<number, EventHandler>();
  readonly #traffic = new Map<number, PortTraffic>();
  readonly #onError: (port: number, error: unknown) => void;
  #stopped = false;
  #wake: Int32Array | null = null;

  /** `sharedInfo`: machine address of the domain's shared_info. `onError` hears of handlers that throw. */
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

  /** Calls `handler` for each event on the port, now unmasked. One that came before is not lost. */
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

  /** Closes the port. A port that the hypervisor closed already (its domain is gone) is no error. */
  close(port: number): void {
    this.#handlers.delete(port);
    this.#traffic.delete(port);
    try {
      this.#hypercalls.ports.close(port);
    } catch {
      // EINVAL: closed with its domain.
    }
  }

  /** Of a port that is bound here; null for another. */
  traffic(port: number): Readonly<PortTraffic> | null {
    return this.#traffic.get(port) ?? null;
  }

  notify(port: number): void {
    const traffic = this.#traffic.get(port);
    if (traffic) traffic.sent++;
    this.#hypercalls.ports.send(port);
  }

  /** Delivers events until stop(). `word`: address given by native_event_word. */
  async run(word: number): Promise<void> {
    // The vCPU accepts events from now on.
    this.#memory.set8(this.#upcallMask, 0);
    const words = this.#memory.words(word, 1);
    this.#wake = words;
    while (!this.#stopped) {
      const seen = Atomics.load(words, 0);
      this.deliver();
      const wait = Atomics.waitAsync(words, 0, seen);
      if (wait.async) await wait.value;
      // Changed meanwhile: let timers and messages have their turn before the next scan.
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#wake) Atomics.notify(this.#wake, 0);
  }

  /** One scan: takes every pending, unmasked port that has a handler and calls it. */
  deliver(): void {
    while (Atomics.exchange(this.#upcallPending, 0, 0)) {
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
