import { Cpu, FolderPlus, Keyboard, Monitor, Moon, Plus, Search, Server, Sun } from "lucide-react";
import { useState, useSyncExternalStore, type KeyboardEvent, type ReactNode } from "react";
import type { DomainInfo } from "../../core/api/schema.ts";
import { CpuFigure } from "../domain/CpuFigure.tsx";
import { TourHint } from "../help/TourHint.tsx";
import { newFolder, useGroups } from "../organize/groups.ts";
import { showDomain, SIDEBAR, useLayout } from "../state/layout.ts";
import { useShownPower } from "../state/power-words.ts";
import { endedDomains, forgetEnded, openDialog, show, useApp, type EndedDomain } from "../state/store.ts";
import { ContextMenu } from "../ui/ContextMenu.tsx";
import { Splitter } from "../ui/Splitter.tsx";
import { DomainTree } from "./DomainTree.tsx";
import { onTheme, setTheme, storedTheme, type Theme } from "../ui/theme.ts";
import { keysOf, PALETTE_KEY } from "./shortcut-keys.ts";

const NEXT_THEME: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const THEME_ICONS = { system: Monitor, dark: Moon, light: Sun };

/** Lists the host, Domain-0 and the domains in their folders. Domains that have ended stay in the list. */
export function Sidebar() {
  const width = useLayout((state) => state.sidebarWidth);
  const [text, setText] = useState("");
  const { selected, guests, ended, shown, endedShown } = useFound(text);
  return (
    <nav className="sidebar" aria-label="Host and domains" onKeyDown={goThroughList}>
      <div className="brand">
        <img src="./icon.svg" alt="" width={22} height={22} />
        <span>Xenarium</span>
      </div>
      <SearchField text={text} onChange={setText} first={shown[0]?.domid ?? null} />
      <HostEntry />
      <Dom0Entry />
      <Heading />
      <DomainTree shown={shown} ended={endedShown} selected={selected} searching={text.trim() !== ""}>
        {endedShown.some((each) => !each.kept) && (
          <button type="button" className="plain side-forget" onClick={forgetEnded}>
            Clear stopped domains
          </button>
        )}
        {guests + ended === 0 && <p className="side-empty">There is no domain yet.</p>}
        {guests + ended > 0 && shown.length + endedShown.length === 0 && (
          <p className="side-empty">No domain is called or tagged “{text}”.</p>
        )}
      </DomainTree>
      <TourHint />
      <Footer />
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

interface Found {
  /** The domid of the domain that is looked at, or null if there is none. Domains that do not run have negative ones. */
  selected: number | null;
  /** How many domains run, and how many have ended. */
  guests: number;
  ended: number;
  /** Those of them that the search finds. */
  shown: DomainInfo[];
  endedShown: EndedDomain[];
}

/** Returns what a search finds: by name, folder and tag, by the beginning of a UUID, or by domid. */
function useFound(text: string): Found {
  const domains = useApp((state) => state.domains);
  const departed = useApp((state) => state.departed);
  const forgotten = useApp((state) => state.forgotten);
  const kept = useApp((state) => state.kept);
  const view = useApp((state) => state.view);
  const { places, tags } = useGroups();
  const wanted = text.trim().toLowerCase();
  const matches = ({ name, domid, uuid = "" }: { name: string; domid: number; uuid?: string }): boolean =>
    !wanted ||
    String(domid) === wanted ||
    uuid.startsWith(wanted) ||
    [name, places.get(name) ?? "", ...(tags.get(name) ?? [])].some((each) => each.toLowerCase().includes(wanted));
  const guests = domains.filter(({ domid }) => domid !== 0);
  const ended = endedDomains({ domains, departed, forgotten, kept });
  return {
    selected: view.page === "domain" ? view.domid : null,
    guests: guests.length,
    ended: ended.length,
    shown: guests.filter(matches),
    endedShown: ended.filter(matches),
  };
}

/** `first` is the domain that Enter goes to. */
function SearchField({
  text,
  onChange,
  first,
}: {
  text: string;
  onChange: (text: string) => void;
  first: number | null;
}) {
  return (
    <label className="search side-search">
      <Search size={14} aria-hidden />
      <input
        id="sidebar-search"
        type="search"
        placeholder="Search domains"
        aria-label="Search the domains"
        title={keysOf("find") ?? undefined}
        value={text}
        onChange={({ target }) => onChange(target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onChange("");
          if (event.key === "Enter" && first !== null) showDomain(first);
        }}
      />
    </label>
  );
}

function HostEntry() {
  const power = useShownPower();
  const isSelected = useApp(({ view }) => view.page === "host");
  return (
    <button
      type="button"
      className={isSelected ? "side-item side-entry selected" : "side-item side-entry"}
      aria-current={isSelected ? "page" : undefined}
      onClick={() => show({ page: "host", tab: useLayout.getState().hostTab })}
    >
      <Server size={16} aria-hidden />
      <span className="side-name">Host</span>
      <span className={`dot power-${power.looks}`} />
      <span className="side-state">{power.word}</span>
    </button>
  );
}

function Dom0Entry() {
  const dom0 = useApp(({ domains }) => domains.find(({ domid }) => domid === 0));
  const isSelected = useApp(({ view }) => view.page === "domain" && view.domid === 0);
  if (!dom0) return null;
  return (
    <button
      type="button"
      data-domid={0}
      className={isSelected ? "side-item side-entry selected" : "side-item side-entry"}
      aria-current={isSelected ? "page" : undefined}
      onClick={() => showDomain(0)}
    >
      <Cpu size={16} aria-hidden />
      <span className="side-name">{dom0.name}</span>
      <span className="side-state">
        <CpuFigure domids={[0]} />
      </span>
    </button>
  );
}

function Heading() {
  return (
    <div className="side-heading">
      <h2>Domains</h2>
      <IconButton label="New folder" onClick={() => newFolder(null)}>
        <FolderPlus size={15} aria-hidden />
      </IconButton>
      <IconButton
        label="New domain"
        title={`New domain (${keysOf("new-domain")})`}
        onClick={() => openDialog("new-domain")}
      >
        <Plus size={16} aria-hidden />
      </IconButton>
    </div>
  );
}

function Footer() {
  const theme = useSyncExternalStore(onTheme, storedTheme);
  const ThemeIcon = THEME_ICONS[theme];
  return (
    <footer className="side-footer">
      <IconButton label={`Appearance: ${theme}`} onClick={() => setTheme(NEXT_THEME[theme])}>
        <ThemeIcon size={16} aria-hidden />
      </IconButton>
      <IconButton label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => openDialog("shortcuts")}>
        <Keyboard size={16} aria-hidden />
      </IconButton>
      <span className="spacer" />
      <button type="button" className="side-palette" onClick={() => openDialog("palette")}>
        Commands <kbd>{PALETTE_KEY}</kbd>
      </button>
    </footer>
  );
}

/** `title` says more about the button than its name does, for instance its key. */
function IconButton({
  label,
  title = label,
  onClick,
  children,
}: {
  label: string;
  title?: string;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <button type="button" className="icon-button" title={title} aria-label={label} onClick={onClick}>
      {children}
    </button>
  );
}

/** The arrow keys move the focus from entry to entry. */
function goThroughList(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>(".side-entry")];
  const at = entries.indexOf(document.activeElement as HTMLElement);
  if (at < 0 && !(event.target instanceof HTMLInputElement)) return;
  entries[Math.max(0, Math.min(entries.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  event.preventDefault();
}
