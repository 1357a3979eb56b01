/** Hypercalls about event channels. */
import * as evtchn from "../../../abi/event_channel.ts";
import { HYPERVISOR_event_channel_op } from "../../../abi/xen.ts";
import type { NativeCalls } from "./calls.ts";

export class PortCalls {
  readonly #calls: NativeCalls;

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  /** Returns an unbound port in `domid` to which `remote` may bind. */
  allocUnbound(domid: number, remote: number): number {
    const { memory } = this.#calls;
    const at = this.#calls.scratch(evtchn.EVTCHN_ALLOC_UNBOUND_SIZE);
    memory.set16(at + evtchn.EVTCHN_ALLOC_UNBOUND_DOM, domid);
    memory.set16(at + evtchn.EVTCHN_ALLOC_UNBOUND_REMOTE_DOM, remote);
    this.#call("alloc_unbound", evtchn.EVTCHNOP_alloc_unbound, at);
    return memory.get32(at + evtchn.EVTCHN_ALLOC_UNBOUND_PORT);
  }

  bindInterdomain(remote: number, remotePort: number): number {
    const { memory } = this.#calls;
    const at = this.#calls.scratch(evtchn.EVTCHN_BIND_INTERDOMAIN_SIZE);
    memory.set16(at + evtchn.EVTCHN_BIND_INTERDOMAIN_REMOTE_DOM, remote);
    memory.set32(at + evtchn.EVTCHN_BIND_INTERDOMAIN_REMOTE_PORT, remotePort);
    this.#call("bind_interdomain", evtchn.EVTCHNOP_bind_interdomain, at);
    return memory.get32(at + evtchn.EVTCHN_BIND_INTERDOMAIN_LOCAL_PORT);
  }

  bindVirq(virq: number, vcpu = 0): number {
    const { memory } = this.#calls;
    const at = this.#calls.scratch(evtchn.EVTCHN_BIND_VIRQ_SIZE);
    memory.set32(at + evtchn.EVTCHN_BIND_VIRQ_VIRQ, virq);
    memory.set32(at + evtchn.EVTCHN_BIND_VIRQ_VCPU, vcpu);
    this.#call("bind_virq", evtchn.EVTCHNOP_bind_virq, at);
    return memory.get32(at + evtchn.EVTCHN_BIND_VIRQ_PORT);
  }

  // The structures of these three calls contain the port and nothing else.
  close = (port: number): void => this.#ofPort("close", evtchn.EVTCHNOP_close, port);
  send = (port: number): void => this.#ofPort("send", evtchn.EVTCHNOP_send, port);
  unmask = (port: number): void => this.#ofPort("unmask", evtchn.EVTCHNOP_unmask, port);

  #ofPort(name: string, cmd: number, port: number): void {
    const at = this.#calls.scratch(evtchn.EVTCHN_SEND_SIZE);
    this.#calls.memory.set32(at + evtchn.EVTCHN_SEND_PORT, port);
    this.#call(name, cmd, at);
  }

  #call(name: string, cmd: number, at: number): void {
    this.#calls.call(`event channel ${name}`, HYPERVISOR_event_channel_op, cmd, at);
  }
}
