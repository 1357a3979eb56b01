/** Subcommands that change what a running domain may use: vCPUs, memory, share of the pCPUs. */
import { complain, domidOf, orSay, print, XlFailure, type Call, type XlCommand, type XlCommands } from "./command.ts";
import { formatCredit } from "./format.ts";
import { parseCpus } from "../../toolstack/cpu-list.ts";
import { parseNumber } from "../../toolstack/xlcfg-values.ts";

const MIB_OF: Record<string, number> = { "": 1, b: 2 ** -20, k: 2 ** -10, m: 1, g: 2 ** 10, t: 2 ** 20 };

/** Parses a size in xl's syntax: a number with b, k, m (the default), g or t. Returns MiB, in whole KiB. */
export function sizeMiB(text: string): number {
  const [, digits, unit] = /^(\d+)([bkmgt]?)$/i.exec(text) ?? [];
  if (digits === undefined) throw new XlFailure(`invalid memory size: ${text}`);
  return Math.floor(Number(digits) * MIB_OF[unit!.toLowerCase()]! * 1024) / 1024;
}

const vcpuPin: XlCommand = {
  summary: "Set which pCPUs a vCPU may run on, and should",
  operands: "<Domain> <VCPU|all> <Hard|-|all> [Soft|-|all]",
  options: [
    ["-f, --force", "undo a pinning of a while by the guest's kernel"],
    ["--ignore-global-affinity-masks", "there are none here"],
  ],
  run: async ({ host, operands: [name, which, hard, soft], options }) => {
    const api = await host();
    const domid = await domidOf(api, name!);
    if (which !== "all" && !/^\d{1,4}$/.test(which!)) throw new XlFailure(`Error: Invalid argument ${which} as VCPU.`);
    if (options.force && which === "all") throw new XlFailure("Error: --force and 'all' as VCPU not allowed.");
    const there = (await api.request("vcpuList", { domid })).map(({ vcpu }) => vcpu);
    const { nrCpus } = await api.request("hostInfo", {});
    for (const [kind, list] of [
      ["hard", hard],
      ["soft", soft],
    ] as const) {
      if (list === undefined || list === "-") continue;
      const cpus = parseCpus(list);
      if (!cpus) throw new XlFailure(`Invalid pcpu range: ${list}.`);
      if (!cpus.some((cpu) => cpu < nrCpus)) throw new XlFailure(`vcpu ${kind} affinity map is empty`);
    }
    const affinity = {
      ...(hard !== "-" && { cpus: hard! }),
      ...(soft !== undefined && soft !== "-" && { soft }),
    };
    for (const vcpu of which === "all" ? there : [Number(which)]) {
      const failed = `Could not set affinity for vcpu \`${vcpu}'.`;
      if (Object.keys(affinity).length === 0) throw new XlFailure(failed);
      if (!there.includes(vcpu)) throw new XlFailure(`error: ${name} has no vCPU ${vcpu}.\n${failed}`);
      await orSay(api.request("setAffinity", { domid, vcpu, ...affinity, force: options.force === true }), failed);
    }
    return 0;
  },
};

const vcpuSet: XlCommand = {
  summary: "Set how many vCPUs of a domain are online",
  operands: "<Domain> <vCPUs>",
  options: [["-i, --ignore-host", "also more than the host has pCPUs"]],
  run: async ({ host, operands: [name, count], options }) => {
    const api = await host();
    const domid = await domidOf(api, name!);
    const vcpus = parseNumber(count!);
    if (vcpus === null) throw new XlFailure("Error: Invalid argument.");
    const { nrCpus } = await api.request("hostInfo", {});
    if (vcpus > nrCpus && !options.ignoreHost) {
      // What is online already can be kept.
      const online = (await api.request("list", {})).find((each) => each.domid === domid)?.onlineVcpus ?? 0;
      if (vcpus > online)
        throw new XlFailure(
          `You are overcommmitting! You have ${nrCpus} physical CPUs and want ${vcpus} vCPUs! Aborting, use --ignore-host to continue`,
        );
    }
    const failed = `libxl_set_vcpuonline failed domid=${domid} max_vcpus=${vcpus}, rc: -3`;
    if (vcpus < 1 || vcpus > 128) throw new XlFailure(`error: ${vcpus} vCPUs can't be had.\n${failed}`);
    await orSay(api.request("setVcpus", { domid, vcpus }), failed);
    return 0;
  },
};

function memory(request: "setMemory" | "setMaxMemory", what: string, summary: string): XlCommand {
  return {
    summary,
    operands: "<Domain> <Size>",
    run: async ({ host, operands: [name, size] }) => {
      const domid = await domidOf(await host(), name!);
      const memoryMiB = sizeMiB(size!);
      const failed = `cannot set domid ${domid} ${what} max memory to : ${size}`;
      if (!(memoryMiB > 0 && memoryMiB <= 4096))
        throw new XlFailure(`error: no domain of this host can have ${size}.\n${failed}`);
      await orSay((await host()).request(request, { domid, memoryMiB }), failed);
      return 0;
    },
  };
}

/** What the options of sched-credit say of a domain, and of the scheduler. */
async function credit({ host, options }: Call): Promise<number> {
  const api = await host();
  const { domain, weight, cap, cpupool, schedparam } = options as Record<string, string | undefined>;
  const changes = weight !== undefined || cap !== undefined;
  const tuning = ["tslice_ms", "ratelimit_us", "migration_delay_us"].some((name) => options[name] !== undefined);
  if (domain !== undefined && (cpupool !== undefined || schedparam))
    throw new XlFailure("Specifying a cpupool or schedparam is not allowed with domain options.");
  if (domain === undefined && changes) throw new XlFailure("Must specify a domain.");
  if (cpupool !== undefined && cpupool !== "Pool-0" && cpupool !== "0")
    throw new XlFailure(`unknown cpupool '${cpupool}'`);
  if (tuning && !schedparam) throw new XlFailure("Must specify schedparam to set schedule parameter values.");
  if (tuning)
    throw new XlFailure("error: this host's time slice and limits are fixed.\nlibxl_sched_credit_params_set failed.");
  if (domain !== undefined && changes) {
    const domid = await domidOf(api, domain);
    await changeCredit(call(api, domid), weight, cap);
    return 0;
  }
  const domid = domain === undefined ? null : await domidOf(api, domain);
  if (domid === null) {
    const { timesliceMilliseconds, ratelimitMicroseconds, migrationDelayMicroseconds } = await api.request(
      "schedulerParameters",
      {},
    );
    print(
      `Cpupool Pool-0: tslice=${timesliceMilliseconds}ms ratelimit=${ratelimitMicroseconds}us migration-delay=${migrationDelayMicroseconds}us\n`,
    );
  }
  if (schedparam) return 0;
  const shown = (await api.request("list", {})).filter((each) => domid === null || each.domid === domid);
  const rows = await Promise.all(
    shown.map(async (each) => ({ ...each, ...(await api.request("setScheduler", { domid: each.domid })) })),
  );
  return print(formatCredit(rows));
}

type Setter = (changes: { weight?: number; cap?: number }) => Promise<unknown>;
type Api = Awaited<ReturnType<Call["host"]>>;

const call = (api: Api, domid: number): { set: Setter; most: () => Promise<number> } => ({
  set: (changes) => api.request("setScheduler", { domid, ...changes }),
  most: async () => 100 * ((await api.request("list", {})).find((each) => each.domid === domid)?.vcpus ?? 1),
});

async function changeCredit({ set, most }: ReturnType<typeof call>, weight?: string, cap?: string): Promise<void> {
  const failed = "libxl_domain_sched_params_set failed.";
  // As with C's strtol, what is no number is 0.
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : (parseNumber(text) ?? 0);
  const [w, c] = [number(weight), number(cap)];
  if (w !== undefined && !(w >= 1 && w <= 65535))
    throw new XlFailure(`error: Cpu weight out of range, valid values are within range from 1 to 65535\n${failed}`);
  const limit = await most();
  if (c !== undefined && !(c >= 0 && c <= limit))
    throw new XlFailure(
      `error: Cpu cap out of range, valid range is from 0 to ${limit} for specified number of vcpus\n${failed}`,
    );
  await orSay(set({ ...(w !== undefined && { weight: w }), ...(c !== undefined && { cap: c }) }), failed);
}

const COMMON = [
  ["-d, --domain <DOMAIN>", "the domain to look at or change"],
  ["-w, --weight <WEIGHT>", "its weight, 1 to 65535"],
] as const;
const OF_POOL = [
  ["-p, --cpupool <CPUPOOL>", "only domains of this CPU pool"],
  ["-s, --schedparam", "the scheduler's own parameters"],
  ["-r, --ratelimit_us <RLIMIT>", "microseconds that a vCPU runs at least"],
] as const;

export const TUNING: XlCommands = {
  "vcpu-pin": vcpuPin,
  "vcpu-set": vcpuSet,
  "mem-set": memory("setMemory", "dynamic", "Set the target of a domain's balloon driver"),
  "mem-max": memory("setMaxMemory", "static", "Set the most memory that Xen lets a domain have"),
  "sched-credit": {
    summary: "Show or set the credit scheduler's parameters",
    options: [
      ...COMMON,
      ["-c, --cap <CAP>", "its cap in percent of one pCPU, 0 for none"],
      ...OF_POOL,
      ["-t, --tslice_ms <TSLICE>", "milliseconds of a time slice"],
      ["-m, --migration_delay_us <DELAY>", "microseconds that a vCPU stays where it ran"],
    ],
    run: credit,
  },
  "sched-credit2": {
    summary: "Show or set the credit2 scheduler's parameters",
    options: [...COMMON, ...OF_POOL],
    run: async ({ host, options }) => {
      const { domain } = options as Record<string, string | undefined>;
      // Without a domain it shows those of pools with that scheduler, of which there are none.
      if (domain === undefined && !options.weight && !options.schedparam) return 0;
      if (domain === undefined)
        throw new XlFailure(options.weight ? "Must specify a domain." : "error: this host's scheduler is credit.");
      await domidOf(await host(), domain);
      complain("error: this host's scheduler is credit.");
      throw new XlFailure("libxl_domain_sched_params_get returned credit not credit2.");
    },
  },
};
