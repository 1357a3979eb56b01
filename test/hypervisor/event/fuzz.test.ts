import { expect, it } from "vitest";
import {
  EVTCHNOP_alloc_unbound,
  EVTCHNOP_bind_interdomain,
  EVTCHNOP_bind_ipi,
  EVTCHNOP_bind_vcpu,
  EVTCHNOP_bind_virq,
  EVTCHNOP_expand_array,
  EVTCHNOP_init_control,
  EVTCHNOP_reset,
  EVTCHNOP_reset_cont,
  EVTCHNOP_status,
} from "../../../core/abi/event_channel.ts";
import { bootHost, EventDomain, NATIVE, PRIVILEGED, random, SELF } from "./host.ts";

/** Operations that are nearly right, by three domains, while guest memory changes under the hypervisor. */
it.each([3, 77, 20260])("keeps the channels consistent, seed %i", async (seed) => {
  const { host, core } = await bootHost();
  const domains = [0, 1, 2].map((domid) => new EventDomain(host, domid, domid ? NATIVE : PRIVILEGED));
  const next = random(seed);
  const domid = (): number => [0, 1, 2, SELF, SELF, 5, 0x7ff1][next(7)]!;
  const port = (): number => (next(12) ? next(24) : [0, 127, 128, 4095, 4096, 0xffffffff][next(6)]!);
  const argument = (command: number): number[] => {
    const frame = domains[next(3)]!.frames[1 + next(6)]!;
    switch (command) {
      case EVTCHNOP_alloc_unbound:
        return [domid() | (domid() << 16)];
      case EVTCHNOP_bind_interdomain:
        return [domid(), port()];
      case EVTCHNOP_bind_virq:
        return [next(26), next(5)];
      case EVTCHNOP_bind_ipi:
        return [next(5)];
      case EVTCHNOP_status:
        return [domid(), port()];
      case EVTCHNOP_bind_vcpu:
        return [port(), next(5)];
      case EVTCHNOP_reset:
      case EVTCHNOP_reset_cont:
        return [domid()];
      case EVTCHNOP_init_control:
        return [frame, 0, next(520) * 8, next(5)];
      case EVTCHNOP_expand_array:
        return [frame, 0];
      default:
        return [port(), next(17)];
    }
  };
  for (let i = 0; i < 15_000; i++) {
    const d = domains[next(3)]!;
    let command = next(16);
    // This must be rare, because otherwise nothing else would exist for long.
    if ((command === EVTCHNOP_reset || command === EVTCHNOP_reset_cont) && next(20)) command = 4;
    const result = d.op(command, argument(command), next(4));
    expect(result === 0 || result > -100 || BigInt(result) === BigInt(Number(core.continueCode()))).toBe(true);
    if (next(3) === 0) host.set32(d.address(1 + next(6)) + next(1024) * 4, next(2) ? next(64) | (next(16) << 28) : 0);
    if (next(8) === 0) host.set32(core.sharedInfo(d.domid) + next(768) * 4, next(0xffffffff));
    if (next(10) === 0) core.virq(d.domid, next(4), next(24));
    core.setControllerPauseCount(d.domid, next(2));
    expect(core.checkEventChannels(), `operation ${i}: ${command}\n${host.log()}`).toBe(0);
  }
  expect(core.checkMemory(), host.log()).toBe(0);
  for (const { domid: dying } of domains.slice(1)) {
    core.destroyEvents(dying);
    expect(core.checkEventChannels(), host.log()).toBe(0);
  }
  for (const d of domains.slice(1)) for (const frame of d.frames) expect(core.pageTypeCount(frame)).toBe(0);
  expect(core.checkMemory(), host.log()).toBe(0);
});
