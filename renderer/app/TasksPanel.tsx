import { useVirtualizer } from "@tanstack/react-virtual";
import {
  ChevronDown,
  ChevronUp,
  CircleAlert,
  CircleCheck,
  CircleSlash,
  Info,
  LoaderCircle,
  TriangleAlert,
} from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { RemedyButton } from "../domain/IgnoredNotice.tsx";
import { causeOf, useJournal } from "../state/journal.ts";
import { PANEL, showDomain, useLayout } from "../state/layout.ts";
import { useMessages, withMessages, type ListEntry as Entry } from "../state/messages.ts";
import { useApp } from "../state/store.ts";
import { clockText } from "../ui/clock.ts";
import { Splitter } from "../ui/Splitter.tsx";
import { UnderWay } from "./UnderWay.tsx";

const ROW_PIXELS = 26;
const ICONS = {
  running: LoaderCircle,
  done: CircleCheck,
  failed: CircleAlert,
  cancelled: CircleSlash,
  ignored: TriangleAlert,
  info: Info,
  warning: TriangleAlert,
  error: CircleAlert,
};
const KINDS = [
  ["all", "All"],
  ["task", "Tasks"],
  ["event", "Events"],
  ["message", "Messages"],
  ["trouble", "Trouble"],
] as const;
type Kind = (typeof KINDS)[number][0];

/**
 * Lists what was asked of the host and what happened to it, each with its cause, and the messages of this window. When it is closed it is a single
 * line.
 */
export function TasksPanel() {
  const journal = useJournal((state) => state.entries);
  const messages = useMessages((state) => state.messages);
  const entries = useMemo(() => withMessages(journal, messages), [journal, messages]);
  const { panelOpen, panelHeight } = useLayout();
  const [kind, setKind] = useState<Kind>("all");
  const latest = entries[0];
  const running = entries.filter(({ state }) => state === "running").length;
  const Chevron = panelOpen ? ChevronDown : ChevronUp;
  const shown = entries.filter((entry) =>
    kind === "all" ? true : kind === "trouble" ? isTrouble(entry) : entry.kind === kind,
  );
  return (
    <section className="tasks" aria-label="Tasks and events" style={{ height: panelOpen ? panelHeight : "auto" }}>
      {panelOpen && (
        <Splitter
          label="Height of tasks and events"
          orientation="horizontal"
          grows="up"
          value={panelHeight}
          {...PANEL}
          onChange={(height) => useLayout.setState({ panelHeight: height })}
        />
      )}
      <header className="tasks-head">
        <button
          type="button"
          className="plain tasks-toggle"
          aria-expanded={panelOpen}
          onClick={() => useLayout.setState({ panelOpen: !panelOpen })}
        >
          <Chevron size={14} aria-hidden /> Tasks and events
        </button>
        {running > 0 && <span className="badge">{running} under way</span>}
        {panelOpen ? (
          <div className="tasks-kinds" role="group" aria-label="Which are shown">
            {KINDS.map(([id, title]) => (
              <button key={id} type="button" className="plain" aria-pressed={kind === id} onClick={() => setKind(id)}>
                {title}
              </button>
            ))}
          </div>
        ) : (
          latest && (
            <span className="tasks-latest">
              <Mark entry={latest} />
              <span className="tasks-latest-title">
                {latest.title}
                {latest.state !== "done" && latest.kind === "task" && latest.detail ? `: ${latest.detail}` : ""}
              </span>
              {latest.state === "running" && <UnderWay entry={latest} />}
            </span>
          )
        )}
      </header>
      {panelOpen && <EntryList entries={shown} />}
    </section>
  );
}

function isTrouble({ state }: Entry): boolean {
  return state === "failed" || state === "ignored" || state === "error" || state === "warning";
}

function EntryList({ entries }: { entries: readonly Entry[] }) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: entries.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 8,
    getItemKey: (i) => entries[i]!.id,
  });
  if (entries.length === 0) return <p className="tasks-empty muted">Nothing yet.</p>;
  return (
    <div ref={box} className="tasks-box" tabIndex={0} role="group" aria-label="Tasks and events, the latest first">
      <ol className="store-sized" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => (
          <EntryRow key={item.key} entry={entries[item.index]!} top={item.start} />
        ))}
      </ol>
    </div>
  );
}

function EntryRow({ entry, top }: { entry: Entry; top: number }) {
  const { at, title, detail, domid, took, state, remedy } = entry;
  const cause = causeOf(entry);
  const domain = useApp(({ domains }) => domains.find((each) => each.domid === domid));
  return (
    <li className="task" data-state={state} style={{ transform: `translateY(${top}px)` }}>
      <time className="muted">{clockText(at)}</time>
      <Mark entry={entry} />
      {domain ? (
        <button type="button" className="plain task-title" title={title} onClick={() => showDomain(domain.domid)}>
          {title}
        </button>
      ) : (
        <span className="task-title" title={title}>
          {title}
        </span>
      )}
      <span className="task-cause" title={cause}>
        {cause}
      </span>
      {state === "running" ? (
        <UnderWay entry={entry} />
      ) : remedy && domain ? (
        <span className="task-detail task-remedy">
          <RemedyButton remedy={remedy} domain={domain} />
          <span title={detail}>{detail}</span>
        </span>
      ) : (
        <span className="task-detail" title={detail}>
          {took !== null && state === "done"
            ? `${took < 1000 ? `${took.toFixed(0)} ms` : `${(took / 1000).toFixed(1)} s`}`
            : detail}
        </span>
      )}
    </li>
  );
}

function Mark({ entry: { state } }: { entry: Entry }) {
  const Icon = ICONS[state];
  return <Icon size={14} className={`task-mark task-${state}`} aria-label={state} />;
}
