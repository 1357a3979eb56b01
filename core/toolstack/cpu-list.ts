/** The CPULIST of xl.cfg(5) and `xl vcpu-pin`: "0-3,5,^1", "all", "nodes:0,^node:1". */

/** The largest number of pCPUs that a host can have. */
export const MOST_PCPUS = 32;

/** This host is one NUMA node, number 0. Other nodes have no pCPU. */
function ofNode(node: number): number[] {
  return node === 0 ? allPcpus() : [];
}

function allPcpus(): number[] {
  return Array.from({ length: MOST_PCPUS }, (_, pcpu) => pcpu);
}

const PART = /^(\^?)(nodes?:)?(all|\d{1,9}(?:-\d{1,9})?)$/;

/**
 * Returns the numbers of the pCPUs that a list names, in order, as far as a host can have them. An empty list is a list too. Returns null for what is
 * no list, by the same rules as xl: empty parts are skipped, but spaces are not allowed.
 */
export function parseCpus(text: string): number[] | null {
  const chosen = new Set<number>();
  for (const part of text.split(",")) {
    if (part === "") continue;
    const [, not, nodes, range] = PART.exec(part) ?? [];
    if (range === undefined) return null;
    const [first, last = first] =
      range === "all" ? [0, MOST_PCPUS - 1] : (range.split("-").map(Number) as [number, number?]);
    if (last! < first!) return null;
    for (let n = first!; n <= Math.min(last!, MOST_PCPUS - 1); n++)
      for (const pcpu of nodes ? ofNode(n) : [n]) {
        if (not) chosen.delete(pcpu);
        else chosen.add(pcpu);
      }
  }
  return [...chosen].sort((a, b) => a - b);
}

export function bitmap(cpus: readonly number[]): number {
  return cpus.reduce((bits, cpu) => bits | (1 << cpu), 0) >>> 0;
}

/** Returns a list such as "0-3,5" of those pCPUs that exist, and "all" if it names every one. */
export function cpusText(bits: number, pcpus: number): string {
  const there = pcpus >= MOST_PCPUS ? 0xffffffff : (1 << pcpus) - 1;
  const set = (bits & there) >>> 0;
  if (set === there >>> 0) return "all";
  const parts: string[] = [];
  for (let cpu = 0; cpu < pcpus; cpu++) {
    if (!((set >>> cpu) & 1)) continue;
    const first = cpu;
    while (cpu + 1 < pcpus && (set >>> (cpu + 1)) & 1) cpu++;
    parts.push(first === cpu ? String(cpu) : `${first}-${cpu}`);
  }
  return parts.join(",") || "none";
}
