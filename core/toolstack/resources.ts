/** What a domain asks of the host, pCPUs and memory: whether the host has it, and how the domain is held to it. */
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { bitmap } from "./cpu-list.ts";
import { Refusal } from "./error.ts";
import type { DomainConfig } from "./messages.ts";

/** libxl's LIBXL_MAXMEM_CONSTANT: what a domain may have beyond its memory. */
export const MAXMEM_SLACK_KIB = 1024;

/** Throws Refusal ENOMEM if the host does not have so many pages free for domain `name`. */
export function checkMemory(hypercalls: Hypercalls, name: string, pages: number): void {
  const { freePages } = hypercalls.host.physicalInfo();
  if (freePages < pages)
    throw new Refusal(
      "ENOMEM",
      `${name} wants ${Math.ceil(pages / 256)} MiB of memory and the host has ${Math.floor(freePages / 256)} MiB free. Give it less, or power the host on with more.`,
    );
}

/**
 * From now on the domain may have its target and no more, as libxl has it. A restored domain may have been saved with more than its target; it
 * keeps what it has.
 */
export function limitMemory(hypercalls: Hypercalls, domid: number, { memoryMiB }: DomainConfig): void {
  const pages = hypercalls.domains.info(domid)?.totPages ?? 0;
  hypercalls.domains.setMaxMemory(domid, Math.max(memoryMiB * 1024, pages * 4) + MAXMEM_SLACK_KIB);
}

/** Throws Refusal EINVAL if a vCPU is to run on pCPUs only that a host with `pcpus` of them does not have. */
export function checkCpus(pcpus: number, { cpus, cpusSoft }: DomainConfig): void {
  for (const [key, sets] of Object.entries({ cpus, cpus_soft: cpusSoft }))
    for (const set of sets ?? [])
      if (!set.some((cpu) => cpu < pcpus))
        throw new Refusal("EINVAL", `${key} names pCPU ${set[0]}; the host has ${pcpus}, numbered from 0.`);
}

/** Sets the hard and soft affinity of each vCPU that the configuration says something of. */
export function pinVcpus(hypercalls: Hypercalls, domid: number, { cpus, cpusSoft }: DomainConfig): void {
  cpus?.forEach((set, vcpu) => hypercalls.vcpus.setAffinity(domid, vcpu, { hard: bitmap(set) }));
  cpusSoft?.forEach((set, vcpu) => hypercalls.vcpus.setAffinity(domid, vcpu, { soft: bitmap(set) }));
}
