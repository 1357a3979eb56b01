/** Why domains crashed, of this power cycle: what their consoles and Xen said, taken when it happened, as both logs roll on. */
import type { ToolstackClient } from "../toolstack/client.ts";
import type { RegistersReport } from "../toolstack/inspect/report.ts";
import type { XenLogLine } from "./host-state.ts";

/** As many as the host keeps consoles of. */
const MOST_REPORTS = 64;
const MOST_CONSOLE_LINES = 60;
const MOST_XEN_LINES = 80;
const MOST_LINE = 300;

export interface CrashReport {
  /** Milliseconds since 1970. */
  at: number;
  /** The line of the console, or of Xen's, that says why; null where none does. */
  line: string | null;
  /** The console from where the trouble begins, with the registers and the call trace that a kernel prints. */
  console: string[];
  /** What Xen printed of the domain: registers and stack, where Xen itself ended it. */
  xen: string[];
  /** Registers, code and stack of its vCPUs, read while it was held as it stopped. */
  vcpus: RegistersReport[];
}
/** What of it is read from texts. */
export type CrashWords = Omit<CrashReport, "vcpus">;

/** How kernels say that they end, the most telling first. */
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

/** Without what terminals are told: colours, titles, carriage returns. */
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

/** From the first line that names the domain, as far as its registers and stack go on. */
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

  /** A domain has crashed: its console and Xen's log are looked at now. */
  crashed(domid: number, toolstack: ToolstackClient, xenLog: () => readonly XenLogLine[]): void {
    const at = Date.now();
    this.#reports.set(domid, this.#take(domid, toolstack, xenLog, at));
    if (this.#reports.size > MOST_REPORTS) this.#reports.delete(this.#reports.keys().next().value!);
  }

  /** null where it has not crashed, or too long ago. */
  async of(domid: number): Promise<CrashReport | null> {
    return (await this.#reports.get(domid)) ?? null;
  }

  /** Another power cycle. */
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
      // It has no console: Xen's words are left.
    }
    // Waits while they are read, and what Xen printed is here by then; a toolstack that ended has none.
    const vcpus = await toolstack.request("crashRegisters", { domid }).catch((): RegistersReport[] => []);
    return { ...crashReportOf(domid, text, xenLog(), at), vcpus };
  }
}
