/** Why domains crashed in this power cycle: what their consoles and Xen said. It is copied when it happens, because both logs roll on. */
import type { ToolstackClient } from "../toolstack/client.ts";
import type { RegistersReport } from "../toolstack/inspect/report.ts";
import type { XenLogLine } from "./host-state.ts";

/** As many as the consoles that the host keeps. */
const MOST_REPORTS = 64;
const MOST_CONSOLE_LINES = 60;
const MOST_XEN_LINES = 80;
const MOST_LINE = 300;

export interface CrashReport {
  /** Milliseconds since 1970. */
  at: number;
  /** The line of the console, or of Xen's log, that says why; null where there is none. */
  line: string | null;
  /** The console from where the trouble begins, with the registers and the call trace that a kernel prints. */
  console: string[];
  /** What Xen printed about the domain: registers and stack, if Xen itself ended it. */
  xen: string[];
  /** Registers, code and stack of its vCPUs, read while the domain was held in the state in which it stopped. */
  vcpus: RegistersReport[];
}
/** The part of a report that is read from texts. */
export type CrashWords = Omit<CrashReport, "vcpus">;

/** How kernels announce their end, the most informative first. */
const LAST_WORDS = [
  /Kernel panic - not syncing: .*/,
  /\bpanic(?:ked)?\b.*: .*/i,
  /^.*\bBUG: .*/,
  /^.*\bOops\b.*/,
  /^.*(?:general protection fault|unable to handle|page fault|fatal|unhandled).*/i,
  /^.*\b(?:trap|exception|assertion|aborted)\b.*/i,
];
/** Where the trouble begins. */
const BEGINS = /\b(?:BUG:|Oops|general protection fault|Kernel panic|panic:|Unable to handle|------------\[ cut here)/i;

/** Removes commands to terminals: colours, titles, carriage returns. */
function linesOf(text: string): string[] {
  return text
    .replace(/\x1b\][^\x07]*\x07|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]/g, "")
    .split(/\r*\n/)
    .map((line) => line.replace(/[\0-\x08\x0b-\x1f\x7f]/g, "").slice(0, MOST_LINE));
}

export function crashReportOf(domid: number, log: string, xenLog: readonly XenLogLine[], at: number): CrashWords {
  const lines = linesOf(log);
  while (lines.at(-1)?.trim() === "") lines.pop();
  const recent = lines.slice(-4 * MOST_CONSOLE_LINES);
  const begin = recent.findIndex((line) => BEGINS.test(line));
  const console = (begin < 0 ? recent.slice(-12) : recent.slice(begin)).slice(0, MOST_CONSOLE_LINES);
  const xen = xenPart(domid, xenLog);
  let line: string | null = null;
  for (const words of LAST_WORDS)
    line ??=
      console
        .findLast((each) => words.test(each))
        ?.match(words)?.[0]
        .trim() ?? null;
  line ??=
    xen
      .find((each) => /crashed|domain_crash/i.test(each))
      ?.replace(/^\(XEN\)\s*/, "")
      .trim() ?? null;
  return { at, line, console, xen };
}

/** Returns the lines from the first one that names the domain to the end of its registers and stack. */
function xenPart(domid: number, log: readonly XenLogLine[]): string[] {
  const names = new RegExp(`\\b(?:[dD]${domid}(?:v\\d+)?|[Dd]omain ${domid})\\b`);
  const own = log.filter(({ origin }) => origin !== "domain");
  const last = own.findLastIndex(({ text }) => names.test(text));
  if (last < 0) return [];
  let first = last;
  while (first > 0 && last - first < MOST_XEN_LINES / 2 && own[last]!.time - own[first - 1]!.time < 1e9) first--;
  const part = own.slice(first, last + MOST_XEN_LINES).map(({ text }) => text);
  const begin = part.findIndex((text) => names.test(text));
  return part.slice(Math.max(0, begin), begin + MOST_XEN_LINES);
}

export class CrashReports {
  readonly #reports = new Map<number, Promise<CrashReport>>();

  /** Called when a domain has crashed: copies the ends of its console and of Xen's log now. */
  crashed(domid: number, toolstack: ToolstackClient, xenLog: () => readonly XenLogLine[]): void {
    const at = Date.now();
    this.#reports.set(domid, this.#take(domid, toolstack, xenLog, at));
    if (this.#reports.size > MOST_REPORTS) this.#reports.delete(this.#reports.keys().next().value!);
  }

  /** Returns null if the domain has not crashed, or has done so too long ago. */
  async of(domid: number): Promise<CrashReport | null> {
    return (await this.#reports.get(domid)) ?? null;
  }

  /** Called when another power cycle begins. */
  clear(): void {
    this.#reports.clear();
  }

  async #take(
    domid: number,
    toolstack: ToolstackClient,
    xenLog: () => readonly XenLogLine[],
    at: number,
  ): Promise<CrashReport> {
    let text = "";
    try {
      text = Buffer.from((await toolstack.request("consoleAttach", { domid })).log).toString("utf8");
      await toolstack.request("consoleDetach", { domid });
    } catch {
      // It has no console, so only Xen's words are left.
    }
    // The toolstack waits while they are read, and by then what Xen printed is here. A toolstack that has ended has none.
    const vcpus = await toolstack.request("crashRegisters", { domid }).catch((): RegistersReport[] => []);
    return { ...crashReportOf(domid, text, xenLog(), at), vcpus };
  }
}
