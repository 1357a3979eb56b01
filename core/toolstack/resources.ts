/** The pCPUs and the memory that a domain asks of the host: whether the host has them, and how the domain is held to them. */
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { bitmap } from "./cpu-list.ts";
import { Refusal } from "./error.ts";
import type { DomainConfig } from "./messages.ts";

/** LIBXL_MAXMEM_CONSTANT of libxl: what a domain may have beyond its memory. */
export const MAXMEM_SLACK_KIB = 1024;

/** Throws Refusal ENOMEM if the host does not have that many free pages for the domain `name`. */
export function checkMemory(hypercalls: Hypercalls, name: string, pages: number): void {
  const { freePages } = hypercalls.host.physicalInfo();
  if (freePages < pages)
    throw new Refusal(
      "ENOMEM",
      `${name} wants ${Math.ceil(pages / 256)} MiB of memory and the host has ${Math.floor(freePages / 256)} MiB free. Give it less, or power the host on with more.`,
    );
}

/**
 * From now on the domain may have its target and no more, as with libxl. A restored domain may have been saved with more than its target. It keeps
 * what it has.
 */
export function limitMemory(hypercalls: Hypercalls, domid: number, { memoryMiB }: DomainConfig): void {
  const pages = hypercalls.domains.info(domid)?.totPages ?? 0;
  hypercalls.domains.setMaxMemory(domid, Math.max(memoryMiB * 1024, pages * 4) + MAXMEM_SLACK_KIB);
}

/** Throws Refusal EINVAL if a vCPU may only run on pCPUs that a host with `pcpus` of them does not have. */
export function checkCpus(pcpus: number, { cpus, cpusSoft }: DomainConfig): void {
  for (const [key, sets] of Object.entries({ cpus, cpus_soft: cpusSoft }))
    for (const set of sets ?? [])
      if (!set.some((cpu) => cpu < pcpus))
        throw new Refusal("EINVAL", `${key} names pCPU ${set[0]}; the host has ${pcpus}, numbered from 0.`);
}

/** Sets the hard and soft affinity of each vCPU for which the configuration gives one. */
export function pinVcpus(hypercalls: Hypercalls, domid: number, { cpus, cpusSoft }: DomainConfig): void {
  cpus?.forEach((set, vcpu) => hypercalls.vcpus.setAffinity(domid, vcpu, { hard: bitmap(set) }));
  cpusSoft?.forEach((set, vcpu) => hypercalls.vcpus.setAffinity(domid, vcpu, { soft: bitmap(set) }));
}
