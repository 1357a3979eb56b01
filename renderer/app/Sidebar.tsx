import { Keyboard, Monitor, Moon, Plus, Server, Sun } from "lucide-react";
import { useState } from "react";
import { history } from "../state/session.ts";
import { openDialog, show, useApp } from "../state/store.ts";
import { formatValue } from "../ui/Graph.tsx";
import { Sparkline } from "../ui/Sparkline.tsx";
import { setTheme, storedTheme, type Theme } from "../ui/theme.ts";
import { stateOf, STATE_WORDS } from "../domain/state-words.ts";

const NEXT_THEME: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const THEME_ICONS = { system: Monitor, dark: Moon, light: Sun };

export function Sidebar() {
  const host = useApp((state) => state.host);
  const domains = useApp((state) => state.domains);
  const departed = useApp((state) => state.departed);
  const view = useApp((state) => state.view);
  useApp((state) => state.tick);
  const [theme, choose] = useState(storedTheme());
  const ThemeIcon = THEME_ICONS[theme];
  const guests = domains.filter(({ domid }) => domid !== 0);
  const selected = view.page === "domain" ? view.domid : -1;
  const gone = view.page === "domain" && !guests.some(({ domid }) => domid === selected) && departed.get(selected);
  return (
    <nav className="sidebar" aria-label="Host and domains">
      <div className="brand">
        <img src="./icon.svg" alt="" width={22} height={22} />
        <span>Xenarium</span>
      </div>
      <button
        type="button"
        className={view.page === "host" ? "side-item selected" : "side-item"}
        aria-current={view.page === "host" ? "page" : undefined}
        onClick={() => show({ page: "host" })}
      >
        <Server size={16} />
        <span className="side-name">Host</span>
        <span className={`dot power-${host?.power ?? "off"}`} />
        <span className="side-state">{host?.power ?? "…"}</span>
      </button>
      <div className="side-heading">
        <h2>Domains</h2>
        <button
          type="button"
          className="icon-button"
          title="New domain (Ctrl+Shift+N)"
          aria-label="New domain"
          onClick={() => openDialog("new-domain")}
        >
          <Plus size={16} />
        </button>
      </div>
      <ul className="side-list">
        {guests.map((domain) => {
          const figures = history.domains.get(domain.domid);
          const state = stateOf(domain);
          return (
            <li key={domain.domid}>
              <button
                type="button"
                className={domain.domid === selected ? "side-domain selected" : "side-domain"}
                aria-current={domain.domid === selected ? "page" : undefined}
                onClick={() =>
                  show({ page: "domain", domid: domain.domid, tab: view.page === "domain" ? view.tab : "overview" })
                }
              >
                <span className="side-row">
                  <span className={`dot state-${state}`} title={STATE_WORDS[state]} />
                  <span className="side-name">{domain.name}</span>
                  <span className="side-id">{domain.domid}</span>
                </span>
                <span className="side-row side-figures">
                  <span>{formatValue(figures?.cpu.last ?? NaN, "%")}</span>
                  <Sparkline series={figures?.cpu} max={100 * domain.vcpus} label={`CPU of ${domain.name}`} />
                  <span>{Math.round(domain.memoryMiB)} MiB</span>
                </span>
              </button>
            </li>
          );
        })}
        {gone && (
          <li>
            <span className="side-domain selected gone">
              <span className="side-row">
                <span className="dot state-off" />
                <span className="side-name">{gone.name}</span>
                <span className="side-id">ended</span>
              </span>
            </span>
          </li>
        )}
        {guests.length === 0 && !gone && <li className="side-empty">No domain runs.</li>}
      </ul>
      <footer className="side-footer">
        <button
          type="button"
          className="icon-button"
          title={`Appearance: ${theme}`}
          aria-label={`Appearance: ${theme}`}
          onClick={() => {
            setTheme(NEXT_THEME[theme]);
            choose(NEXT_THEME[theme]);
          }}
        >
          <ThemeIcon size={16} />
        </button>
        <button
          type="button"
          className="icon-button"
          title="Keyboard shortcuts"
          aria-label="Keyboard shortcuts"
          onClick={() => openDialog("shortcuts")}
        >
          <Keyboard size={16} />
        </button>
      </footer>
    </nav>
  );
}
