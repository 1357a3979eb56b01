/** Domains with event channels, called without pCPUs, and the guest's side of both ABIs. */
import * as abi from "../../../core/abi/event_channel.ts";
import { Host, type Core } from "../memory/host.ts";

export interface EventCore extends Core {
  becomeVcpu(domid: number, vcpu: number): void;
  sharedInfo(domid: number): number;
  setMaxPort(domid: number, port: number): void;
  setTarget(domid: number, target: number): void;
  setControllerPauseCount(domid: number, count: number): void;
  usesFifo(domid: number): number;
  kicks(domid: number, vcpu: number): number;
  eventsSent(domid: number): bigint;
  eventsReceived(domid: number): bigint;
  waitForPort(domid: number, vcpu: number, port: number): void;
  isWaiting(domid: number, vcpu: number): number;
  portPending(domid: number, port: number): number;
  eventPending(domid: number, vcpu: number): number;
  virq(domid: number, vcpu: number, number: number): void;
  sendGlobalVirq(number: number): void;
  setVirqHandler(domid: number, number: number): number;
  doEventChannelOp(command: number, arg: bigint): bigint;
  doEventChannelOpCompat(arg: bigint): bigint;
  checkEventChannels(): number;
  continueCode(): bigint;
  continuedCommand(): number;
  setPreempted(value: number): void;
  destroyEvents(domid: number): number;
  freeEvents(domid: number): void;
}

export const SELF = 0x7ff0;
export const PRIVILEGED = 3;
export const NATIVE = 2;
/** struct shared_info of a 64-bit domain. */
const PENDING = 2048;
const MASK = 2560;

export async function bootHost(mebibytes = 64): Promise<{ host: Host; core: EventCore }> {
  const host = await Host.boot(mebibytes, "../event/event-entry");
  return { host, core: host.core as EventCore };
}

/** A domain's view: hypercalls with arguments in its first frame, the words of its shared info, and FIFO pages. */
export class EventDomain {
  readonly host: Host;
  readonly core: EventCore;
  readonly domid: number;
  readonly frames: number[] = [];
  readonly #shared: number;
  /** For FIFO: the machine addresses of the control blocks by vCPU, and of the event-word pages. */
  readonly controls = new Map<number, number>();
  readonly wordPages: number[] = [];

  constructor(host: Host, domid: number, flags = NATIVE, frames = 16) {
    this.host = host;
    this.core = host.core as EventCore;
    this.domid = domid;
    if (domid && !this.core.makeDomain(domid, flags, frames + 8)) throw new Error("no memory for the domain");
    for (let i = 0; i < frames; i++) this.frames.push(this.core.allocDomheapPages(0, domid));
    this.#shared = this.core.sharedInfo(domid);
  }

  address = (frame: number): number => this.frames[frame]! * 4096;

  /** Makes an operation with its argument as u32 words, and returns the result. Afterwards the argument is in `words`. */
  op(command: number, argument: readonly number[], vcpu = 0): number {
    this.core.becomeVcpu(this.domid, vcpu);
    const at = this.address(0);
    this.host.bytes.fill(0, at, at + 64);
    argument.forEach((word, i) => this.host.set32(at + 4 * i, word));
    return Number(this.core.doEventChannelOp(command, BigInt(at)));
  }
  word = (index: number): number => this.host.get32(this.address(0) + 4 * index);

  /** Returns the word of a successful operation, else its negative result. */
  #answer(result: number, index: number): number {
    return result < 0 ? result : this.word(index);
  }
  allocUnbound = (dom: number, remote: number): number =>
    this.#answer(this.op(abi.EVTCHNOP_alloc_unbound, [dom | (remote << 16)]), 1);
  bindInterdomain = (remote: number, port: number): number =>
    this.#answer(this.op(abi.EVTCHNOP_bind_interdomain, [remote, port]), 2);
  bindVirq = (virq: number, vcpu = 0): number => this.#answer(this.op(abi.EVTCHNOP_bind_virq, [virq, vcpu]), 2);
  bindIpi = (vcpu = 0): number => this.#answer(this.op(abi.EVTCHNOP_bind_ipi, [vcpu]), 1);
  close = (port: number): number => this.op(abi.EVTCHNOP_close, [port]);
  send = (port: number): number => this.op(abi.EVTCHNOP_send, [port]);
  unmask = (port: number): number => this.op(abi.EVTCHNOP_unmask, [port]);
  bindVcpu = (port: number, vcpu: number): number => this.op(abi.EVTCHNOP_bind_vcpu, [port, vcpu]);
  setPriority = (port: number, priority: number): number => this.op(abi.EVTCHNOP_set_priority, [port, priority]);
  /** Returns [status, vcpu, word of the union, next word], or the negative result. */
  status(port: number, dom = SELF): number | number[] {
    const result = this.op(abi.EVTCHNOP_status, [dom, port]);
    return result < 0 ? result : [this.word(2), this.word(3), this.word(4), this.word(5)];
  }

  /** Makes a reset until its end. */
  reset(dom = SELF): number {
    let result = this.op(abi.EVTCHNOP_reset, [dom]);
    while (BigInt(result) === BigInt(Number(this.core.continueCode())))
      result = this.op(this.core.continuedCommand(), [dom]);
    return result;
  }

  // ---- 2-level ----
  #bit(array: number, port: number): { at: number; bit: number } {
    return { at: this.#shared + array + (port >> 3), bit: 1 << (port & 7) };
  }
  pending(port: number): boolean {
    const { at, bit } = this.#bit(PENDING, port);
    return (this.host.bytes[at]! & bit) !== 0;
  }
  clear(port: number): void {
    const { at, bit } = this.#bit(PENDING, port);
    this.host.bytes[at]! &= ~bit;
  }
  mask(port: number, masked = true): void {
    const { at, bit } = this.#bit(MASK, port);
    if (masked) this.host.bytes[at]! |= bit;
    else this.host.bytes[at]! &= ~bit;
  }
  masked(port: number): boolean {
    const { at, bit } = this.#bit(MASK, port);
    return (this.host.bytes[at]! & bit) !== 0;
  }
  selector = (vcpu = 0): bigint => this.host.get64(this.#shared + vcpu * 64 + 8);
  upcall = (vcpu = 0): number => this.host.bytes[this.#shared + vcpu * 64]!;
  /** Handles everything that is pending for the vCPU. */
  acknowledge(vcpu = 0): void {
    this.host.bytes[this.#shared + vcpu * 64] = 0;
    this.host.set64(this.#shared + vcpu * 64 + 8, 0);
  }

  // ---- FIFO ----
  initControl(frame: number, offset = 0, vcpu = 0): number {
    const result = this.op(abi.EVTCHNOP_init_control, [this.frames[frame] ?? frame, 0, offset, vcpu]);
    if (result === 0) this.controls.set(vcpu, this.address(frame) + offset);
    return result;
  }
  expandArray(frame: number): number {
    const result = this.op(abi.EVTCHNOP_expand_array, [this.frames[frame] ?? frame, 0]);
    if (result === 0) this.wordPages.push(this.address(frame));
    return result;
  }
  wordAddress = (port: number): number => this.wordPages[port >> 10]! + (port & 1023) * 4;
  eventWord = (port: number): number => this.host.get32(this.wordAddress(port));
  setEventWord = (port: number, value: number): void => this.host.set32(this.wordAddress(port), value);
  ready = (vcpu = 0): number => this.host.get32(this.controls.get(vcpu)!);

  /** Does what an honest guest does on an upcall: takes the ports of every queue, highest priority first. Returns the ports delivered. */
  consume(vcpu = 0): number[] {
    const control = this.controls.get(vcpu)!;
    this.acknowledge(vcpu);
    let ready = this.host.get32(control);
    this.host.set32(control, 0);
    const taken: number[] = [];
    for (let priority = 0; priority < 16; priority++) {
      if (!(ready & (1 << priority))) continue;
      ready &= ~(1 << priority);
      let port = this.host.get32(control + 8 + priority * 4);
      while (port) {
        const word = this.eventWord(port);
        this.setEventWord(port, word & ~((1 << abi.EVTCHN_FIFO_LINKED) | 0x1ffff));
        if (fifoPending(word) && !fifoMasked(word)) {
          this.setEventWord(port, this.eventWord(port) & ~(1 << abi.EVTCHN_FIFO_PENDING));
          taken.push(port);
        }
        port = word & 0x1ffff;
      }
    }
    return taken;
  }
}

export const fifoPending = (word: number): boolean => ((word >>> abi.EVTCHN_FIFO_PENDING) & 1) === 1;
export const fifoMasked = (word: number): boolean => ((word >>> abi.EVTCHN_FIFO_MASKED) & 1) === 1;
export const fifoLinked = (word: number): boolean => ((word >>> abi.EVTCHN_FIFO_LINKED) & 1) === 1;

/** xorshift32 */
export function random(seed: number): (below: number) => number {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}
