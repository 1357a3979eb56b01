/** What of a domain can be changed while it runs: the fields and their bounds. */
import type { DomainInfo, DomainSettings } from "../../core/api/schema.ts";
import type { TermId } from "../glossary/terms.ts";

export type SettingKey = "weight" | "cap" | "vcpus" | "memory";
export const TERM_OF = { weight: "weight", cap: "cap", vcpus: "vcpu", memory: "balloon" } as const satisfies Record<
  SettingKey,
  TermId
>;

export interface Setting {
  key: SettingKey;
  label: string;
  unit: string;
  now: number | null;
  least: number;
  most: number;
  hint: string;
}

export function settingsOf(settings: DomainSettings, domain: DomainInfo): Setting[] {
  const { weight, cap, vcpus, maxvcpus, memoryTargetMiB, maxmemMiB } = settings;
  return [
    {
      key: "weight",
      label: "Weight",
      unit: "",
      now: weight,
      least: 1,
      most: 65535,
      hint: "Twice as much gets twice the time when pCPUs are short.",
    },
    { key: "cap", label: "Cap", unit: "%", now: cap, least: 0, most: 3200, hint: "Of one pCPU; 0 is none." },
    {
      key: "vcpus",
      label: "vCPUs online",
      unit: "",
      now: vcpus,
      least: 1,
      most: maxvcpus,
      hint: `${domain.onlineVcpus} ${domain.onlineVcpus === 1 ? "is" : "are"} online; the guest follows. More than ${maxvcpus} (maxvcpus) needs a new start.`,
    },
    {
      key: "memory",
      label: "Memory target",
      unit: "MiB",
      now: memoryTargetMiB,
      least: 1,
      most: maxmemMiB,
      hint: `It has ${Math.round(domain.memoryMiB)} MiB; its balloon driver follows. More than ${maxmemMiB} (maxmem) needs a new start.`,
    },
  ];
}

/** The number that is typed; a text says why it is none that can be set. */
export function valueOf(
  text: string,
  { label, least, most }: Pick<Setting, "label" | "least" | "most">,
): number | string {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= least && value <= most
    ? value
    : `${label} is a whole number from ${least} to ${most}.`;
}
