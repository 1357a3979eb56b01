/** What a user does with a console, whether by button, key or palette. */
import { allowSpanStyles } from "./constructed-styles.ts";
import { consoles, request, sentence } from "../state/session.ts";
import { CONSOLE_FONT, useLayout } from "../state/layout.ts";
import { ask, useApp } from "../state/store.ts";
import { download } from "../ui/download.ts";
import { say } from "../state/messages.ts";

/** The page of a console in a window of its own. Its address names the domain. */
const POP_OUT = /^#console=(\d{1,5})$/;

export function poppedOutConsole(): number | null {
  const found = POP_OUT.exec(location.hash);
  return found ? Number(found[1]) : null;
}

export function popOut(domid: number): void {
  if (window.xenariumDesktop) {
    // A page of the desktop's application does not open windows itself. The application opens them, each with its own bridge to the host.
    window.xenariumDesktop.openConsole(domid);
    return;
  }
  const opened = window.open(`${location.pathname}#console=${domid}`, `console-${domid}`, "popup,width=820,height=520");
  if (!opened) say("warning", "The browser opens no second window for this page. Allow pop-up windows for it.");
}

export function setFontSize(by: number): void {
  const { least, most } = CONSOLE_FONT;
  useLayout.setState(({ consoleFont }) => ({ consoleFont: Math.min(most, Math.max(least, consoleFont + by)) }));
}

/** Sets up what all terminals share: how styles get past the policy, their size from the layout, and their keys. Called once, at the start. */
export function prepareConsoles(): void {
  allowSpanStyles();
  consoles.fontSize = useLayout.getState().consoleFont;
  useLayout.subscribe(({ consoleFont }, before) => {
    if (consoleFont !== before.consoleFont) consoles.fontSize = consoleFont;
  });
  consoles.keys = (domid) => ({
    copy: () => copyConsole(domid),
    leave: () => document.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus(),
  });
}

export function copyConsole(domid: number): void {
  void navigator.clipboard.writeText(consoles.of(domid).text()).then(
    () => say("info", "Copied."),
    () => say("error", "The clipboard may not be written here."),
  );
}

/** Asks the user first if the guest would run each line as it arrives. */
export function pasteInto(domid: number, text: string): void {
  const console = consoles.of(domid);
  const lines = text.trimEnd().split(/\r\n|\r|\n/).length;
  if (lines < 2 || console.brackets) {
    console.paste(text);
    return;
  }
  ask({
    title: `Paste ${lines} lines`,
    text: "The program that reads this console does not tell pasted text from typed: a shell runs each line as it comes.",
    action: "Paste",
    onConfirm: () => console.paste(text),
  });
}

/** Saves everything that the host kept of the console, as the guest wrote it. */
export async function saveLog(domid: number): Promise<void> {
  const { domains, departed } = useApp.getState();
  const name = domains.find((each) => each.domid === domid)?.name ?? departed.get(domid)?.name ?? `domain-${domid}`;
  if (useApp.getState().host?.power !== "running") {
    // The host has crashed, and its log is gone with it. This is what the terminal still has.
    download(`${name}-console.log`, "text/plain", consoles.of(domid).text());
    return;
  }
  try {
    const { log, end } = await request("consoleAttach", { domid });
    // What arrived while the console was being attached again.
    consoles.output(domid, log, end - log.length);
    download(`${name}-console.log`, "application/octet-stream", new Uint8Array(log));
  } catch (error) {
    say("error", sentence(error));
  }
}
