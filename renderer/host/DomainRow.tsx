import type { ReactNode } from "react";
import { domainMenu } from "../app/menus.ts";
import { STATE_WORDS } from "../domain/state-words.ts";
import { StateMark } from "../domain/StateMark.tsx";
import { termProps } from "../glossary/Term.tsx";
import { Tags } from "../organize/Tags.tsx";
import { showDomain, useLayout, type ListColumn } from "../state/layout.ts";
import { showEnded } from "../state/store.ts";
import { openMenu } from "../ui/ContextMenu.tsx";
import { formatValue } from "../ui/units.ts";
import { uptimeText } from "../ui/uptime.ts";
import { shownColumns, TEXT_COLUMNS, type Row } from "./domain-rows.ts";

const UNITS: Partial<Record<ListColumn, string>> = { cpu: "%", disk: "B/s", network: "B/s" };
const CELL_CLASS: Partial<Record<ListColumn, string>> = { folder: "domains-group", tags: "domains-group" };

/** A domain in the list. */
export function DomainRow({
  row,
  folder,
  chosen,
  selected,
  onToggle,
}: {
  row: Row;
  folder: string;
  chosen: boolean;
  /** The domids of all selected rows. What is done with one of them is done with all. */
  selected: readonly number[];
  onToggle: (range: boolean) => void;
}) {
  const { domid, name, domain } = row;
  const hidden = useLayout((layout) => layout.hiddenColumns);
  return (
    <tr
      className={`${chosen ? "selected" : ""}${domain ? "" : " gone"}`}
      data-domid={domid}
      onContextMenu={(event) => {
        const all = chosen ? selected : [domid];
        openMenu(event, all.length > 1 ? `${all.length} domains` : name, domainMenu(all));
      }}
    >
      <td>
        {domid !== 0 && (
          <input
            type="checkbox"
            aria-label={`Select ${name}`}
            checked={chosen}
            onClick={(event) => onToggle(event.shiftKey)}
            onChange={() => {}}
          />
        )}
      </td>
      <th scope="row">
        <button
          type="button"
          className="plain"
          title={name}
          onClick={() => (domain ? showDomain(domid) : showEnded(domid))}
        >
          {name}
        </button>
      </th>
      {shownColumns(hidden).map(([id]) =>
        id === "name" ? null : (
          <td key={id} className={TEXT_COLUMNS.includes(id) ? CELL_CLASS[id] : "number"}>
            {cellOf(id, row, folder)}
          </td>
        ),
      )}
    </tr>
  );
}

/** Returns what stands in a column. For a domain that is gone nothing is measured. */
function cellOf(id: ListColumn, { domid, name, state, domain, values }: Row, folder: string): ReactNode {
  if (id === "domid") return domain ? domid : "–";
  if (id === "folder") return folder;
  if (id === "tags") return <Tags name={name} most={3} />;
  if (id === "state")
    return (
      <>
        <StateMark state={state} /> <span {...termProps(state)}>{STATE_WORDS[state]}</span>
      </>
    );
  if (!domain) return "–";
  if (id === "vcpus") return `${domain.onlineVcpus} of ${domain.vcpus}`;
  if (id === "memory") return `${Math.round(domain.memoryMiB)} MiB`;
  if (id === "cpuTime") return `${domain.cpuTimeSeconds.toFixed(1)} s`;
  if (id === "uptime") return uptimeText(domain.createdAt);
  return formatValue(Number(values[id]), UNITS[id] ?? "/s");
}
