import { ArrowDownToLine, ChevronDown, ChevronUp, Clock, Copy, Download } from "lucide-react";
import { useMemo, useState } from "react";
import { useLayout } from "../../state/layout.ts";
import { useApp } from "../../state/store.ts";
import { countByLevel, logText, shownLines, type LevelId } from "../../state/xen-log.ts";
import { download } from "../../ui/download.ts";
import { Tool } from "../../ui/Tool.tsx";
import { SEARCH_FIELD } from "./commands.ts";
import { LEVELS } from "./levels.ts";
import { LogLines } from "./LogLines.tsx";
import { findHits, hitIndex, type Hit } from "./search.ts";
import "../../styles/log.css";
import { say } from "../../state/messages.ts";

/** Shows live what the hypervisor prints (`xl dmesg`), with the level of each line. */
export function XenLog() {
  const log = useApp((state) => state.xenLog);
  const hidden = useLayout((state) => state.logHidden);
  const times = useLayout((state) => state.logTimes);
  const [following, setFollowing] = useState(true);
  const [search, setSearch] = useState("");
  const [current, setCurrent] = useState<Hit | null>(null);
  const lines = useMemo(() => shownLines(log, hidden), [log, hidden]);
  const hits = useMemo(() => findHits(lines, search), [lines, search]);
  const index = hitIndex(hits, current);
  const hit = search ? (hits[index] ?? null) : null;
  const step = (by: number): void => {
    if (hits.length) setCurrent(hits[(index + by + hits.length) % hits.length]!);
  };
  const look = (wanted: string): void => {
    setSearch(wanted);
    setCurrent(null);
  };
  return (
    <section className="card log-card" aria-label="Xen log">
      <Header log={log.lines} lines={lines} hidden={hidden} times={times} />
      <div className="log-tools">
        <SearchTools search={search} onSearch={look} found={hits.length} index={index} step={step} />
        <span className="spacer" />
        <button
          type="button"
          className="log-follow"
          aria-label="Follow the Xen log"
          aria-pressed={following}
          title="Stay at the end as lines come; scrolling up ends it, scrolling to the end begins it"
          onClick={() => setFollowing(!following)}
        >
          <ArrowDownToLine size={14} aria-hidden /> Follow
        </button>
      </div>
      {log.lost > 0 && (
        <p className="log-lost" role="status">
          {log.lost === 1 ? "One line was" : `${log.lost} lines were`} lost: they came faster than the serial port was
          read.
        </p>
      )}
      {lines.length > 0 ? (
        <LogLines
          lines={lines}
          times={times}
          following={following}
          onFollowing={setFollowing}
          search={search}
          hit={hit}
        />
      ) : (
        <div className="log log-empty">
          <Empty hidden={log.lines.length} />
        </div>
      )}
    </section>
  );
}

/** `log` has all lines; `lines` are those that are shown, which can be copied and saved. */
function Header({
  log,
  lines,
  hidden,
  times,
}: {
  log: Parameters<typeof countByLevel>[0];
  lines: ReturnType<typeof shownLines>;
  hidden: readonly LevelId[];
  times: boolean;
}) {
  const text = (): string =>
    logText(
      lines.map(({ line }) => line),
      times,
    );
  return (
    <header className="card-header log-header">
      <h2>Xen log</h2>
      <Levels log={log} hidden={hidden} />
      <span className="spacer" />
      <Tool label="Times since power-on" pressed={times} onClick={() => useLayout.setState({ logTimes: !times })}>
        <Clock size={15} />
      </Tool>
      <Tool
        label="Copy the lines shown"
        disabled={lines.length === 0}
        onClick={() =>
          void navigator.clipboard.writeText(text()).then(
            () => say("info", lines.length === 1 ? "One line was copied." : `${lines.length} lines were copied.`),
            () => say("error", "The clipboard may not be written here."),
          )
        }
      >
        <Copy size={15} />
      </Tool>
      <Tool
        label="Save the lines shown"
        disabled={lines.length === 0}
        onClick={() => download("xen.log", "text/plain", text())}
      >
        <Download size={15} />
      </Tool>
    </header>
  );
}

/** `index` is the index of the hit that is shown among those found. */
function SearchTools({
  search,
  onSearch,
  found,
  index,
  step,
}: {
  search: string;
  onSearch: (search: string) => void;
  found: number;
  index: number;
  step: (by: number) => void;
}) {
  return (
    <div className="log-search" role="search">
      <input
        id={SEARCH_FIELD}
        type="search"
        placeholder="Search"
        aria-label="Search the Xen log"
        maxLength={256}
        value={search}
        onChange={({ target }) => onSearch(target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape" && search) onSearch("");
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      <span className="log-found" role="status">
        {search === "" ? "" : found === 0 ? "no hits" : `${index + 1} of ${found}`}
      </span>
      <Tool label="Previous hit" disabled={found === 0} onClick={() => step(-1)}>
        <ChevronUp size={15} />
      </Tool>
      <Tool label="Next hit" disabled={found === 0} onClick={() => step(1)}>
        <ChevronDown size={15} />
      </Tool>
    </div>
  );
}

/** Chooses which levels are shown, and says how many lines of each there are. */
function Levels({ log, hidden }: { log: Parameters<typeof countByLevel>[0]; hidden: readonly LevelId[] }) {
  const counts = useMemo(() => countByLevel(log), [log]);
  return (
    <div className="log-levels" role="group" aria-label="Levels shown">
      {LEVELS.map(({ id, plural, icon: Icon, about }) => (
        <button
          key={id}
          type="button"
          className={`level-${id}`}
          aria-pressed={!hidden.includes(id)}
          title={about}
          onClick={() =>
            useLayout.setState({
              logHidden: hidden.includes(id) ? hidden.filter((each) => each !== id) : [...hidden, id],
            })
          }
        >
          <Icon size={13} aria-hidden /> {plural} <span className="log-count">{counts[id]}</span>
        </button>
      ))}
    </div>
  );
}

/** Says why there is nothing to see. `hidden` is the number of lines whose levels are not shown. */
function Empty({ hidden }: { hidden: number }) {
  const power = useApp(({ host }) => host?.power);
  if (hidden > 0)
    return (
      <>
        <p>{hidden === 1 ? "The one line is" : `All ${hidden} lines are`} of levels that are not shown.</p>
        <button type="button" onClick={() => useLayout.setState({ logHidden: [] })}>
          Show all levels
        </button>
      </>
    );
  if (power === "off") return <p>Xen prints here once the host is powered on.</p>;
  return (
    <p>
      Xen has printed nothing. Its command line says what it prints (<code>loglvl</code>, <code>guest_loglvl</code>) and
      whether to the serial port (<code>console</code>).
    </p>
  );
}
