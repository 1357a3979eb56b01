/** Tables as xl prints them. */
import type { DomainInfo, HostInfo, VcpuInfo } from "../../toolstack/messages.ts";

export function formatList(domains: readonly DomainInfo[]): string {
  const lines = ["Name                                        ID   Mem VCPUs\tState\tTime(s)"];
  for (const { name, domid, memoryMiB, onlineVcpus, stateString, cpuTimeSeconds } of domains)
    lines.push(
      `${name.padEnd(40)} ${String(domid).padStart(5)} ${String(Math.round(memoryMiB)).padStart(5)} ${String(onlineVcpus).padStart(5)}     ${stateString}  ${cpuTimeSeconds.toFixed(1).padStart(8)}`,
    );
  return `${lines.join("\n")}\n`;
}

export function formatVcpuList(vcpus: readonly VcpuInfo[]): string {
  const lines = ["Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)"];
  for (const { name, domid, vcpu, pcpu, stateString, cpuTimeSeconds, hardAffinity, softAffinity } of vcpus)
    lines.push(
      `${name.padEnd(32)} ${String(domid).padStart(5)} ${String(vcpu).padStart(5)} ${(pcpu === null ? "-" : String(pcpu)).padStart(5)}   ${stateString}  ${cpuTimeSeconds.toFixed(1).padStart(9)}  ${hardAffinity} / ${softAffinity}`,
    );
  return `${lines.join("\n")}\n`;
}

/** Seconds as xl prints them: " 1 day,  2:03:04". */
function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const two = (n: number) => String(Math.floor(n) % 60).padStart(2, "0");
  const clock = `${String(Math.floor(seconds / 3600) % 24).padStart(2)}:${two(seconds / 60)}:${two(seconds)}`;
  return days ? `${days} ${days === 1 ? "day" : "days"}, ${clock}` : clock;
}

/** `now` in milliseconds since 1970, as DomainInfo.createdAt. */
export function formatUptime(domains: readonly DomainInfo[], now: number): string {
  const lines = ["Name                                ID Uptime"];
  for (const { name, domid, createdAt } of domains)
    lines.push(`${name.padEnd(33)} ${String(domid).padStart(4)} ${duration((now - createdAt) / 1000)}`);
  return `${lines.join("\n")}\n`;
}

export function formatCredit(domains: readonly { name: string; domid: number; weight: number; cap: number }[]): string {
  const lines = ["Name                                ID Weight  Cap"];
  for (const { name, domid, weight, cap } of domains)
    lines.push(
      `${name.padEnd(33)} ${String(domid).padStart(4)} ${String(weight).padStart(6)} ${String(cap).padStart(4)}`,
    );
  return `${lines.join("\n")}\n`;
}

export function formatInfo(info: HostInfo): string {
  const rows: [string, string | number][] = [
    ["release", info.release],
    ["machine", "x86_64"],
    ["nr_cpus", info.nrCpus],
    ["max_cpu_id", info.maxCpuId],
    ["nr_nodes", info.nrNodes],
    ["cores_per_socket", info.coresPerSocket],
    ["threads_per_core", info.threadsPerCore],
    ["cpu_mhz", info.cpuMhz.toFixed(3)],
    ["total_memory", info.totalMemoryMiB],
    ["free_memory", info.freeMemoryMiB],
    ["xen_major", info.xenMajor],
    ["xen_minor", info.xenMinor],
    ["xen_extra", info.xenExtra],
    ["xen_version", `${info.xenMajor}.${info.xenMinor}${info.xenExtra}`],
    ["xen_caps", info.xenCaps],
    ["xen_scheduler", info.xenScheduler],
    ["xen_pagesize", info.xenPagesize],
    ["platform_params", info.platformParams],
    ["xen_changeset", info.xenChangeset],
    ["xen_commandline", info.xenCommandline],
    ["cc_compiler", info.ccCompiler],
    ["cc_compile_by", info.ccCompileBy],
    ["cc_compile_domain", info.ccCompileDomain],
    ["cc_compile_date", info.ccCompileDate],
  ];
  return rows.map(([name, value]) => `${name.padEnd(23)}: ${value}\n`).join("");
}
