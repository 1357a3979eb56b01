/**
 * The boot menu: its entries with their Xen command lines, and the domains that xendomains starts. The text looks like that of GRUB:
 *
 *     default=0
 *     menuentry "Xenarium" {
 *       xen dom0_mem=64M loglvl=all console=com1
 *     }
 *     autostart "/etc/xen/auto/web.cfg"
 */
import { BOOT_CMDLINE_SIZE } from "../machine/layout.ts";

export interface BootEntry {
  title: string;
  /** The command line of Xen. */
  cmdline: string;
}
export interface BootConfig {
  entries: BootEntry[];
  /** The index of the entry that is started. */
  defaultEntry: number;
  /** The paths of xl.cfg files. */
  autostart: string[];
}

/** The log gets all messages of Xen itself. Of messages that guests cause or write, it gets as many as the rate limit lets through. */
export const DEFAULT_CMDLINE = "dom0_mem=64M loglvl=all guest_loglvl=none/all console=com1 sched=credit";

export const DEFAULT_BOOT_CONFIG: BootConfig = {
  entries: [{ title: "Xenarium", cmdline: DEFAULT_CMDLINE }],
  defaultEntry: 0,
  autostart: [],
};

export class BootConfigError extends Error {
  override readonly name = "BootConfigError";
}

/** Throws BootConfigError that names the line and what is allowed there. */
export function parseBootConfig(text: string): BootConfig {
  const config: BootConfig = { entries: [], defaultEntry: 0, autostart: [] };
  let open: BootEntry | null = null;
  const fail = (line: number, message: string): never => {
    throw new BootConfigError(`boot config line ${line}: ${message}`);
  };
  text.split("\n").forEach((raw, index) => {
    const number = index + 1;
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    if (open) {
      const xen = /^xen(?:\s+(.*))?$/.exec(line);
      if (line === "}") open = null;
      else if (xen) {
        open.cmdline = xen[1] ?? "";
        const wrong = cmdlineError(open.cmdline);
        if (wrong) fail(number, wrong);
      } else fail(number, `"${line}" is not known in a menuentry; allowed: xen <command line>, }`);
      return;
    }
    const entry = /^menuentry\s+(["'])(.*)\1\s*\{$/.exec(line);
    const chosen = /^(?:set\s+)?default=["']?(\d+)["']?$/.exec(line);
    const start = /^autostart\s+(["'])(.*)\1$/.exec(line);
    if (entry) config.entries.push((open = { title: entry[2]!, cmdline: "" }));
    else if (chosen) config.defaultEntry = Number(chosen[1]);
    else if (start) config.autostart.push(start[2]!);
    else if (!/^(?:set\s+)?timeout=\d+$/.test(line))
      fail(number, `"${line}" is not known; allowed: default=N, timeout=N, menuentry "title" {, autostart "path"`);
  });
  if (open) throw new BootConfigError(`boot config: the last menuentry has no closing }`);
  if (config.entries.length === 0) throw new BootConfigError("boot config: it has no menuentry");
  if (config.defaultEntry >= config.entries.length)
    throw new BootConfigError(
      `boot config: default is ${config.defaultEntry}; allowed: 0 to ${config.entries.length - 1}, the number of an entry`,
    );
  return config;
}

function cmdlineError(cmdline: string): string | null {
  const size = new TextEncoder().encode(cmdline).length;
  return size < BOOT_CMDLINE_SIZE
    ? null
    : `Xen's command line is ${size} bytes long; allowed: at most ${BOOT_CMDLINE_SIZE - 1}`;
}

const MOST_TITLE = 128;

/** Returns an entry that a boot config can contain. Throws BootConfigError with a sentence. */
export function entryFor(title: string, cmdline: string): BootEntry {
  const entry = { title: title.trim(), cmdline: cmdline.trim() };
  if (entry.title === "" || entry.title.length > MOST_TITLE)
    throw new BootConfigError(`The entry's title has ${entry.title.length} characters; allowed: 1 to ${MOST_TITLE}.`);
  // A control character would end the line of the config, or would not be visible.
  if (/[\0-\x1f\x7f]/.test(entry.title + entry.cmdline))
    throw new BootConfigError("Title and command line are one line each, without control characters.");
  const wrong = cmdlineError(entry.cmdline);
  if (wrong) throw new BootConfigError(`${wrong}.`);
  return entry;
}

/** Returns the text that parseBootConfig reads as this config. */
export function formatBootConfig({ entries, defaultEntry, autostart }: BootConfig): string {
  return [
    `default=${defaultEntry}`,
    ...entries.flatMap(({ title, cmdline }) => [`menuentry "${title}" {`, `  xen ${cmdline}`.trimEnd(), "}"]),
    ...autostart.map((config) => `autostart "${config}"`),
    "",
  ].join("\n");
}

/** Returns the entry of that number, or throws BootConfigError that names those there are. */
export function checkedEntry(boot: BootConfig, number: number): BootEntry {
  const entry = boot.entries[number];
  if (entry) return entry;
  const allowed = boot.entries.map(({ title }, i) => `${i} (${title})`).join(", ");
  throw new BootConfigError(`The boot menu has no entry ${number}; allowed: ${allowed}.`);
}
