/** test/bench/RESULTS.md has a section for each thing that was measured. A run replaces those that it measured. */

export const SECTIONS = [
  "guest-bench",
  "guest-bench as PVH",
  "Work",
  "Work with kept code",
  "Work on one core",
  "Boot",
  "Boot as PVH",
  "Memory",
  "Scaling",
  "Domains",
  "Latency",
  "IO",
  "Network",
  "Idle",
  "Window",
] as const;
export type Section = (typeof SECTIONS)[number];

const HEAD = "# Results of `npm run bench`";

/** `measured` is the text by section. Each is put under its heading together with `where`, the date and the machine. */
export function mergeResults(old: string, measured: Partial<Record<Section, string>>, where: string): string {
  const kept = sections(old);
  const parts = SECTIONS.flatMap((name) => {
    const fresh = measured[name];
    const text = fresh === undefined ? kept.get(name) : `${where}\n\n${fresh.trim()}`;
    return text === undefined ? [] : [`## ${name}\n\n${text}`];
  });
  return `${[HEAD, ...parts].join("\n\n")}\n`;
}

function sections(text: string): Map<string, string> {
  const found = text.split(/^## (.+)$/m).slice(1);
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < found.length; i += 2) pairs.push([found[i]!.trim(), found[i + 1]!.trim()]);
  return new Map(pairs);
}
