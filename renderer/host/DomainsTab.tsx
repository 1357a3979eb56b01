import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, Download, Tag, Trash2 } from "lucide-react";
import { useRef, useState, type ReactNode } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import {
  ACTION_WORDS,
  doWith,
  doWithEnded,
  ENDED_DANGERS,
  ENDED_WORDS,
  mayDo,
  isOf,
  mayDoEnded,
  type DomainAction,
  type EndedAction,
} from "../domain/actions.ts";
import { endOf, stateOf, STATE_WORDS, type DomainState } from "../domain/state-words.ts";
import { askLibrary } from "../library/asked.ts";
import { organize, useGroups } from "../organize/groups.ts";
import { Tags } from "../organize/Tags.tsx";
import { domainMenu } from "../app/menus.ts";
import { isSelectAll } from "../app/select-view.ts";
import { openMenu } from "../ui/ContextMenu.tsx";
import { ColumnChoice } from "./ColumnChoice.tsx";
import type { TermId } from "../glossary/terms.ts";
import { LIST_COLUMNS, showDomain, useLayout, type ListColumn } from "../state/layout.ts";
import { history } from "../state/session.ts";
import { endedDomains, showEnded, useApp, type EndedDomain } from "../state/store.ts";
import { formatValue } from "../ui/units.ts";
import { StateMark } from "../domain/StateMark.tsx";
import { uptimeText } from "../ui/uptime.ts";
import { exportDomains } from "./export.ts";
import { termProps } from "../glossary/Term.tsx";

const ROW_PIXELS = 32;
const BULK: DomainAction[] = ["pause", "unpause", "save", "shutdown", "reboot", "destroy"];
const BULK_ENDED: EndedAction[] = ["restore", "start", "forget", "delete"];
const COLUMN_TERMS: Partial<Record<ListColumn, TermId>> = {
  domid: "domid",
  vcpus: "vcpu",
  memory: "balloon",
  hypercalls: "hypercall",
  events: "events-received",
  cpuTime: "cpu-time",
};
const TEXT_COLUMNS: ListColumn[] = ["name", "state", "folder", "tags"];

interface Row {
  domid: number;
  name: string;
  state: DomainState;
  /** null: it is gone. */
  domain: DomainInfo | null;
  /** null: it is there. */
  gone: EndedDomain | null;
  values: Record<ListColumn, number | string>;
}

function rowOf(domain: DomainInfo): Row {
  const figures = history.domains.get(domain.domid);
  const state = stateOf(domain);
  return {
    domid: domain.domid,
    name: domain.name,
    state,
    domain,
    gone: null,
    values: {
      name: domain.name,
      domid: domain.domid,
      state: STATE_WORDS[state],
      ...groupsOf(domain.name),
      cpu: figures?.cpu.last ?? NaN,
      vcpus: domain.onlineVcpus,
      memory: domain.memoryMiB,
      hypercalls: figures?.hypercalls.last ?? NaN,
      events: figures?.events.last ?? NaN,
      disk: (figures?.diskRead.last ?? NaN) + (figures?.diskWritten.last ?? NaN),
      network: (figures?.netReceived.last ?? NaN) + (figures?.netSent.last ?? NaN),
      cpuTime: domain.cpuTimeSeconds,
      uptime: (Date.now() - domain.createdAt) / 1000,
    },
  };
}

function endedRowOf(gone: EndedDomain): Row {
  const { name, domid } = gone;
  const state = endOf(gone);
  const none = Object.fromEntries(LIST_COLUMNS.map(([id]) => [id, NaN])) as Row["values"];
  const values = { ...none, name, state: STATE_WORDS[state], ...groupsOf(name) };
  return { domid, name, state, domain: null, gone, values };
}

/** For sorting: what has one comes before what has none. */
function groupsOf(name: string): Record<"folder" | "tags", string> {
  const { places, tags } = useGroups.getState();
  return { folder: places.get(name) ?? "\uffff", tags: tags.get(name)?.join(" ") ?? "\uffff" };
}

/** Every domain in a table: sorted as one likes, several at once to act on. */
export function DomainsTab() {
  const domains = useApp((state) => state.domains);
  const departed = useApp((state) => state.departed);
  const forgotten = useApp((state) => state.forgotten);
  const kept = useApp((state) => state.kept);
  useApp((state) => state.tick);
  const { sortBy, sortDown, hiddenColumns } = useLayout();
  const { places } = useGroups();
  const [chosen, choose] = useState<ReadonlySet<number>>(new Set());
  const anchor = useRef<number | null>(null);
  const box = useRef<HTMLDivElement>(null);

  const all = [...domains.map(rowOf), ...endedDomains({ domains, departed, forgotten, kept }).map(endedRowOf)];
  const rows = sorted(all, sortBy, sortDown);
  const choosable = rows.filter(({ domid }) => domid !== 0);
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

  const toggle = (domid: number, range: boolean): void => {
    const next = new Set(chosen);
    const on = !next.has(domid);
    const ids = choosable.map((row) => row.domid);
    const [from, to] = [ids.indexOf(anchor.current ?? domid), ids.indexOf(domid)];
    const touched = range && from >= 0 ? ids.slice(Math.min(from, to), Math.max(from, to) + 1) : [domid];
    for (const each of touched) {
      if (on) next.add(each);
      else next.delete(each);
    }
    anchor.current = domid;
    choose(next);
  };

  return (
    <div className="domains">
      <Tools rows={rows} selected={selected} />
      <div
        ref={box}
        className="card domains-box"
        tabIndex={0}
        role="group"
        aria-label="All domains"
        onKeyDown={(event) => {
          if (!isSelectAll(event.nativeEvent)) return;
          choose(new Set(choosable.map(({ domid }) => domid)));
          event.preventDefault();
        }}
      >
        <table className="table domains-table">
          <thead>
            <tr>
              <th scope="col">
                <input
                  type="checkbox"
                  aria-label="Select all domains"
                  checked={selected.length > 0 && selected.length === choosable.length}
                  disabled={choosable.length === 0}
                  onChange={({ target }) => choose(new Set(target.checked ? choosable.map(({ domid }) => domid) : []))}
                />
              </th>
              {shownColumns(hiddenColumns).map(([id, title]) => (
                <Heading key={id} id={id} title={title} sortBy={sortBy} down={sortDown} />
              ))}
            </tr>
          </thead>
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

/** What can be done with the domains that are selected, and with all. */
function Tools({ rows, selected }: { rows: readonly Row[]; selected: readonly Row[] }) {
  const alive = rows.filter(({ domain }) => domain).length;
  const choosable = rows.filter(({ domid }) => domid !== 0).length;
  const living = selected.flatMap(({ domain }) => domain ?? []);
  const ended = selected.flatMap(({ gone }) => gone ?? []);
  return (
    <div className="domains-tools" role="toolbar" aria-label="Selected domains">
      <span className="muted" aria-live="polite">
        {selected.length === 0
          ? `${alive} ${alive === 1 ? "domain" : "domains"}`
          : `${selected.length} of ${choosable} selected`}
      </span>
      {BULK.map((action) => (
        <BulkButton
          key={action}
          word={ACTION_WORDS[action]}
          fits={living.filter((domain) => mayDo(action, domain)).length}
          of={selected.length}
          isDanger={action === "destroy"}
          onClick={() => doWith(action, living)}
        />
      ))}
      {BULK_ENDED.filter((action) => rows.some(({ gone }) => gone && isOf(action, gone))).map((action) => (
        <BulkButton
          key={action}
          word={ENDED_WORDS[action]}
          fits={ended.filter((each) => mayDoEnded(action, each)).length}
          of={selected.length}
          isDanger={ENDED_DANGERS.includes(action)}
          onClick={() => doWithEnded(action, ended)}
        />
      ))}
      <button type="button" disabled={selected.length === 0} onClick={() => organize(selected.map(({ name }) => name))}>
        <Tag size={14} aria-hidden /> Folder and tags…
      </button>
      <span className="spacer" />
      <button type="button" onClick={() => askLibrary({ what: "bin" })}>
        <Trash2 size={14} aria-hidden /> Bin…
      </button>
      <ColumnChoice />
      <span className="domains-export">
        {(["csv", "json"] as const).map((format) => (
          <button
            key={format}
            type="button"
            title={`Saves ${selected.length ? "the selected" : "all"} domains that have not ended as ${format.toUpperCase()}`}
            disabled={selected.length > 0 && living.length === 0}
            onClick={() => exportDomains(format, new Set(living.map(({ domid }) => domid)))}
          >
            <Download size={14} /> {format.toUpperCase()}
          </button>
        ))}
      </span>
    </div>
  );
}

/** Says of how many of the selected domains it makes sense, unless of all. */
function BulkButton({
  word,
  fits,
  of,
  isDanger = false,
  onClick,
}: {
  word: string;
  fits: number;
  of: number;
  isDanger?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className={isDanger ? "danger-quiet" : undefined}
      disabled={fits === 0}
      title={fits > 0 && fits < of ? `${word}: fits ${fits} of the ${of} selected` : undefined}
      onClick={onClick}
    >
      {word}
      {fits > 0 && fits < of && (
        <span className="bulk-count">
          {` ${fits}`}
          <span className="visually-hidden">{` of ${of}`}</span>
        </span>
      )}
    </button>
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

function DomainRow({
  row,
  folder,
  chosen,
  selected,
  onToggle,
}: {
  row: Row;
  folder: string;
  chosen: boolean;
  /** Of all rows that are chosen: what is done with one of them is done with all. */
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

const UNITS: Partial<Record<ListColumn, string>> = { cpu: "%", disk: "B/s", network: "B/s" };
const CELL_CLASS: Partial<Record<ListColumn, string>> = { folder: "domains-group", tags: "domains-group" };

function shownColumns(hidden: readonly ListColumn[]): (typeof LIST_COLUMNS)[number][] {
  return LIST_COLUMNS.filter(([id]) => !hidden.includes(id));
}

/** What stands in a column. Of a domain that is gone nothing is measured. */
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

/** What is not known comes last, whichever way. */
function sorted(rows: Row[], by: ListColumn, down: boolean): Row[] {
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [a.values[by], b.values[by]];
    if (typeof x === "string" || typeof y === "string")
      return sign * String(x).localeCompare(String(y), "en", { numeric: true }) || a.domid - b.domid;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y) || a.domid - b.domid;
  });
}
