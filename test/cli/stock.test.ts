/** Compares our xl and xenstore clients with the stock ones of Xen 4.17, whose answers ../stock/record.ts has recorded: exit status and words. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connectHost } from "../../core/cli/host.ts";
import { xenstore } from "../../core/cli/xenstore/clients.ts";
import { XlFailure } from "../../core/cli/xl/command.ts";
import { xl } from "../../core/cli/xl/program.ts";
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

/** Does in this process what `xenarium …` does, so that a command takes milliseconds and not the time that Node takes to start. */
async function ours(...args: string[]): Promise<Answer> {
  const written = { out: [] as Uint8Array[], err: [] as Uint8Array[] };
  const spies = (["out", "err"] as const).map((name) =>
    vi.spyOn(process[`std${name}`], "write").mockImplementation((data) => {
      written[name].push(Buffer.from(data as string));
      return true;
    }),
  );
  const client = await connectHost(served.env.XENARIUM_SOCKET);
  const connect = () => Promise.resolve(client);
  const [command, ...rest] = args;
  let status: number;
  try {
    status = await (command === "xl" ? xl(rest, connect) : xenstore(command!, rest, connect));
  } catch (error) {
    if (!(error instanceof XlFailure)) throw error;
    written.err.push(Buffer.from(`${error.message}\n`));
    ({ status } = error);
  } finally {
    client.close();
    for (const spy of spies) spy.mockRestore();
  }
  return { status, out: Buffer.concat(written.out).toString(), err: Buffer.concat(written.err).toString() };
}
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

/** Where our answer differs on purpose. */
const OTHER_CLIENTS: Readonly<Record<string, string>> = {
  "xenstore-chmod -r /t/deep b5": "the stock client fails with -r; ours does what its manual says",
  "xenstore-chmod -u /t/deep/down/here n7": "the stock client fails with -u; ours does what its manual says",
  "xenstore-ls -p /t/deep": "follows from chmod -r and -u",
  "xenstore-chmod -ru /t/deep/down n3": "follows from chmod -r and -u",
  "xenstore-ls -p /t": "follows from chmod -r and -u",
  "xenstore-ls -R /t": "ours names the option",
  "xenstore-read -x /t/a": "the stock client goes on after an option that it does not know",
  "xenstore-watch -x /t": "the stock client goes on after an option that it does not know",
  "xenstore-list /": "the host has more at its root",
};

describe("the xenstore clients", () => {
  it("answer as the stock ones", { timeout: 240_000 }, async () => {
    const lines = recorded("xenstore.json");
    expect(lines.length).toBeGreaterThan(90);
    const different: unknown[] = [];
    for (const line of lines) {
      const command = said(line);
      const reason = OTHER_CLIENTS[command];
      const { status, out, err } = await ours(line.name!, ...line.args);
      const stock = { status: line.status, out: line.out, err: line.err };
      if (status === stock.status && out === stock.out && err === stock.err) continue;
      if (!reason) different.push({ command, stock, ours: { status, out, err } });
    }
    expect(different).toEqual([]);
  });
});

/** Where our answer differs on purpose, or the two hosts do. */
const OTHER_XL: Readonly<Record<string, string>> = {
  " list web db": "the manual has several domains; stock xl takes one",
  " list web nobody": "the manual has several domains; stock xl takes one",
  " pause web db": "stock xl passes over what it does not need; ours says so",
  " vcpu-list 9": "ours fails when it says that there is no such domain",
  " vcpu-pin web 0 0 1": "the still host refuses a soft affinity outside of the hard one; Xen takes it",
  " sched-credit -s -t 20": "this host's time slice is fixed",
  " trigger web power": "the still host takes every trigger; Xen none but an NMI for a PV domain",
  " button-press web power": "the still host takes every trigger; Xen none but an NMI for a PV domain",
  " block-list nobody": "ours fails when it says that there is no such domain",
  " mem-max db 96": "the still host has no configuration of db",
  " -x list": "getopt's own line",
};

describe("xl", () => {
  it("answers as the stock one", { timeout: 120_000 }, async () => {
    const different: unknown[] = [];
    for (const line of recorded("xl.json")) {
      const command = said(line);
      if (Object.hasOwn(OTHER_XL, command)) continue;
      const { status, out, err } = await ours("xl", ...line.args);
      // libxl's log lines contain the place in its source; ours give the reason in other words.
      const words = (text: string): string =>
        text
          .split("\n")
          .filter((each) => each && !/^(libxl: )?error: /.test(each))
          .join("\n");
      const isTable = line.status === 0 && !/^(help|.* -h$)/.test(line.args.join(" "));
      const same =
        status === line.status && words(err) === words(line.err) && (!isTable || head(out) === head(line.out));
      if (!same) different.push({ command, stock: line, ours: { status, out, err } });
    }
    expect(different).toEqual([]);
  });
});

/** Returns the head of a table, or nothing. */
const head = (text: string): string => /^(Name|UUID|Vdev|Idx) .*/.exec(text)?.[0].trimEnd() ?? "";
