/** `xenarium host`: the power of a running host, and what becomes of the domains that run when it is switched off. */
import { Command, Option } from "commander";
import type { ApiClient } from "../api/client.ts";
import { carryOut } from "./carry-out.ts";

type Api = Pick<ApiClient, "request">;
type Connect = () => Promise<Api>;

/** The longest that an operator waits for guests to shut down, in seconds. */
const MOST_SECONDS = 120;
const DEFAULT_SECONDS = 10;

/** The declaration for commander, also used for help and completion. */
export function declared(connect: Connect): Command {
  const host = new Command("host").description("The power of the running host").exitOverride();
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  host
    .command("status", { isDefault: true })
    .description("Show whether it is on, and what runs")
    .action(async () => say(await status(await connect())));
  host
    .command("on")
    .description("Power it on")
    .action(async () => {
      const api = await connect();
      await api.request("hostPowerOn", {});
      say(await status(api));
    });
  for (const [name, request, what] of [
    ["off", "hostPowerOff", "Power it off"],
    ["reboot", "hostReboot", "Power it off and on"],
  ] as const)
    host
      .command(name)
      .description(`${what}: what runs is asked to shut down, or is saved`)
      .option("--save", "save what runs: it goes on where it is when it is started again")
      .addOption(
        new Option("--grace <seconds>", "how long guests may take to shut down before they are ended")
          .default(String(DEFAULT_SECONDS))
          .conflicts("save"),
      )
      .action(async ({ save, grace }: { save?: boolean; grace: string }) => {
        const api = await connect();
        if (save) await saveAll(api);
        await api.request(request, { graceMilliseconds: millisecondsOf(grace) });
        say(await status(api));
      });
  return host;
}

async function status(api: Api): Promise<string> {
  const { power, reason, memoryMiB, pcpus } = await api.request("hostState", {});
  if (power !== "running") return `The host is ${power}${reason === null ? "" : `: ${reason}`}`;
  const guests = (await api.request("list", {})).length - 1;
  const run = guests === 1 ? "one domain runs" : `${guests === 0 ? "no" : guests} domains run`;
  return `The host is running: ${memoryMiB} MiB, ${pcpus} ${pcpus === 1 ? "pCPU" : "pCPUs"}, ${run}`;
}

/** Throws where a domain could not be saved: it runs on, and so does the host. */
async function saveAll(api: Api): Promise<void> {
  const { failed } = await api.request("saveAll", {});
  if (failed.length > 0) throw new Error(`the host stays on, because not all could be saved: ${failed.join(" ")}`);
}

function millisecondsOf(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds > MOST_SECONDS)
    throw new Error(`--grace is ${text}; allowed: a number of seconds from 0 to ${MOST_SECONDS}`);
  return seconds * 1000;
}

/** Runs it, and returns the exit status. */
export function power(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}
