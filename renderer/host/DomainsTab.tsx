import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useRef } from "react";
import { isSelectAll } from "../app/select-view.ts";
import { termProps } from "../glossary/Term.tsx";
import type { TermId } from "../glossary/terms.ts";
import { useGroups } from "../organize/groups.ts";
import { useLayout, type ListColumn } from "../state/layout.ts";
import { endedDomains, useApp } from "../state/store.ts";
import { useChosen } from "./chosen.ts";
import { endedRowOf, rowOf, shownColumns, sorted, TEXT_COLUMNS } from "./domain-rows.ts";
import { DomainRow } from "./DomainRow.tsx";
import { DomainsTools } from "./DomainsTools.tsx";

const ROW_PIXELS = 32;
const COLUMN_TERMS: Partial<Record<ListColumn, TermId>> = {
  domid: "domid",
  vcpus: "vcpu",
  memory: "balloon",
  hypercalls: "hypercall",
  events: "events-received",
  cpuTime: "cpu-time",
};

/** Lists every domain in a table, which can be sorted by any column. Several domains can be selected to act on them. */
export function DomainsTab() {
  const domains = useApp((state) => state.domains);
  const departed = useApp((state) => state.departed);
  const forgotten = useApp((state) => state.forgotten);
  const kept = useApp((state) => state.kept);
  useApp((state) => state.tick);
  const { sortBy, sortDown } = useLayout();
  const { places } = useGroups();
  const box = useRef<HTMLDivElement>(null);

  const all = [...domains.map(rowOf), ...endedDomains({ domains, departed, forgotten, kept }).map(endedRowOf)];
  const rows = sorted(all, sortBy, sortDown);
  const choosable = rows.filter(({ domid }) => domid !== 0);
  const ids = choosable.map(({ domid }) => domid);
  const { chosen, choose, toggle } = useChosen(ids);
  const selected = choosable.filter(({ domid }) => chosen.has(domid));
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 20,
    getItemKey: (i) => rows[i]!.domid,
  });
  const items = virtual.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);

  return (
    <div className="domains">
      <DomainsTools rows={rows} selected={selected} />
      <div
        ref={box}
        className="card domains-box"
        tabIndex={0}
        role="group"
        aria-label="All domains"
        onKeyDown={(event) => {
          if (!isSelectAll(event.nativeEvent)) return;
          choose(ids);
          event.preventDefault();
        }}
      >
        <table className="table domains-table">
          <ListHead
            isAll={selected.length > 0 && selected.length === ids.length}
            isEmpty={ids.length === 0}
            onAll={(isChosen) => choose(isChosen ? ids : [])}
          />
          <tbody>
            {above > 0 && <tr aria-hidden style={{ height: above }} />}
            {items.map((item) => {
              const row = rows[item.index]!;
              return (
                <DomainRow
                  key={item.key}
                  row={row}
                  folder={places.get(row.name) ?? ""}
                  chosen={row.domid !== 0 && chosen.has(row.domid)}
                  selected={selected.map(({ domid }) => domid)}
                  onToggle={(range) => toggle(row.domid, range)}
                />
              );
            })}
            {below > 0 && <tr aria-hidden style={{ height: below }} />}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** What each column is, which sorts by it, and the box for all domains. */
function ListHead({ isAll, isEmpty, onAll }: { isAll: boolean; isEmpty: boolean; onAll: (isChosen: boolean) => void }) {
  const { sortBy, sortDown, hiddenColumns } = useLayout();
  return (
    <thead>
      <tr>
        <th scope="col">
          <input
            type="checkbox"
            aria-label="Select all domains"
            checked={isAll}
            disabled={isEmpty}
            onChange={({ target }) => onAll(target.checked)}
          />
        </th>
        {shownColumns(hiddenColumns).map(([id, title]) => (
          <Heading key={id} id={id} title={title} sortBy={sortBy} down={sortDown} />
        ))}
      </tr>
    </thead>
  );
}

function Heading({ id, title, sortBy, down }: { id: ListColumn; title: string; sortBy: ListColumn; down: boolean }) {
  const on = sortBy === id;
  const term = COLUMN_TERMS[id];
  const Arrow = down ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      aria-sort={on ? (down ? "descending" : "ascending") : "none"}
      className={TEXT_COLUMNS.includes(id) ? undefined : "number"}
    >
      <button
        type="button"
        className="sort"
        {...(term && termProps(term))}
        onClick={() =>
          useLayout.setState({ sortBy: id, sortDown: on ? !down : !TEXT_COLUMNS.includes(id) && id !== "domid" })
        }
      >
        {title}
        {on && <Arrow size={12} aria-hidden />}
      </button>
    </th>
  );
}
