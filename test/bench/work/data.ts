/** The data that the tasks work on. They are made from a seed, so that they are the same bytes everywhere. */
import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { seeded } from "../../random.ts";

const TEXT_BYTES = 4_500_000;
const TABLE_ROWS = 110_000;
const RECORDS = 9_000;
const FUNCTIONS = 40;

/** Files by name. */
export function taskData(): Map<string, Uint8Array> {
  const random = seeded(16);
  const below = (limit: number): number => Math.floor(random() * limit);
  const words = vocabulary(below);
  const word = (): string => words[Math.floor(words.length * random() ** 3)]!;
  const line = (most: number): string => Array.from({ length: 3 + below(most) }, word).join(" ");
  const lines: string[] = [];
  for (let bytes = 0; bytes < TEXT_BYTES;) bytes += lines[lines.push(line(12)) - 1]!.length + 1;
  const text = Buffer.from(`${lines.join("\n")}\n`);
  const changed = lines.map((each) => (below(200) ? each : line(12)));
  const rows = Array.from({ length: TABLE_ROWS }, (_, n) => `${n},${word()},${below(1e6) / 1000}`);
  const records = Array.from({ length: RECORDS }, (_, id) => ({
    id,
    name: word(),
    value: below(1000),
    tags: [word(), word()],
    text: line(8),
  }));
  return new Map<string, Uint8Array>([
    ["text", text],
    ["text.changed", Buffer.from(`${changed.join("\n")}\n`)],
    ["text.gz", gzipSync(text, { level: 6 })],
    ["text.xz", execFileSync("xz", ["-T1", "-3", "-c"], { input: text, maxBuffer: TEXT_BYTES })],
    ["table.csv", Buffer.from(`${rows.join("\n")}\n`)],
    ["records.json", Buffer.from(JSON.stringify(records))],
    ["source.c", Buffer.from(source(below))],
    ["small.c", Buffer.from('#include <stdio.h>\nint main(void) { return printf("%d\\n", 6 * 7) < 0; }\n')],
  ]);
}

function vocabulary(below: (limit: number) => number): string[] {
  const syllables = [
    "ab",
    "ba",
    "con",
    "de",
    "er",
    "fi",
    "gra",
    "in",
    "lo",
    "mu",
    "on",
    "per",
    "qui",
    "ra",
    "sta",
    "x",
  ];
  const endings = ["", "", "er", "ing", "on", "s", "ed"];
  const syllable = (): string => syllables[below(syllables.length)]!;
  return Array.from(
    { length: 4000 },
    () => Array.from({ length: 1 + below(3) }, syllable).join("") + endings[below(endings.length)]!,
  );
}

/** Makes a C file of many functions with loops, branches, structures, switches and calls to each other. FUNCTIONS says how many there are. */
function source(below: (limit: number) => number): string {
  const functions = Array.from({ length: FUNCTIONS }, (_, n) => {
    const cases = Array.from(
      { length: 6 },
      (_, c) => `    case ${c}: s += p->f[${below(8)}] * ${1 + below(90)}; break;`,
    );
    const call = n ? `s ^= f${below(n)}(p, n / 2 - 1);` : "";
    return `
#if FUNCTIONS > ${n}
static unsigned f${n}(struct part *p, int n) {
  unsigned s = ${below(1000)};
  char name[32];
  for (int i = 0; i < n && i < ${10 + below(50)}; i++) {
    switch ((s + i) % 7) {
${cases.join("\n")}
    default: if (p->next && i % ${2 + below(5)}) { p = p->next; s = s << ${1 + below(7)} | s >> ${20 + below(9)}; }
    }
    p->d[i % 4] = p->d[(i + 1) % 4] * ${below(100)}.5 + s;
  }
  if (n > 3) { snprintf(name, sizeof name, "part%u", s); s += strlen(name); ${call} }
  return s + (unsigned)p->d[${below(4)}];
}
#endif`;
  });
  return `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
struct part { struct part *next; unsigned f[8]; double d[4]; };
${functions.join("\n")}
int main(void) {
  static struct part p[3] = { { &p[1], { 1, 2, 3 } }, { &p[2], { 4, 5, 6 } }, { &p[0], { 7, 8, 9 } } };
  unsigned s = 0;
  ${Array.from({ length: FUNCTIONS }, (_, n) => `\n#if FUNCTIONS > ${n}\n  s += f${n}(p, ${below(40)});\n#endif`).join("")}
  return printf("%u\\n", s) < 0;
}
`;
}
