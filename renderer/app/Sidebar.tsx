import { Cpu, FolderPlus, Keyboard, Monitor, Moon, Plus, Search, Server, Sun } from "lucide-react";
import { useState, useSyncExternalStore, type KeyboardEvent } from "react";
import { CpuFigure } from "../domain/CpuFigure.tsx";
import { TourHint } from "../help/TourHint.tsx";
import { newFolder, useGroups } from "../organize/groups.ts";
import { showDomain, SIDEBAR, useLayout } from "../state/layout.ts";
import { useShownPower } from "../state/power-words.ts";
import { endedDomains, forgetEnded, openDialog, show, useApp } from "../state/store.ts";
import { ContextMenu } from "../ui/ContextMenu.tsx";
import { Splitter } from "../ui/Splitter.tsx";
import { DomainTree } from "./DomainTree.tsx";
import { onTheme, setTheme, storedTheme, type Theme } from "../ui/theme.ts";
import { keysOf, PALETTE_KEY } from "./shortcut-keys.ts";

const NEXT_THEME: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const THEME_ICONS = { system: Monitor, dark: Moon, light: Sun };

/** Host, Domain-0 and the domains in their folders; those that have ended stay. */
export function Sidebar() {
  const power = useShownPower();
  const domains = useApp((state) => state.domains);
  const departed = useApp((state) => state.departed);
  const forgotten = useApp((state) => state.forgotten);
  const kept = useApp((state) => state.kept);
  const view = useApp((state) => state.view);
  const { places, tags } = useGroups();
  const width = useLayout((state) => state.sidebarWidth);
  const [text, setText] = useState("");
  const theme = useSyncExternalStore(onTheme, storedTheme);
  const ThemeIcon = THEME_ICONS[theme];
  const selected = view.page === "domain" ? view.domid : -1;
  const wanted = text.trim().toLowerCase();
  const matches = ({ name, domid, uuid = "" }: { name: string; domid: number; uuid?: string }): boolean =>
    !wanted ||
    String(domid) === wanted ||
    uuid.startsWith(wanted) ||
    [name, places.get(name) ?? "", ...(tags.get(name) ?? [])].some((each) => each.toLowerCase().includes(wanted));
  const guests = domains.filter(({ domid }) => domid !== 0);
  const shown = guests.filter(matches);
  const ended = endedDomains({ domains, departed, forgotten, kept });
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
          title={keysOf("find") ?? undefined}
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
        <span className={`dot power-${power.looks}`} />
        <span className="side-state">{power.word}</span>
      </button>
      {dom0 && (
        <button
          type="button"
          data-domid={0}
          className={selected === 0 ? "side-item side-entry selected" : "side-item side-entry"}
          aria-current={selected === 0 ? "page" : undefined}
          onClick={() => showDomain(0)}
        >
          <Cpu size={16} aria-hidden />
          <span className="side-name">{dom0.name}</span>
          <span className="side-state">
            <CpuFigure domids={[0]} />
          </span>
        </button>
      )}
      <div className="side-heading">
        <h2>Domains</h2>
        <button
          type="button"
          className="icon-button"
          title="New folder"
          aria-label="New folder"
          onClick={() => newFolder(null)}
        >
          <FolderPlus size={15} aria-hidden />
        </button>
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
      <DomainTree shown={shown} ended={endedShown} selected={selected} searching={wanted !== ""}>
        {endedShown.some((each) => !each.kept) && (
          <button type="button" className="plain side-forget" onClick={forgetEnded}>
            Clear stopped domains
          </button>
        )}
        {guests.length + ended.length === 0 && <p className="side-empty">There is no domain yet.</p>}
        {guests.length + ended.length > 0 && shown.length + endedShown.length === 0 && (
          <p className="side-empty">No domain is called or tagged “{text}”.</p>
        )}
      </DomainTree>
      <TourHint />
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
      <ContextMenu />
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

/** Arrow keys go from entry to entry. */
function goThroughList(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>(".side-entry")];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  if (at < 0 && !(event.target instanceof HTMLInputElement)) return;
  entries[Math.max(0, Math.min(entries.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  event.preventDefault();
}
