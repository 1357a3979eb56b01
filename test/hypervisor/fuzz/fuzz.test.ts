/**
 * A hostile guest makes random hypercalls (fuzz.c) until a million are done. It may ruin itself; then it is started again
 * with another seed. The host must live, its invariants hold, and a sibling go on working.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { traceCalls } from "../../../core/api/trace/calls.ts";
import { DEFAULT_BOOT_CONFIG } from "../../../core/toolstack/boot-config.ts";
import { PoweredHost } from "../../../core/toolstack/power.ts";
import { Tracer } from "../../../core/toolstack/trace/tracer.ts";
import type { ToolstackClient } from "../../../core/toolstack/client.ts";
import { temporaryFolder } from "../../temporary.ts";

const CALLS = Number(process.env.XENARIUM_FUZZ_CALLS ?? 1_000_000);
/** A hostile guest that says nothing for so long makes no calls any more. */
const QUIET_MS = 500;
/** One that has made its own calls slow (a timer every millisecond, long polls) gives its place to the next. */
const LONGEST_MS = 5000;
const root = path.resolve(import.meta.dirname, "../../..");

const compiler = (() => {
  try {
    execFileSync("gcc", ["--version"]);
    return true;
  } catch {
    if (process.env.CI) throw new Error("the fuzz guest needs gcc and make");
    return false;
  }
})();

/** Console text of the domains, by domid. */
function consoles(toolstack: ToolstackClient): Map<number, string> {
  const text = new Map<number, string>();
  toolstack.on("console", ({ domid, bytes }) =>
    text.set(domid, (text.get(domid) ?? "") + Buffer.from(bytes).toString("latin1")),
  );
  return text;
}

async function until(what: string, condition: () => boolean, seconds: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what} did not come within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

it.skipIf(!compiler)(
  `the host survives ${CALLS} random hypercalls of a hostile guest (needs gcc, make)`,
  async () => {
    const work = temporaryFolder("fuzz");
    execFileSync("make", ["-s", "-C", import.meta.dirname, `OUT=${work}/fuzz.elf`]);
    const files = {
      "fuzz.elf": readFileSync(`${work}/fuzz.elf`),
      "mini.elf": readFileSync(path.join(root, "assets/guests/mini.elf")),
    };
    const imageFolder = pathToFileURL(`${root}/dist/`);
    // Not one of its words is held back: they say what it has done.
    const boot = {
      ...DEFAULT_BOOT_CONFIG,
      entries: [{ title: "All", cmdline: "dom0_mem=64M loglvl=all guest_loglvl=all" }],
    };
    const host = new PoweredHost({ memoryMiB: 512, pcpus: 2, boot, imageFolder });
    let log = "";
    // What each hostile domain has certainly made, by what it said in the log; from the first line that is whole on.
    const said = new Map<number, number>();
    host.on("serial", ({ pieces }) => {
      log = (log + Buffer.concat(pieces.map(({ bytes }) => bytes)).toString("latin1")).slice(-20_000);
      for (const [, domid, count] of log.matchAll(/^\(d(\d+)\) FUZZ-(?:PROGRESS|DONE) (\d+)\r?$/gm))
        said.set(Number(domid), Math.max(said.get(Number(domid)) ?? 0, Number(count)));
    });
    let gone: string | null = null;
    host.on("off", ({ reason }) => (gone = reason ?? "powered off"));
    await host.start();
    const { toolstack } = host;
    const text = consoles(toolstack);
    const stopped = new Set<number>();
    toolstack.on("stopped", ({ domid }) => stopped.add(domid));
    // What it does is traced: records are of it alone, say what can be said, and none is written elsewhere.
    const tracer = new Tracer(host);
    let recorded = 0;
    const wrong: string[] = [];
    const untrace = new Map<number, () => Promise<void>>();
    const trace = async (domid: number): Promise<void> => {
      const end = await tracer.listen(domid, ({ domid: of, records }) => {
        for (const call of traceCalls(records)) {
          if (call.domid !== domid || of !== domid || call.vcpu > 31 || !(call.time > 0))
            wrong.push(`${call.domid} ${call.vcpu} ${call.time}`);
          recorded++;
        }
      });
      untrace.set(domid, end);
    };
    const create = async (config: string): Promise<number> => {
      const { domid } = await toolstack.request("create", { config, files, paused: true });
      await toolstack.request("consoleAttach", { domid });
      await trace(domid);
      await toolstack.request("unpause", { domid });
      return domid;
    };
    const type = (domid: number, line: string): Promise<null> =>
      toolstack.request("consoleInput", { domid, bytes: Buffer.from(line) });

    const sibling = await create(`name = "sibling"\nkernel = "mini.elf"\nmemory = 32\nvcpus = 2\n`);
    await until("the sibling's prompt", () => /mini> $/.test(text.get(sibling) ?? ""), 20);
    await type(sibling, "load 1\r");

    let made = 0;
    let runs = 0;
    const first = Number(process.env.XENARIUM_FUZZ_SEED ?? Date.now() % 1_000_000);
    try {
      for (let seed = first; made < CALLS; seed++) {
        const domid = await create(
          `name = "fuzz${runs}"\nkernel = "fuzz.elf"\nmemory = 16\nextra = "seed=${seed} count=${CALLS}"\n` +
            `on_crash = "destroy"\non_reboot = "destroy"\non_poweroff = "destroy"\n`,
        );
        runs++;
        // It may also stop making calls (waiting for an event that nobody sends): then it is destroyed.
        let last = -1;
        let quietSince = Date.now();
        const began = Date.now();
        while (!stopped.has(domid) && Date.now() - quietSince < QUIET_MS && Date.now() - began < LONGEST_MS && !gone) {
          await new Promise((resolve) => setTimeout(resolve, 10));
          const now = said.get(domid) ?? 0;
          if (now !== last) quietSince = Date.now();
          last = now;
        }
        made += said.get(domid) ?? 0;
        expect(gone).toBeNull();
        if (!stopped.has(domid))
          await toolstack.request("destroy", { domid }).catch(async (error: unknown) => {
            // It has ended by itself meanwhile, which is heard of as of any other's end.
            if (!(error instanceof ToolstackError) || error.code !== "ESRCH") throw error;
            await until("word of its end", () => stopped.has(domid), 20);
          });
        await untrace.get(domid)?.();
        text.delete(domid);
        if (runs % 50 === 0) expect(await toolstack.request("checkInvariants"), log).toBe(0);
      }
      expect(await toolstack.request("checkInvariants"), log).toBe(0);
      expect(gone).toBeNull();
      expect(wrong).toEqual([]);
      expect(recorded).toBeGreaterThan(Math.min(made, 1000) / 2);
      const seen = text.get(sibling)!.length;
      await type(sibling, "uptime\r");
      await until("the sibling's answer", () => /up [\d.]+ s[\s\S]*mini> $/.test(text.get(sibling)!.slice(seen)), 10);
      console.log(`${made} hypercalls in ${runs} runs from seed ${first}: 0 violations`);
    } catch (error) {
      throw new Error(`after ${made} calls in ${runs} runs from seed ${first}\n${log}`, { cause: error });
    } finally {
      await host.powerOff();
    }
  },
  600_000,
);
