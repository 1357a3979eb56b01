/**
 * Which features of the processor a saved domain has. A guest decides when it starts what it uses, so a restored domain must have what it had, whatever new
 * domains have by then. A stream says so in a record; one without it was written when no domain had AVX unless its configuration asked for it.
 */
import { CPUID_LEAF_SIZE } from "../../abi/arch_x86.ts";
import { POLICY_LEAVES, type CpuidBit } from "../kernel/hypercalls/domains.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import type { DomainRestore } from "./copies.ts";
import * as stream from "./stream.ts";
import { StreamError } from "./stream.ts";

const EBX = 1;
const ECX = 2;
/** AVX, FMA, F16C and AVX2. */
const WITHOUT_RECORD: readonly CpuidBit[] = [
  { leaf: 1, subleaf: null, register: ECX, bit: 28, to: 0 },
  { leaf: 1, subleaf: null, register: ECX, bit: 12, to: 0 },
  { leaf: 1, subleaf: null, register: ECX, bit: 29, to: 0 },
  { leaf: 7, subleaf: 0, register: EBX, bit: 5, to: 0 },
];

export function policyRecord(hypercalls: Hypercalls, domid: number): Uint8Array {
  return stream.record(stream.REC_X86_CPUID_POLICY, hypercalls.domains.cpuPolicy(domid));
}

/** Returns the leaves of a record. Throws StreamError. */
export function policyOf({ body }: stream.StreamRecord): Uint8Array {
  const leaves = body.length / CPUID_LEAF_SIZE;
  if (!Number.isInteger(leaves) || !leaves || leaves > POLICY_LEAVES)
    throw new StreamError(`its CPUID policy has ${body.length} bytes`);
  return body.slice();
}

/** Gives a domain, before its vCPUs get their state, the features of a record, or of a stream that has none. */
export function restorePolicy(
  hypercalls: Hypercalls,
  { domid, cpuid }: DomainRestore,
  policy: Uint8Array | null,
): void {
  const { domains } = hypercalls;
  if (policy) domains.setCpuPolicy(domid, policy);
  else domains.changeCpuPolicy(domid, [...WITHOUT_RECORD, ...cpuid]);
}
