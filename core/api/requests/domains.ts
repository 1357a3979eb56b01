/** Domains: creating, starting, ending, naming and configuring them. */
import { z } from "zod";
import type {
  ConfigDiagnostic,
  CreateResult,
  DomainInfo,
  DomainSettings,
  ParsedConfig,
  VcpuInfo,
} from "../../toolstack/messages.ts";
import type { CrashReport } from "../crash-reports.ts";
import type { DomainStop } from "../stops.ts";
import { MOST_CONFIG_CHARACTERS } from "../limits.ts";
import { takes } from "./request.ts";
import { domid, fileId, nothing } from "./values.ts";

/** In whole KiB. */
const mebibytes = z
  .number()
  .min(2 ** -10)
  .max(4096);
const cpuList = z
  .string()
  .max(256)
  .regex(/^[\w:^,-]*$/, 'must be a list of pCPUs, as "0-3,^1", "all" or "nodes:0"');
const configName = z.string().max(4096).optional();
const config = z.string().max(MOST_CONFIG_CHARACTERS);

export const DOMAIN_REQUESTS = {
  list: takes(nothing).gives<DomainInfo[]>(),
  vcpuList: takes(z.strictObject({ domid: domid.optional() })).gives<VcpuInfo[]>(),
  resolve: takes(z.strictObject({ domain: z.union([z.string().max(1024), z.int()]) })).gives<number>(),
  parseConfig: takes(z.strictObject({ config, configName })).gives<ParsedConfig>(),
  /**
   * Makes a domain and keeps it. Without a UUID in the config, a kept domain of the same name that does not run gets this config. `files`: from names
   * in the config to files given before. `paused`: leaves it paused.
   */
  create: takes(
    z.strictObject({
      config,
      configName,
      files: z.record(z.string().max(1024), fileId).optional(),
      paused: z.boolean().optional(),
    }),
  ).gives<CreateResult>(),
  /** Cancels a `create` that is under way, by the domain's name: it is refused with ECANCELED. */
  createCancel: takes(z.strictObject({ name: z.string().min(1).max(1024) })).gives<null>(),
  /** The guest that comes with Xenarium. */
  createBundled: takes(z.strictObject({ vcpus: z.int().min(1).max(32).optional() })).gives<CreateResult>(),
  shutdown: takes(z.strictObject({ domid, reason: z.enum(["poweroff", "reboot", "halt", "suspend"]) })).gives<null>(),
  pause: takes(z.strictObject({ domid })).gives<null>(),
  unpause: takes(z.strictObject({ domid })).gives<null>(),
  destroy: takes(z.strictObject({ domid })).gives<null>(),
  rename: takes(z.strictObject({ domid, name: z.string().min(1).max(1024) })).gives<null>(),
  setScheduler: takes(
    z.strictObject({
      domid,
      weight: z.int().min(1).max(65535).optional(),
      cap: z.int().min(0).max(3200).optional(),
    }),
  ).gives<{ weight: number; cap: number }>(),
  domainSettings: takes(z.strictObject({ domid })).gives<DomainSettings>(),
  /** Hard (`cpus`) and soft affinity in the syntax of `xl vcpu-pin`: "0-3,^1", "all", "nodes:0". What is left out stays as it is. */
  setAffinity: takes(
    z.strictObject({
      domid,
      vcpu: z.int().min(0).max(127),
      cpus: cpuList.optional(),
      soft: cpuList.optional(),
      force: z.boolean().optional(),
    }),
  ).gives<null>(),
  /** The most memory that Xen lets it have, which can't be less than the target of its balloon driver. */
  setMaxMemory: takes(z.strictObject({ domid, memoryMiB: mebibytes })).gives<null>(),
  /** Sends a magic system request to Linux: its letter. */
  sysrq: takes(z.strictObject({ domid, key: z.string().length(1) })).gives<null>(),
  /** A PV domain knows only nmi. */
  trigger: takes(
    z.strictObject({
      domid,
      trigger: z.enum(["nmi", "reset", "init", "power", "sleep", "s3resume"]),
      vcpu: z.int().min(0).max(127),
    }),
  ).gives<null>(),
  /** Sets what the domain is restarted from; it goes on as it is. */
  updateConfig: takes(z.strictObject({ domid, config, configName })).gives<{ warnings: ConfigDiagnostic[] }>(),
  setVcpus: takes(z.strictObject({ domid, vcpus: z.int().min(1).max(128) })).gives<null>(),
  setMemory: takes(z.strictObject({ domid, memoryMiB: mebibytes })).gives<null>(),
  /** How domains have stopped since power-on, the latest last. */
  stops: takes(nothing).gives<DomainStop[]>(),
  /** Why a domain has crashed since power-on, in the words of its console and Xen at that time. Its answer: null where it has not crashed. */
  crashReport: takes(z.strictObject({ domid })).gives<CrashReport | null>(),
};
