/** Subcommands that change what a running domain may use: vCPUs, memory, share of the pCPUs. */
import { UsageError } from "../arguments.ts";
import { domain, operands, options, say, whole, type Command } from "../command.ts";
import { formatCredit } from "./format.ts";

/** `xl vcpu-pin DOMAIN VCPU|all CPUS`. */
export const vcpuPin: Command = async (host, args) => {
  const [name, vcpu, cpus] = operands(args, "the domain", "the vCPU (or all)", "the pCPUs") as [string, string, string];
  const domid = await domain(host, name);
  const has = (await host.request("vcpuList", { domid })).map((each) => each.vcpu);
  const pinned = vcpu === "all" ? has : [whole(vcpu, "the vCPU", 0, has.length - 1)];
  for (const each of pinned) await host.request("setAffinity", { domid, vcpu: each, cpus });
  return 0;
};

/** `xl vcpu-set DOMAIN VCPUS`. */
export const vcpuSet: Command = async (host, args) => {
  const [name, vcpus] = operands(args, "the domain", "the number of vCPUs") as [string, string];
  await host.request("setVcpus", { domid: await domain(host, name), vcpus: whole(vcpus, "the number", 1, 128) });
  return 0;
};

const MIB_OF: Record<string, number> = { "": 1, b: 2 ** -20, k: 2 ** -10, m: 1, g: 2 ** 10, t: 2 ** 20 };

/** MiB of a size as xl takes it: a number with b, k, m (unless said), g or t. */
export function sizeMiB(text: string): number {
  const [, digits, unit] = /^(\d+)([bkmgt]?)$/i.exec(text) ?? [];
  if (digits === undefined)
    throw new UsageError(`"${text}" is no size; allowed: a number with b, k, m, g or t, as 256m`);
  return Math.floor(Number(digits) * MIB_OF[unit!.toLowerCase()]!);
}

/** `xl mem-set DOMAIN SIZE`: the balloon driver's target. */
export const memSet: Command = async (host, args) => {
  const [name, size] = operands(args, "the domain", "the memory") as [string, string];
  await host.request("setMemory", { domid: await domain(host, name), memoryMiB: sizeMiB(size) });
  return 0;
};

/** `xl sched-credit [-d DOMAIN [-w WEIGHT] [-c CAP]]`: sets what is given, or shows. */
export const schedCredit: Command = async (host, args) => {
  const { values } = options(
    args,
    {
      domain: { type: "string", short: "d" },
      weight: { type: "string", short: "w" },
      cap: { type: "string", short: "c" },
    },
    0,
  );
  const { domain: name, weight, cap } = values as Record<string, string | undefined>;
  const changes = {
    ...(weight !== undefined && { weight: whole(weight, "the weight", 1, 65535) }),
    ...(cap !== undefined && { cap: whole(cap, "the cap", 0, 3200) }),
  };
  if (name === undefined && Object.keys(changes).length) throw new UsageError("-w and -c need the domain: -d DOMAIN");
  const domid = name === undefined ? null : await domain(host, name);
  if (domid !== null && Object.keys(changes).length) {
    await host.request("setScheduler", { domid, ...changes });
    return 0;
  }
  const shown = (await host.request("list", {})).filter((each) => domid === null || each.domid === domid);
  const rows = await Promise.all(
    shown.map(async (each) => ({ ...each, ...(await host.request("setScheduler", { domid: each.domid })) })),
  );
  return say(formatCredit(rows));
};
