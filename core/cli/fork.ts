/** `xenarium fork`: makes copies of a running domain, which continue beside it. */
import { Command } from "commander";
import type { ApiClient } from "../api/client.ts";
import { carryOut } from "./carry-out.ts";
import { uuidOf } from "./snapshot.ts";

type Connect = () => Promise<Pick<ApiClient, "request">>;

export function declared(connect: Connect): Command {
  return new Command("fork")
    .description(
      "Let a running domain go on in copies of it too, with disks of their own that are based on its disks of now. Each is a domain that is kept: delete it when it is of no use any more.",
    )
    .argument("<domain>", "by its name or domid")
    .argument("[copies]", "how many", "1")
    .exitOverride()
    .action(async (domain: string, count: string) => {
      const copies = Number(count);
      if (!/^\d+$/.test(count)) throw new Error(`${count} is no number of copies; allowed: 1 to 16`);
      const api = await connect();
      const began = performance.now();
      const made = await api.request("domainFork", { uuid: await uuidOf(api, domain), copies });
      for (const { name, domid } of made.copies) process.stdout.write(`${name}  ${domid}\n`);
      const took = Math.ceil(performance.now() - began);
      process.stderr.write(`${domain} stood still for ${Math.ceil(made.stood)} ms; all of it took ${took} ms.\n`);
    });
}

/** Runs it, and returns the exit status. */
export function fork(args: string[], connect: Connect): Promise<number> {
  return carryOut(declared(connect), args);
}
