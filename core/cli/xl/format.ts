/** Tables as xl prints them. */
import type { DomainInfo, HostInfo, VcpuInfo } from "../../toolstack/messages.ts";

/** Padded by bytes as in C, because names may contain characters other than ASCII. */
const left = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - Buffer.byteLength(text)));
const right = (value: number | string, width: number): string => String(value).padStart(width);

/** In the form that yajl writes for xl: indented by four spaces, with empty ones over three lines. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 4).replace(
    /^( *)(.*)(\{\}|\[\])/gm,
    (_, space: string, head: string, empty: string) => `${space}${head}${empty[0]}\n\n${space}${empty[1]}`,
  );
}

interface ListColumns {
  verbose?: string | boolean;
  context?: string | boolean;
  cpupool?: string | boolean;
  numa?: string | boolean;
}

const row = ({ name, domid, memoryMiB, onlineVcpus, stateString, cpuTimeSeconds }: DomainInfo): string =>
  `${left(name, 40)} ${right(domid, 5)} ${right(Math.round(memoryMiB), 5)} ${right(onlineVcpus, 5)}     ${stateString}  ${right(cpuTimeSeconds.toFixed(1), 8)}`;

export function formatList(domains: readonly DomainInfo[], columns: ListColumns = {}): string {
  const { verbose, context, cpupool, numa } = columns;
  const heads = ["Name                                        ID   Mem VCPUs\tState\tTime(s)"];
  if (verbose) heads.push("   UUID                            Reason-Code\tSecurity Label");
  else if (context) heads.push("   Security Label");
  if (cpupool) heads.push("         Cpupool");
  if (numa) heads.push(" NODE Affinity");
  const lines = domains.map((each) => {
    const reason = each.shutdownCode?.toString(16) ?? "-";
    const cells = [row(each)];
    if (verbose) cells.push(` ${each.uuid} ${right(reason, 8)}`);
    // There is no XSM, so there are no labels.
    if (verbose || context) cells.push(right("-", 17));
    if (cpupool) cells.push(right("Pool-0", 16));
    if (numa) cells.push(" all");
    return cells.join("");
  });
  return `${[heads.join(""), ...lines].join("\n")}\n`;
}

/** Nothing is ever shared here. */
export function formatSharing(domains: readonly DomainInfo[]): string {
  const lines = domains.map(
    ({ name, domid, memoryMiB }) =>
      `${left(name, 40)} ${right(domid, 5)} ${right(Math.round(memoryMiB), 5)}  ${right(0, 5)}`,
  );
  return `${["Name                                        ID   Mem Shared", ...lines].join("\n")}\n`;
}

/** Nothing is ever claimed here. */
export function formatClaims(domains: readonly DomainInfo[]): string {
  const head = "Name                                        ID   Mem VCPUs\tState\tTime(s)  Claimed";
  return `${[head, ...domains.map((each) => `${row(each)} ${right(0, 5)}`)].join("\n")}\n`;
}

export function formatVmList(domains: readonly DomainInfo[]): string {
  const lines = domains.map(({ uuid, domid, name }) => `${uuid}  ${left(String(domid), 4)} ${left(name, 30)}`);
  return `${["UUID                                  ID    name", ...lines].join("\n")}\n`;
}

export function formatVcpuList(vcpus: readonly VcpuInfo[]): string {
  const lines = ["Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)"];
  for (const { name, domid, vcpu, pcpu, stateString, cpuTimeSeconds, hardAffinity, softAffinity } of vcpus)
    lines.push(
      `${left(name, 32)} ${String(domid).padStart(5)} ${String(vcpu).padStart(5)} ${(pcpu === null ? "-" : String(pcpu)).padStart(5)}   ${stateString}  ${cpuTimeSeconds.toFixed(1).padStart(9)}  ${hardAffinity} / ${softAffinity}`,
    );
  return `${lines.join("\n")}\n`;
}

/** Formats seconds as xl prints them: " 1 day,  2:03:04". */
function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const two = (n: number) => String(Math.floor(n) % 60).padStart(2, "0");
  const clock = `${String(Math.floor(seconds / 3600) % 24).padStart(2)}:${two(seconds / 60)}:${two(seconds)}`;
  return days ? `${days} ${days === 1 ? "day" : "days"}, ${clock}` : clock;
}

/** `now` is in milliseconds since 1970, as DomainInfo.createdAt. */
export function formatUptime(domains: readonly DomainInfo[], now: number): string {
  const lines = ["Name                                ID Uptime"];
  for (const { name, domid, createdAt } of domains)
    lines.push(`${left(name, 33)} ${String(domid).padStart(4)} ${duration((now - createdAt) / 1000)}`);
  return `${lines.join("\n")}\n`;
}

/** A line for each, such as " 16:58:22 up  0:23, web (1)". */
export function formatUptimeShort(domains: readonly DomainInfo[], now: number): string {
  const clock = new Date(now).toTimeString().slice(0, 8);
  const lines = domains.map(({ name, domid, createdAt }) => {
    const up = duration((now - createdAt) / 1000).replace(/:\d\d$/, "");
    return ` ${clock} up ${up}, ${name} (${domid})\n`;
  });
  return lines.join("");
}

export function formatCredit(domains: readonly { name: string; domid: number; weight: number; cap: number }[]): string {
  const lines = ["Name                                ID Weight  Cap"];
  for (const { name, domid, weight, cap } of domains)
    lines.push(
      `${left(name, 33)} ${String(domid).padStart(4)} ${String(weight).padStart(6)} ${String(cap).padStart(4)}`,
    );
  return `${lines.join("\n")}\n`;
}

/** xl info -n: every pCPU is a core of its own, on one socket and node. */
export function formatNuma({ nrCpus, totalMemoryMiB, freeMemoryMiB }: HostInfo): string {
  const cpus = Array.from(
    { length: nrCpus },
    (_, cpu) => `${right(cpu, 3)}:    ${right(cpu, 4)}     ${right(0, 4)}     ${right(0, 4)}\n`,
  );
  const node = `${right(0, 4)}:    ${right(totalMemoryMiB, 6)}     ${right(freeMemoryMiB, 6)}      10\n`;
  return [
    "cpu_topology           :\ncpu:    core    socket     node\n",
    ...cpus,
    "device topology        :\ndevice           node\nNo device topology data available\n",
    "numa_info              :\nnode:    memsize    memfree    distances\n",
    node,
  ].join("");
}

export function formatInfo(info: HostInfo, host: string): string {
  const rows: [string, string | number][] = [
    ["host", host],
    ["release", info.release],
    ["machine", "x86_64"],
    ["nr_cpus", info.nrCpus],
    ["max_cpu_id", info.maxCpuId],
    ["nr_nodes", info.nrNodes],
    ["cores_per_socket", info.coresPerSocket],
    ["threads_per_core", info.threadsPerCore],
    ["cpu_mhz", info.cpuMhz.toFixed(3)],
    ["virt_caps", "pv pvh"],
    ["total_memory", info.totalMemoryMiB],
    ["free_memory", info.freeMemoryMiB],
    ["sharing_freed_memory", 0],
    ["sharing_used_memory", 0],
    ["outstanding_claims", 0],
    ["free_cpus", 0],
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
