/** Subcommands about CPU pools: this host has one, Pool-0, with all pCPUs. */
import { domidOf, print, XlFailure, type Call, type XlCommands } from "./command.ts";

const POOL = "Pool-0";
const ONE = `error: this host has one CPU pool, ${POOL}, with all its pCPUs`;

function known(pool: string): void {
  if (pool !== POOL && pool !== "0") throw new XlFailure(`unknown cpupool '${pool}'`);
}

function refuse(line: string): never {
  throw new XlFailure(`${ONE}\n${line}`);
}

const cpus = (what: string) => ({
  summary: `${what} pCPUs ${what === "Add" ? "to" : "from"} a CPU pool`,
  operands: "<Pool> <CPUs|node:Nodes>",
  run: ({ operands: [pool] }: Call): number => {
    known(pool!);
    return refuse(
      what === "Add"
        ? `some cpus may not have been added to ${pool}`
        : `Some cpus may not have or only partially been removed from '${pool}'.`,
    );
  },
});

export const POOLS: XlCommands = {
  "cpupool-list": {
    summary: "List the CPU pools of the host",
    operands: "[Pool]",
    options: [["-c, --cpus", "the pCPUs of each"]],
    run: async ({ host, operands: [pool], options }) => {
      if (pool !== undefined && pool !== POOL && pool !== "0") throw new XlFailure(`Pool '${pool}' does not exist`);
      const { nrCpus, xenScheduler } = await (await host()).request("hostInfo", {});
      if (options.cpus) {
        const all = Array.from({ length: nrCpus }, (_, cpu) => cpu).join(",");
        return print(`Name               CPU list\n${POOL.padEnd(19)}${all}\n`);
      }
      const count = (await (await host()).request("list", {})).length;
      const row = `${POOL.padEnd(19)}${String(nrCpus).padStart(3)} ${xenScheduler.padStart(9)}       y       ${String(count).padStart(4)}`;
      return print(`Name               CPUs   Sched     Active   Domain count\n${row}\n`);
    },
  },
  "cpupool-create": {
    summary: "Create a CPU pool",
    operands: "[configfile] [vars...]",
    options: [
      ["-f, --defconfig <FILE>", "use this file"],
      ["-n, --dryrun", "only look at it"],
    ],
    run: ({ operands, options }) => {
      if (operands.length === 0 && options.defconfig === undefined) throw new XlFailure("Missing cpupool name!");
      return refuse("error on creating cpupool");
    },
  },
  "cpupool-destroy": {
    summary: "Deactivate a CPU pool",
    operands: "<Pool>",
    run: ({ operands: [pool] }) => {
      known(pool!);
      return refuse(`Can't destroy cpupool '${pool}'`);
    },
  },
  "cpupool-rename": {
    summary: "Rename a CPU pool",
    operands: "<Pool> <NewName>",
    run: ({ operands: [pool] }) => {
      known(pool!);
      return refuse(`Can't rename cpupool '${pool}'`);
    },
  },
  "cpupool-cpu-add": cpus("Add"),
  "cpupool-cpu-remove": cpus("Remove"),
  "cpupool-migrate": {
    summary: "Move a domain into a CPU pool",
    operands: "<Domain> <Pool>",
    run: async ({ host, operands: [name, pool] }) => {
      await domidOf(await host(), name!).catch(() => {
        throw new XlFailure(`unknown domain '${name}'`);
      });
      known(pool!);
      return 0;
    },
  },
  "cpupool-numa-split": {
    summary: "Make a CPU pool of each NUMA node",
    // There is one node, so there is nothing to split.
    run: () => 0,
  },
};
