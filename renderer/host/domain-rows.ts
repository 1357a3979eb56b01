/** The list of domains: a row for each, with what it is sorted by. */
import type { DomainInfo } from "../../core/api/schema.ts";
import { endOf, stateOf, STATE_WORDS, type DomainState } from "../domain/state-words.ts";
import { useGroups } from "../organize/groups.ts";
import { LIST_COLUMNS, type ListColumn } from "../state/layout.ts";
import { history } from "../state/session.ts";
import type { EndedDomain } from "../state/store.ts";

/** Columns that stand at the left, and are sorted from A on first. */
export const TEXT_COLUMNS: ListColumn[] = ["name", "state", "folder", "tags"];

export interface Row {
  domid: number;
  name: string;
  state: DomainState;
  /** null if the domain is gone. */
  domain: DomainInfo | null;
  /** null if the domain exists. */
  gone: EndedDomain | null;
  values: Record<ListColumn, number | string>;
}

export function rowOf(domain: DomainInfo): Row {
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

export function endedRowOf(gone: EndedDomain): Row {
  const { name, domid } = gone;
  const state = endOf(gone);
  const none = Object.fromEntries(LIST_COLUMNS.map(([id]) => [id, NaN])) as Row["values"];
  const values = { ...none, name, state: STATE_WORDS[state], ...groupsOf(name) };
  return { domid, name, state, domain: null, gone, values };
}

/** For sorting: a domain with a folder or tag comes before one without. */
function groupsOf(name: string): Record<"folder" | "tags", string> {
  const { places, tags } = useGroups.getState();
  return { folder: places.get(name) ?? "\uffff", tags: tags.get(name)?.join(" ") ?? "\uffff" };
}

export function shownColumns(hidden: readonly ListColumn[]): (typeof LIST_COLUMNS)[number][] {
  return LIST_COLUMNS.filter(([id]) => !hidden.includes(id));
}

/** Unknown values come last in either direction. */
export function sorted(rows: Row[], by: ListColumn, down: boolean): Row[] {
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [a.values[by], b.values[by]];
    if (typeof x === "string" || typeof y === "string")
      return sign * String(x).localeCompare(String(y), "en", { numeric: true }) || a.domid - b.domid;
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return sign * (x - y) || a.domid - b.domid;
  });
}
