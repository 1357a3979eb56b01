/** `xl top`: prints xentop's columns as often as asked for. */
import { XlFailure, type Call } from "./command.ts";
import type { DomainInfo } from "../../toolstack/messages.ts";

const CLEAR = "\x1b[H\x1b[2J";

/** Ends when it has printed as often as it should, or is ended (by Ctrl+C, or because its output is closed). */
export async function top({ host, options }: Call): Promise<number> {
  const number = (text: string | boolean | undefined, what: string): number | null => {
    if (typeof text !== "string") return null;
    const value = Number(text);
    if (!(value >= 1 && value <= 1e6)) throw new XlFailure(`${what} is "${text}"; allowed: a number from 1 on`);
    return value;
  };
  const seconds = number(options.delay, "the delay") ?? 3;
  const looks = number(options.iterations, "the number of iterations") ?? Infinity;
  const api = await host();
  const { totalMemoryMiB } = await api.request("hostInfo", {});
  let before: DomainInfo[] = [];
  let then = 0;
  for (let look = 0; look < looks; look++) {
    if (look > 0) await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const now = performance.now();
    const domains = await api.request("list", {});
    const clear = process.stdout.isTTY && !options.batch ? CLEAR : "";
    process.stdout.write(clear + table(domains, before, (now - then) / 1000, totalMemoryMiB));
    before = domains;
    then = now;
  }
  return 0;
}

function table(
  domains: readonly DomainInfo[],
  before: readonly DomainInfo[],
  seconds: number,
  hostMiB: number,
): string {
  const lines = ["      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS"];
  const share = (mib: number): string => ((100 * mib) / hostMiB).toFixed(1);
  for (const { domid, name, stateString, cpuTimeSeconds, memoryMiB, maxmemMiB, vcpus } of domains) {
    const last = before.find((each) => each.domid === domid);
    const cpu = last ? (100 * (cpuTimeSeconds - last.cpuTimeSeconds)) / seconds : 0;
    lines.push(
      [
        name.padStart(10),
        stateString.padStart(6),
        cpuTimeSeconds.toFixed(0).padStart(10),
        cpu.toFixed(1).padStart(6),
        String(memoryMiB * 1024).padStart(10),
        share(memoryMiB).padStart(6),
        (domid === 0 ? "no limit" : String(maxmemMiB * 1024)).padStart(10),
        (domid === 0 ? "n/a" : share(maxmemMiB)).padStart(9),
        String(vcpus).padStart(5),
      ].join(" "),
    );
  }
  return `${lines.join("\n")}\n`;
}
