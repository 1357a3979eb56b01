/** Our xl and xenstore clients beside the stock ones of Xen 4.17, whose answers ../stock/record.ts recorded: exit status and words. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../temporary.ts";
import { startServe, type Served } from "../ui/serve.ts";

interface Answer {
  status: number | null;
  out: string;
  err: string;
}
interface Recorded extends Answer {
  name?: string;
  args: string[];
}

const dist = path.resolve(import.meta.dirname, "../../dist");
const recorded = (name: string): Recorded[] =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, "../stock", name), "utf8")) as Recorded[];

let served: Served;
const ours = (...args: string[]): Promise<Answer> =>
  new Promise((resolve) =>
    execFile(process.execPath, [path.join(dist, "cli.js"), ...args], { env: served.env }, (error, out, err) =>
      resolve({ status: error ? Number(error.code) : 0, out, err }),
    ),
  );
const said = (line: Recorded): string => [line.name, ...line.args].join(" ");

beforeAll(async () => {
  served = await startServe("--host-memory", "384", "--pcpus", "2");
  const folder = temporaryFolder("stock");
  for (const [name, memory, vcpus, more] of [
    ["web", 64, 2, []],
    ["db", 96, 1, ["-p"]],
  ] as const) {
    const file = path.join(folder, `${name}.cfg`);
    const kernel = path.join(dist, "assets/guests/mini.elf");
    writeFileSync(file, `name = "${name}"\nkernel = "${kernel}"\nmemory = ${memory}\nvcpus = ${vcpus}\n`);
    expect(await ours("xl", "create", ...more, file)).toMatchObject({ status: 0 });
  }
}, 60_000);
afterAll(async () => {
  await served.stop();
});

/** Where ours differs on purpose. */
const OTHER_CLIENTS: Readonly<Record<string, string>> = {
  "xenstore-chmod -r /t/deep b5": "the stock client fails with -r; ours does what its manual says",
  "xenstore-chmod -u /t/deep/down/here n7": "the stock client fails with -u; ours does what its manual says",
  "xenstore-ls -p /t/deep": "follows from chmod -r and -u",
  "xenstore-chmod -ru /t/deep/down n3": "follows from chmod -r and -u",
  "xenstore-ls -p /t": "follows from chmod -r and -u",
  "xenstore-read -x /t/a": "the stock client goes on after an option that it does not know",
  "xenstore-write -x /t/a 1": "the stock client goes on after an option that it does not know",
  "xenstore-watch -x /t": "the stock client goes on after an option that it does not know",
  "xenstore-list /": "the host has more at its root",
};

describe("the xenstore clients", () => {
  it("answer as the stock ones", { timeout: 240_000 }, async () => {
    const lines = recorded("xenstore.json");
    expect(lines.length).toBeGreaterThan(90);
    const different: unknown[] = [];
    const met = new Set<string>();
    for (const line of lines) {
      const command = said(line);
      const reason = OTHER_CLIENTS[command];
      // What follows is compared, so it must find what the stock client left.
      const { status, out, err } = await ours(line.name!, ...line.args);
      const stock = { status: line.status, out: line.out, err: line.err.replace(/(Usage: )\S*\/(?=xenstore-)/, "$1") };
      if (status === stock.status && out === stock.out && err === stock.err) continue;
      met.add(command);
      if (!reason) different.push({ command, stock, ours: { status, out, err } });
    }
    expect(different).toEqual([]);
  });
});
