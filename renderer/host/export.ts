/** The list of domains as a file, as the host has it now, with the figures that were measured last. */
import type { DomainInfo } from "../../core/api/schema.ts";
import { stateOf, STATE_WORDS } from "../domain/state-words.ts";
import { useGroups } from "../organize/groups.ts";
import { history } from "../state/session.ts";
import { useApp } from "../state/store.ts";
import { download } from "../ui/download.ts";

type Cell = string | number | null | readonly string[];
type Record_ = Record<string, Cell>;

function recordOf(domain: DomainInfo): Record_ {
  const figures = history.domains.get(domain.domid);
  const { places, tags } = useGroups.getState();
  const measured = (value: number | undefined): number | null =>
    value !== undefined && Number.isFinite(value) ? Math.round(value * 100) / 100 : null;
  return {
    name: domain.name,
    domid: domain.domid,
    uuid: domain.uuid,
    type: domain.type,
    folder: places.get(domain.name) ?? null,
    tags: tags.get(domain.name) ?? [],
    state: STATE_WORDS[stateOf(domain)],
    flags: domain.stateString,
    vcpus: domain.vcpus,
    onlineVcpus: domain.onlineVcpus,
    memoryMiB: domain.memoryMiB,
    maxmemMiB: domain.maxmemMiB,
    cpuPercent: measured(figures?.cpu.last),
    hypercallsPerSecond: measured(figures?.hypercalls.last),
    eventsPerSecond: measured(figures?.events.last),
    diskReadBytesPerSecond: measured(figures?.diskRead.last),
    diskWrittenBytesPerSecond: measured(figures?.diskWritten.last),
    netReceivedBytesPerSecond: measured(figures?.netReceived.last),
    netSentBytesPerSecond: measured(figures?.netSent.last),
    cpuTimeSeconds: Math.round(domain.cpuTimeSeconds * 1000) / 1000,
    createdAt: new Date(domain.createdAt).toISOString(),
  };
}

/** Text that a spreadsheet would take for a formula is marked as text. */
function csvCell(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  if (typeof cell === "object") return csvCell(cell.join(" "));
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return `"${safe.replace(/"/g, '""')}"`;
}

export function exportDomains(format: "csv" | "json", only?: ReadonlySet<number>): void {
  const records = useApp
    .getState()
    .domains.filter(({ domid }) => !only?.size || only.has(domid))
    .map(recordOf);
  const keys = Object.keys(records[0] ?? {});
  const text =
    format === "json"
      ? `${JSON.stringify(records, null, 2)}\n`
      : [keys, ...records.map((record) => keys.map((key) => record[key] ?? null))]
          .map((row) => row.map(csvCell).join(",") + "\r\n")
          .join("");
  download(`domains.${format}`, format === "json" ? "application/json" : "text/csv", text);
}
