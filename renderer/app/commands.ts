/** Everything that can be done, by name. The palette lists the commands; keys and menus run them. */
import { flushSync } from "react-dom";
import {
  ACTION_WORDS,
  askHow,
  doWith,
  doWithEnded,
  ENDED_WORDS,
  mayAsk,
  mayDo,
  mayDoEnded,
  type DomainAction,
  type EndedAction,
} from "../domain/actions.ts";
import { endOf, stateOf, STATE_WORDS } from "../domain/state-words.ts";
import { SECTIONS } from "../inspect/sections.ts";
import type { InspectId } from "../inspect/titles.ts";
import { useInspect } from "../inspect/state.ts";
import { askLibrary } from "../library/asked.ts";
import { askPowerOff, askReboot } from "../host/ask-power.ts";
import { exportDomains } from "../host/export.ts";
import { logCommands } from "../host/log/commands.ts";
import { folderCommands } from "../organize/commands.ts";
import { startTour } from "../help/tour-state.ts";
import { showDomain, useLayout } from "../state/layout.ts";
import { copyConsole, popOut, saveLog, setFontSize } from "../console/deeds.ts";
import { act } from "../state/session.ts";
import {
  DOM0_TABS,
  DOMAIN_TABS,
  endedDomains,
  forgetEnded,
  HOST_TABS,
  openDialog,
  show,
  showEnded,
  useApp,
  type View,
} from "../state/store.ts";
import { setTheme, type Theme } from "../ui/theme.ts";
import type { Command, CommandId } from "./command.ts";
import { say } from "../state/messages.ts";

export type { Command } from "./command.ts";

const ACTIONS = Object.keys(ACTION_WORDS) as DomainAction[];
const ENDED_ACTIONS = Object.keys(ENDED_WORDS) as EndedAction[];
const THEMES: [Theme, string][] = [
  ["system", "as the system has it"],
  ["light", "light"],
  ["dark", "dark"],
];

/** Returns the commands that make sense in the present state. */
export function commandsNow(): Command[] {
  const state = useApp.getState();
  const { host, domains, view } = state;
  const power = host?.power ?? "off";
  const running = power === "running";
  const found: Command[] = [];
  const add = (group: string, id: CommandId, title: string, run: () => void, keywords: string[] = []): void =>
    void found.push({ group, id, title, run, keywords });

  if (view.page === "domain") {
    const { domid } = view;
    const current = domains.find((each) => each.domid === domid);
    const gone = endedDomains(state).find((each) => each.domid === domid);
    const name = current?.name ?? gone?.name ?? `domain ${domid}`;
    if (domid >= 0)
      for (const [tab, title] of domid === 0 ? DOM0_TABS : DOMAIN_TABS)
        add("This domain", `domain-${tab}`, title, () => show({ page: "domain", domid, tab }), [name, "tab", "view"]);
    for (const { id, title, ofVcpus } of SECTIONS)
      if (current && (domid !== 0 || !ofVcpus))
        add("This domain", `inspect-${id}`, `Inspect: ${title}`, () => inspect(domid, id), [name, "look into"]);
    for (const action of ACTIONS)
      if (current && mayDo(action, current))
        add("This domain", `this-${action}`, `${ACTION_WORDS[action]} ${name}`, () => doWith(action, [current]));
    for (const action of ENDED_ACTIONS)
      if (gone && mayDoEnded(action, gone))
        add("This domain", `this-${action}`, `${ENDED_WORDS[action]}: ${name}`, () => doWithEnded(action, [gone]));
    const shown = current ?? gone;
    if (shown && mayAsk("snapshot", shown.uuid))
      add("This domain", "this-snapshot", `Take a snapshot of ${name}…`, () => askHow("snapshot", shown.uuid), [
        "checkpoint",
        "keep",
      ]);
    if (shown && mayAsk("fork", shown.uuid))
      add("This domain", "this-fork", `Fork ${name}…`, () => askHow("fork", shown.uuid), ["copy", "variant", "clone"]);
    if (domid > 0) add("This domain", "copy-console", "Copy the console’s text", () => copyConsole(domid), [name]);
    if (domid > 0)
      add("This domain", "save-console", "Save the console’s log to a file", () => void saveLog(domid), [name]);
    if (domid > 0)
      add("This domain", "pop-out", "Console in a window of its own", () => popOut(domid), [name, "pop out"]);
    if (view.tab === "console") {
      const search = (): void => useApp.setState({ consoleSearch: true });
      add("This domain", "console-search", "Search the console", search, ["find"]);
      add("This domain", "console-larger", "Larger text in consoles", () => setFontSize(1), ["font", "zoom"]);
      add("This domain", "console-smaller", "Smaller text in consoles", () => setFontSize(-1), ["font", "zoom"]);
    }
    if (current && domid !== 0)
      add("This domain", "edit-live", `Settings of ${name}…`, () => editLive(domid), [
        "weight",
        "cap",
        "vCPUs",
        "memory",
      ]);
    const uuid = current?.uuid ?? gone?.uuid;
    if (uuid) add("This domain", "copy-uuid", "Copy the UUID", () => copy(uuid), [name]);
  }

  for (const [tab, title] of HOST_TABS)
    add("Host", `host-${tab}`, `Host: ${title}`, () => show({ page: "host", tab }), ["view", "tab"]);
  add("Host", "xen-log", "Xen log", showXenLog, ["dmesg", "hypervisor", "messages"]);
  if (power === "off" || power === "crashed")
    add("Host", "power-on", "Power the host on", () => void act("hostPowerOn", {}), ["start", "boot"]);
  if (running) {
    add("Host", "power-off", "Power the host off…", askPowerOff, ["stop", "shut down"]);
    add("Host", "host-reboot", "Reboot the host…", askReboot, ["restart"]);
    add("Host", "new-domain", "New domain…", () => openDialog("new-domain"), ["create", "kernel", "xl.cfg"]);
    const web = ["download", "debian", "alpine", "linux", "fetch"];
    add("Host", "fetch-guest", "Get a guest from the web…", () => openDialog("fetch-guest"), web);
    add("Host", "bundled", "Start the bundled guest", () => void startBundled(), ["mini", "create"]);
    add("Host", "export-csv", "Export the list of domains as CSV", () => exportDomains("csv"), ["save", "table"]);
    add("Host", "export-json", "Export the list of domains as JSON", () => exportDomains("json"), ["save", "table"]);
  }

  found.push(...logCommands());

  for (const domain of domains) {
    const { domid, name } = domain;
    const words = [String(domid), domain.uuid, STATE_WORDS[stateOf(domain)]];
    add("Go to", `go-${domid}`, `Go to ${name}`, () => showDomain(domid), words);
    for (const [tab, title] of domid === 0 ? DOM0_TABS : DOMAIN_TABS)
      add("Go to", `go-${domid}-${tab}`, `${name}: ${title}`, () => show({ page: "domain", domid, tab }), words);
  }
  add("Domains", "import-domain", "Import a domain…", () => askLibrary({ what: "import", file: null }), [
    "OVA",
    "XVA",
    "tar",
    "file",
    "open",
  ]);
  add("Domains", "bin", "Bin of deleted domains, snapshots and files…", () => askLibrary({ what: "bin" }), [
    "undelete",
    "trash",
    "restore",
  ]);
  if (endedDomains(state).some((gone) => !gone.kept))
    add("Domains", "forget-ended", "Clear stopped domains", forgetEnded, ["clear", "remove", "sidebar"]);
  for (const gone of endedDomains(state))
    add("Go to", `go-${gone.domid}`, `Go to ${gone.name}, ${endOf(gone)}`, () => showEnded(gone.domid), [
      String(gone.domid),
      STATE_WORDS[endOf(gone)],
    ]);
  for (const gone of endedDomains(state))
    for (const action of ENDED_ACTIONS)
      if (mayDoEnded(action, gone) && !(view.page === "domain" && view.domid === gone.domid))
        add("Domains", `${action}-${gone.domid}`, `${ENDED_WORDS[action]}: ${gone.name}`, () =>
          doWithEnded(action, [gone]),
        );
  for (const domain of domains)
    for (const action of ACTIONS)
      if (mayDo(action, domain) && !(view.page === "domain" && view.domid === domain.domid))
        add("Domains", `${action}-${domain.domid}`, `${ACTION_WORDS[action]} ${domain.name}`, () =>
          doWith(action, [domain]),
        );
  const guests = domains.filter(({ domid }) => domid !== 0);
  if (guests.length > 1)
    for (const action of ACTIONS)
      if (guests.some((domain) => mayDo(action, domain)))
        add("Domains", `all-${action}`, `${ACTION_WORDS[action]} all domains`, () => doWith(action, guests));

  found.push(...folderCommands());
  for (const [theme, words] of THEMES)
    add("Window", `theme-${theme}`, `Appearance: ${words}`, () => setTheme(theme), ["theme", "colour", "dark mode"]);
  add("Window", "panel", "Tasks and events", togglePanel, ["log", "history", "panel"]);
  add("Window", "find", "Find in what is shown", find, ["search"]);
  add("Window", "search", "Search the domains", focusSearch, ["find", "filter", "sidebar"]);
  add("Window", "next-domain", "Next domain", () => step(1));
  add("Window", "previous-domain", "Previous domain", () => step(-1));
  add("Window", "tour", "Guided tour of this host", startTour, ["help", "learn", "what is", "Xen", "PV", "grants"]);
  add("Window", "words", "Xen’s words", () => openDialog("words"), [
    "help",
    "glossary",
    "learn",
    "what is",
    "mfn",
    "grant",
  ]);
  add("Window", "shortcuts", "Keyboard shortcuts", () => openDialog("shortcuts"), ["keys", "help"]);
  return found;
}

export function runCommand(id: string): boolean {
  const command = commandsNow().find((each) => each.id === id);
  command?.run();
  return command !== undefined;
}

/** Focuses a part of a view that is in the document as soon as the view is shown. */
function focusIn(view: View, part: string): void {
  flushSync(() => show(view));
  document.querySelector<HTMLElement>(part)?.focus();
}
function editLive(domid: number): void {
  focusIn({ page: "domain", domid, tab: "overview" }, "#settings");
}
function showXenLog(): void {
  focusIn({ page: "host", tab: "overview" }, ".log-card [tabindex]");
}

/** Searches in the console that is shown, or else among the domains. */
function find(): void {
  const { view } = useApp.getState();
  if (view.page === "domain" && view.tab === "console") useApp.setState({ consoleSearch: true });
  else focusSearch();
}

function inspect(domid: number, section: InspectId): void {
  useInspect.setState({ section });
  show({ page: "domain", domid, tab: "inspect" });
}

function togglePanel(): void {
  useLayout.setState(({ panelOpen }) => ({ panelOpen: !panelOpen }));
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>("#sidebar-search")?.focus();
}

function step(by: number): void {
  const { view, domains } = useApp.getState();
  const guests = domains.filter(({ domid }) => domid !== 0);
  const at = guests.findIndex(({ domid }) => view.page === "domain" && domid === view.domid);
  const next = at < 0 ? guests[by > 0 ? 0 : guests.length - 1] : guests[(at + by + guests.length) % guests.length];
  if (next) showDomain(next.domid);
}

async function startBundled(): Promise<void> {
  const created = await act("createBundled", { vcpus: 2 });
  if (created) show({ page: "domain", domid: created.domid, tab: "console" });
}

function copy(text: string): void {
  void navigator.clipboard.writeText(text).then(
    () => say("info", "Copied."),
    () => say("error", "The clipboard may not be written here."),
  );
}
