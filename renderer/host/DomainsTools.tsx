import { Download, Tag, Trash2 } from "lucide-react";
import {
  ACTION_WORDS,
  doWith,
  doWithEnded,
  ENDED_DANGERS,
  ENDED_WORDS,
  isOf,
  mayDo,
  mayDoEnded,
  type DomainAction,
  type EndedAction,
} from "../domain/actions.ts";
import { askLibrary } from "../library/asked.ts";
import { organize } from "../organize/groups.ts";
import { ColumnChoice } from "./ColumnChoice.tsx";
import type { Row } from "./domain-rows.ts";
import { exportDomains } from "./export.ts";

const BULK: DomainAction[] = ["pause", "unpause", "save", "shutdown", "reboot", "destroy"];
const BULK_ENDED: EndedAction[] = ["restore", "start", "forget", "delete"];

/** What can be done with the selected domains, and with all of them. */
export function DomainsTools({ rows, selected }: { rows: readonly Row[]; selected: readonly Row[] }) {
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

/** Says for how many of the selected domains the action makes sense, unless it does for all. */
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
