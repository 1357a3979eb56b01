/** Tables of seconds by test and machine, and what they say in one number. */

/** Seconds by test name. */
export type Times = Record<string, number>;

/** Reads the BENCH lines of guest-bench: name, seconds, check value. The total is left out. */
export function parseBench(text: string): { times: Times; checks: Record<string, string> } {
  const times: Times = {};
  const checks: Record<string, string> = {};
  for (const [, name, seconds, check] of text.matchAll(/^BENCH (\w+) ([\d.]+) chk=([0-9a-f]+)/gm)) {
    times[name!] = Number(seconds);
    checks[name!] = check!;
  }
  return { times, checks };
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Returns the median of each test over several runs. Tests that are not in all of the runs are left out. */
export function medians(runs: Times[]): Times {
  const names = Object.keys(runs[0] ?? {}).filter((name) => runs.every((run) => name in run));
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name]!))]));
}

export function geometricMean(values: number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Writes a Markdown table: the seconds of each machine, and each peer's seconds divided by ours. */
export function table(ours: string, machines: Map<string, Times>): string {
  const own = machines.get(ours)!;
  const names = [...machines.keys()];
  const peers = names.filter((name) => name !== ours);
  const rows = Object.keys(own).map((test) => [
    test,
    ...names.map((name) => machines.get(name)![test]?.toFixed(3) ?? "–"),
    ...peers.map((name) => ratio(machines.get(name)![test], own[test]!)),
  ]);
  const means = peers.map((name) => {
    const both = Object.keys(own).filter((test) => test in machines.get(name)!);
    return both.length ? geometricMean(both.map((test) => machines.get(name)![test]! / own[test]!)).toFixed(2) : "–";
  });
  const head = ["test", ...names.map((name) => `${name}, s`), ...peers.map((name) => `${name} / ${ours}`)];
  const lines = [head, head.map(() => "---"), ...rows, ["geometric mean", ...names.map(() => ""), ...means]];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function ratio(peer: number | undefined, own: number): string {
  return peer === undefined ? "–" : (peer / own).toFixed(2);
}
