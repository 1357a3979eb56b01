import { Cpu, Keyboard, Monitor, Moon, Plus, Search, Server, Sun } from "lucide-react";
import { useState, useSyncExternalStore, type KeyboardEvent, type ReactNode } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { endOf, stateOf, type DomainState } from "../domain/state-words.ts";
import { showDomain, SIDEBAR, useLayout } from "../state/layout.ts";
import { history } from "../state/session.ts";
import { endedDomains, forgetEnded, openDialog, show, useApp } from "../state/store.ts";
import { formatValue } from "../ui/Graph.tsx";
import { Sparkline } from "../ui/Sparkline.tsx";
import { Splitter } from "../ui/Splitter.tsx";
import { StateMark } from "../domain/StateMark.tsx";
import { onTheme, setTheme, storedTheme, type Theme } from "../ui/theme.ts";
import { keysOf, PALETTE_KEY } from "./shortcut-keys.ts";

const NEXT_THEME: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const THEME_ICONS = { system: Monitor, dark: Moon, light: Sun };

/** Host, Domain-0 and the domains; those that have ended stay. */
export function Sidebar() {
  const host = useApp((state) => state.host);
  const domains = useApp((state) => state.domains);
  const departed = useApp((state) => state.departed);
  const forgotten = useApp((state) => state.forgotten);
  const view = useApp((state) => state.view);
  const width = useLayout((state) => state.sidebarWidth);
  useApp((state) => state.tick);
  const [text, setText] = useState("");
  const theme = useSyncExternalStore(onTheme, storedTheme);
  const ThemeIcon = THEME_ICONS[theme];
  const selected = view.page === "domain" ? view.domid : -1;
  const wanted = text.trim().toLowerCase();
  const matches = ({ name, domid, uuid = "" }: { name: string; domid: number; uuid?: string }): boolean =>
    !wanted || name.toLowerCase().includes(wanted) || String(domid) === wanted || uuid.startsWith(wanted);
  const guests = domains.filter(({ domid }) => domid !== 0);
  const shown = guests.filter(matches);
  const ended = endedDomains({ domains, departed, forgotten });
  const endedShown = ended.filter(matches);
  const dom0 = domains.find(({ domid }) => domid === 0);
  return (
    <nav className="sidebar" aria-label="Host and domains" onKeyDown={goThroughList}>
      <div className="brand">
        <img src="./icon.svg" alt="" width={22} height={22} />
        <span>Xenarium</span>
      </div>
      <label className="search side-search">
        <Search size={14} aria-hidden />
        <input
          id="sidebar-search"
          type="search"
          placeholder="Search domains"
          aria-label="Search the domains"
          title={keysOf("search") ?? undefined}
          value={text}
          onChange={({ target }) => setText(target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setText("");
            if (event.key === "Enter" && shown[0]) showDomain(shown[0].domid);
          }}
        />
      </label>
      <button
        type="button"
        className={view.page === "host" ? "side-item side-entry selected" : "side-item side-entry"}
        aria-current={view.page === "host" ? "page" : undefined}
        onClick={() => show({ page: "host", tab: useLayout.getState().hostTab })}
      >
        <Server size={16} aria-hidden />
        <span className="side-name">Host</span>
        <span className={`dot power-${host?.power ?? "off"}`} />
        <span className="side-state">{host?.power ?? "…"}</span>
      </button>
      {dom0 && (
        <button
          type="button"
          className={selected === 0 ? "side-item side-entry selected" : "side-item side-entry"}
          aria-current={selected === 0 ? "page" : undefined}
          onClick={() => showDomain(0)}
        >
          <Cpu size={16} aria-hidden />
          <span className="side-name">{dom0.name}</span>
          <span className="side-state">{formatValue(history.domains.get(0)?.cpu.last ?? NaN, "%")}</span>
        </button>
      )}
      <div className="side-heading">
        <h2>Domains</h2>
        <button
          type="button"
          className="icon-button"
          title={`New domain (${keysOf("new-domain")})`}
          aria-label="New domain"
          onClick={() => openDialog("new-domain")}
        >
          <Plus size={16} aria-hidden />
        </button>
      </div>
      <ul className="side-list">
        {shown.map((domain) => (
          <li key={domain.domid}>
            <Entry domain={domain} selected={domain.domid === selected} />
          </li>
        ))}
        {endedShown.map((gone) => (
          <li key={gone.domid}>
            <Plain
              name={gone.name}
              domid={gone.domid}
              state={endOf(gone)}
              selected={gone.domid === selected}
              onClick={() => show({ page: "domain", domid: gone.domid, tab: "console" })}
            >
              <span className="side-row side-figures">{endOf(gone) === "crashed" ? "crashed" : "ended"}</span>
            </Plain>
          </li>
        ))}
        {endedShown.length > 0 && (
          <li>
            <button type="button" className="plain side-forget" onClick={forgetEnded}>
              Forget the ended
            </button>
          </li>
        )}
        {guests.length + ended.length === 0 && <li className="side-empty">No domain runs.</li>}
        {guests.length + ended.length > 0 && shown.length + endedShown.length === 0 && (
          <li className="side-empty">No domain is called “{text}”.</li>
        )}
      </ul>
      <footer className="side-footer">
        <button
          type="button"
          className="icon-button"
          title={`Appearance: ${theme}`}
          aria-label={`Appearance: ${theme}`}
          onClick={() => setTheme(NEXT_THEME[theme])}
        >
          <ThemeIcon size={16} aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button"
          title="Keyboard shortcuts (?)"
          aria-label="Keyboard shortcuts"
          onClick={() => openDialog("shortcuts")}
        >
          <Keyboard size={16} aria-hidden />
        </button>
        <span className="spacer" />
        <button type="button" className="side-palette" onClick={() => openDialog("palette")}>
          Commands <kbd>{PALETTE_KEY}</kbd>
        </button>
      </footer>
      <Splitter
        label="Width of the sidebar"
        orientation="vertical"
        grows="right"
        value={width}
        {...SIDEBAR}
        onChange={(sidebarWidth) => useLayout.setState({ sidebarWidth })}
      />
    </nav>
  );
}

function Entry({ domain, selected }: { domain: DomainInfo; selected: boolean }) {
  const { domid, name, vcpus, memoryMiB } = domain;
  const figures = history.domains.get(domid);
  return (
    <Plain name={name} domid={domid} state={stateOf(domain)} selected={selected} onClick={() => showDomain(domid)}>
      <span className="side-row side-figures">
        <span>{formatValue(figures?.cpu.last ?? NaN, "%")}</span>
        <Sparkline series={figures?.cpu} max={100 * vcpus} label={`CPU of ${name}`} />
        <span>{Math.round(memoryMiB)} MiB</span>
      </span>
    </Plain>
  );
}

function Plain({
  name,
  domid,
  state,
  selected,
  onClick,
  children,
}: {
  name: string;
  domid: number;
  state: DomainState;
  selected: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      className={`side-domain side-entry${selected ? " selected" : ""}`}
      data-state={state}
      aria-current={selected ? "page" : undefined}
      onClick={onClick}
    >
      <span className="side-row">
        <StateMark state={state} />
        <span className="side-name">{name}</span>
        <span className="side-id">{domid}</span>
      </span>
      {children}
    </button>
  );
}

/** Arrow keys go from entry to entry. */
function goThroughList(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>(".side-entry")];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  if (at < 0 && !(event.target instanceof HTMLInputElement)) return;
  entries[Math.max(0, Math.min(entries.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  event.preventDefault();
}
